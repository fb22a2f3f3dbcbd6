"""Starts the task of an app: `nat serve` in the project's sandbox."""

from contextlib import AbstractAsyncContextManager

import anyio
import structlog

from att.kernel.errors import AttError, NotFound
from att.runtime.environment import Environments
from att.runtime.faults import TAIL_BYTES
from att.runtime.records import App
from att.workspace.place import Place
from att.workspace.ports import Sandboxes
from att.workspace.schema import Program, TaskKind, TaskSpec, TaskState

_log = structlog.get_logger()

MEMORY_BYTES_MAX = 2 * 1024 * 1024 * 1024
# Whoever reads along may be this far behind: more than ten seconds of an app that writes ten megabytes in each.
LOG_BYTES_MAX = 128 * 1024 * 1024
TASKS_KEPT = 3


class Launcher:
    """One start or stop of a project's app at a time; what it starts is known by the id in its row."""

    def __init__(self, sandboxes: Sandboxes, environments: Environments) -> None:
        self._sandboxes = sandboxes
        self._environments = environments
        self._turns: dict[str, anyio.Lock] = {}

    def turn(self, place: Place) -> AbstractAsyncContextManager[None]:
        """Hold the project's turn: between a row and its task nobody else changes either."""
        lock: AbstractAsyncContextManager[None] = self._turns.setdefault(place.project_id, anyio.Lock())
        return lock

    async def launch(self, place: Place, app: App) -> TaskState:
        """Start the task of `app`, or return the state of the one that was started before. Called with the turn."""
        await self._forget_old(place, app)
        return await self._sandboxes.start(
            place,
            TaskSpec(
                task_id=app.task_id,
                kind=TaskKind.APP,
                program=Program.NAT,
                command=("-m", "att_nat.serve", "--config", str(app.config), "--port", str(app.port)),
                environment=self._environments.plain(),
                secrets=await self._environments.secret(place),
                memory_bytes_max=MEMORY_BYTES_MAX,
                log_bytes_max=LOG_BYTES_MAX,
                port=app.port,
            ),
        )

    async def log_end(self, place: Place, task_id: str) -> str:
        """Return the end of a task's log as text, nothing when there is none."""
        try:
            size = (await self._sandboxes.state(place, task_id)).log_bytes
        except NotFound:
            return ""
        found = bytearray()
        async for part in self._sandboxes.read_log(place, task_id, max(0, size - TAIL_BYTES)):
            found += part
            if len(found) > 2 * TAIL_BYTES:
                break
        return found.decode("utf-8", "replace")

    async def _forget_old(self, place: Place, app: App) -> None:
        """Remove the folders of earlier apps but for the last few, whose logs are still read."""
        earlier = [
            task
            for task in await self._sandboxes.tasks(place)
            if task.kind is TaskKind.APP and not task.running and task.task_id != app.task_id
        ]
        for task in earlier[:-TASKS_KEPT]:
            try:
                await self._sandboxes.forget(place, task.task_id)
            except AttError as error:
                _log.warning("app.not_forgotten", task_id=task.task_id, code=error.code)
