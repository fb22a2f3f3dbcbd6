"""What cycles need of the rooms beside them: the engine that looks at changes and signs them, and the bus."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from att.upgrade.approvals.standing import Standing, Status
from att.upgrade.schema import ReleaseIds, Transaction


class Proposals(Protocol):
    """The upgrade engine as the API may ask it: what it says is its own, what operators said to it is theirs.

    Every method raises the engine's own error, or Unavailable(engine_unavailable).
    """

    async def status(self) -> Status:
        """Return what is proposed, approved, paused, held and released."""

    async def ids(self) -> ReleaseIds:
        """Return which release is which now."""

    async def busy(self) -> Transaction | None:
        """Return the transaction that the engine works on, None while there is none."""

    async def propose(
        self, pack: Path, *, number: int, commit: str, releases: bool, dropped: Sequence[str], subject: str
    ) -> Standing:
        """Show it the change of a pull request; `pack` are its objects since the running release's commit."""

    async def withdraw(self, number: int) -> None:
        """Have a pull request forgotten, and what was said of it; one that is not proposed is no error."""

    async def release(self, pack: Path, *, number: int, commit: str, job: str, checks: Sequence[str]) -> str:
        """Have a merge built, signed and installed; returns the transaction, for one job always the same."""

    async def transaction(self, transaction: str) -> Transaction:
        """Return how an upgrade goes."""


class Bus(Protocol):
    """Where cycles tell how they go."""

    def publish(self, event_type: str, payload: Mapping[str, Any], *, project_id: str = "") -> object: ...
