"""Has the secrets checked by the engine, or in this process where it is root's or the secrets are its own."""

import os

import anyio.to_thread

from att.appliance import Facts
from att.secrets.check import check
from att.secrets.ports import Engine
from att.secrets.schema import SecretsReport


class SecretsService:
    """The secrets of one appliance; without `engine` (as in `make dev`) they belong to this process's user."""

    def __init__(self, facts: Facts, engine: Engine | None = None) -> None:
        self._facts = facts
        self._engine = engine

    async def check(self) -> SecretsReport:
        """Return what is wrong with the secret files."""
        if self._engine is not None and os.geteuid() != 0:
            return SecretsReport.model_validate(await self._engine.call("secrets_check", {}))
        uids = None if self._engine is not None else {"root": os.geteuid()}
        report = await anyio.to_thread.run_sync(check, self._facts, uids)
        return SecretsReport.model_validate(report.as_json())
