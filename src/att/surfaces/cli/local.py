"""Runs an operation in this process: what needs files, the upgrade engine and stage0 alone works without the API."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from att.appliance import facts
from att.kernel.ids import new_id
from att.kernel.operation import Caller, Context, Kind, Operation, Role
from att.surfaces.cli import output
from att.surfaces.cli.failure import OK, tell_failure
from att.surfaces.cli.progress import ProgressLine
from att.surfaces.cli.target import user_name
from att.surfaces.problem import invalid
from att.surfaces.table import find


def run_local(name: str, values: Mapping[str, Any], form: str, *, wait: bool) -> int:
    """Run the operation, print its result, return the exit code.

    A job is let go of as soon as the engine has given its transaction, unless `wait`; interrupted it goes on.
    """
    operation = find(name)
    try:
        request = operation.request.model_validate(dict(values))
    except ValidationError as error:
        raise invalid(error) from error
    progress = LocalProgress(wait=wait) if operation.kind is Kind.JOB else None
    context = Context(
        caller=Caller(id=f"uid:{os.getuid()}", name=user_name(), role=Role.ADMIN, door="ssh"),
        request_id=new_id("req"),
        services=Services(),
        progress=progress,
    )
    try:
        result = asyncio.run(_run(operation, context, request, form))
    except LetGo as gone:
        output.show({"transaction": gone.transaction}, form, name)
        sys.stderr.write(f"watch it: attctl upgrade show {gone.transaction}\n")
        return OK
    except KeyboardInterrupt:
        if progress and progress.transaction:
            output.show({"transaction": progress.transaction}, form, name)
            sys.stderr.write(f"it goes on: attctl upgrade show {progress.transaction}\n")
        raise
    finally:
        if progress:
            progress.line.done()
    if result is None:
        return OK
    shown = result.model_dump(mode="json")
    output.show(shown, form, name)
    return tell_failure(shown, operation.exit_code(result)) if operation.exit_code else OK


async def _run(operation: Operation, context: Context, request: BaseModel, form: str) -> Any:
    if operation.kind is not Kind.STREAM:
        return await operation.answer(context, request)
    async for item in operation.items(context, request):
        sys.stdout.write(output.item_of(item.model_dump(mode="json"), form))
        sys.stdout.flush()
    return None


class LetGo(BaseException):
    """Ends a local job here while the engine goes on; no handler may catch it, hence no Exception."""

    def __init__(self, transaction: str) -> None:
        super().__init__(transaction)
        self.transaction = transaction


class LocalProgress:
    """Progress of a job that the engine does: shown on stderr, not persisted, for the engine's journal has it all."""

    def __init__(self, *, wait: bool) -> None:
        self.line = ProgressLine()
        self.transaction: str | None = None
        self._wait = wait
        self._values: dict[str, Any] = {}

    @property
    def job_id(self) -> str:
        """The transaction, once there is one."""
        return self.transaction or ""

    async def step(self, name: str, *, percent: float | None = None, deadline: float | None = None) -> None:
        """Show the step."""
        self.line.show(name, percent, deadline)

    async def log(self, line: str, **remember: Any) -> None:
        """Show the line, and keep the values for this run."""
        self.line.log(line)
        self._values |= remember

    async def state(self) -> dict[str, Any]:
        """Return what was remembered in this run."""
        return dict(self._values)

    async def remember(self, **values: Any) -> None:
        """Keep the values for this run; with a transaction, and nobody to wait for it, let go."""
        self._values |= values
        if values.get("transaction"):
            self.transaction = str(values["transaction"])
            if not self._wait:
                raise LetGo(self.transaction)

    async def cancelled(self) -> bool:
        """Return False: attctl lets go of a job, it does not cancel it."""
        return False


class Services(dict[type, Any]):
    """What local handlers may ask for, made at the first use, so that a command imports its own room alone."""

    def __missing__(self, kind: type) -> Any:
        self[kind] = service = _MAKERS[f"{kind.__module__}.{kind.__qualname__}"]()
        return service


def _engine() -> Any:
    from att.upgrade.client import EngineClient

    return EngineClient(facts().unit("att-upgraded").socket_paths[0])


def _config() -> Any:
    from att.config.service import ConfigService

    return ConfigService(facts(), _engine())


def _status() -> Any:
    from att.diagnostics.service import StatusService

    return StatusService(facts(), _engine())


def _secrets() -> Any:
    from att.secrets.service import SecretsService

    return SecretsService(facts(), _engine())


_MAKERS: Mapping[str, Callable[[], Any]] = {
    "att.appliance.facts.Facts": facts,
    "att.upgrade.client.EngineClient": _engine,
    "att.config.service.ConfigService": _config,
    "att.diagnostics.service.StatusService": _status,
    "att.secrets.service.SecretsService": _secrets,
}
