"""The upgrade engine behind its socket, as cycles ask it."""

from collections.abc import Sequence
from pathlib import Path

from att.upgrade.approvals.standing import Standing, Status
from att.upgrade.client import EngineClient
from att.upgrade.schema import ReleaseIds, Transaction


class EngineProposals:
    """Implements `ports.Proposals`."""

    def __init__(self, client: EngineClient) -> None:
        self._client = client

    async def status(self) -> Status:
        """See `ports.Proposals`."""
        return Status.model_validate(await self._client.call("bootstrap_status"))

    async def ids(self) -> ReleaseIds:
        """See `ports.Proposals`."""
        found = await self._client.call("status")
        return ReleaseIds.model_validate({name: found.get(name) for name in ReleaseIds.model_fields})

    async def busy(self) -> Transaction | None:
        """See `ports.Proposals`."""
        running: str | None = (await self._client.call("status"))["transaction"]
        return None if running is None else await self.transaction(running)

    async def propose(
        self, pack: Path, *, number: int, commit: str, releases: bool, dropped: Sequence[str], subject: str
    ) -> Standing:
        """See `ports.Proposals`."""
        told = {"number": number, "commit": commit, "releases": releases, "dropped": list(dropped), "subject": subject}
        return Standing.model_validate(await self._client.call_with_file("bootstrap_propose", pack, told))

    async def withdraw(self, number: int) -> None:
        """See `ports.Proposals`."""
        await self._client.call("bootstrap_withdraw", {"number": number})

    async def release(self, pack: Path, *, number: int, commit: str, job: str, checks: Sequence[str]) -> str:
        """See `ports.Proposals`."""
        told = {"number": number, "commit": commit, "job": job, "checks": list(checks)}
        return str((await self._client.call_with_file("bootstrap_release", pack, told))["transaction"])

    async def transaction(self, transaction: str) -> Transaction:
        """See `ports.Proposals`."""
        return Transaction.model_validate(await self._client.call("show", {"transaction": transaction}))
