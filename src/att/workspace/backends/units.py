"""Tasks on the appliance: each a unit of the project's user, which the launcher starts."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import anyio
from anyio.to_thread import run_sync

from att.appliance import Facts
from att.kernel.error_json import error_from
from att.kernel.errors import AttError, Conflict, Failed, NotFound, Unavailable
from att.kernel.ids import new_id
from att.workspace.backends.folders import TaskFolders, checked_id
from att.workspace.launcher_wire import LINE_BYTES_MAX, line_of
from att.workspace.place import Place
from att.workspace.schema import TaskKind, TaskSpec, TaskState
from att.workspace.shim.records import STOP
from att.workspace.units import Slot
from att.workspace.way_out import WayOut

ANSWER_SECONDS = 200.0
WIPE_SECONDS = 600.0
END_SECONDS = 10.0
_BEGIN_SECONDS = 10.0
_LOOK_SECONDS = 0.02
_REMOVALS_MAX = 5
# Directories first: some package managers make theirs unwritable, and then nothing below them can go. Again when
# something was still being removed by whoever made it.
_WIPE = """
for attempt in 1 2 3; do
  find "$@" -ignore_readdir_race -mindepth 1 -type d ! -perm -700 -exec chmod u+rwx {} +
  find "$@" -ignore_readdir_race -mindepth 1 -delete
  [ -n "$(find "$@" -mindepth 1 -print -quit)" ] || exit 0
done
exit 1
"""


class UnitSandboxes(TaskFolders):
    """Implements `Sandboxes` over the launcher's socket; without a `way_out` nothing leads to the internet.

    `end_seconds` is how long the unit of a task that is over may take to end as well.
    """

    def __init__(self, where: Facts, way_out: WayOut | None = None, *, end_seconds: float = END_SECONDS) -> None:
        self._end_seconds = end_seconds
        self._socket = where.unit("att-launcher").socket_paths[0]
        self._way_out = way_out

    async def prepare(self, place: Place) -> None:
        """Look that the slot's folders are there: the machine made them at boot."""
        _slot(place)
        if not await anyio.Path(place.tasks).is_dir():
            raise Unavailable("task_unreachable", f"cannot use the project's folder: {place.tasks} is not there")

    async def remove(self, place: Place) -> None:
        """Stop what runs and empty the slot's folders, which the next project of the slot finds as new."""
        for _ in range(_REMOVALS_MAX):
            await self._empty(place)
            if not await self.tasks(place):
                return
        raise Conflict("task_running", f"cannot remove the project in {place.folder.name}: tasks begin there anew")

    async def _empty(self, place: Place) -> None:
        for task in await self.tasks(place):
            if task.running:
                await self.stop(place, task.task_id)
        wipe = TaskSpec(
            task_id=new_id("wipe"),
            kind=TaskKind.BUILD,
            command=("/bin/sh", "-c", _WIPE, "sh", str(place.work), str(place.home)),
            timeout_seconds=WIPE_SECONDS,
        )
        await self.start(place, wipe)
        ended = await self.wait(place, wipe.task_id)
        if ended.code != 0:
            raise Failed("internal", f"cannot remove the project's files: {await self._said(place, wipe.task_id)}")
        for task in await self.tasks(place):
            await self.forget(place, task.task_id)

    async def start(self, place: Place, spec: TaskSpec) -> TaskState:
        """Start a task, or return the state of the one with that id."""
        checked_id(spec.task_id)
        try:
            return await self.state(place, spec.task_id)
        except NotFound:
            pass
        granted = self._way_out.granted(place, spec) if self._way_out else spec
        await self._ask(place, {"verb": "start", "spec": granted.model_dump(mode="json")})
        with anyio.move_on_after(_BEGIN_SECONDS):
            while True:
                try:
                    return await self.state(place, spec.task_id)
                except NotFound:
                    await anyio.sleep(_LOOK_SECONDS)
        raise Failed("task_not_started", f"cannot start {spec.task_id}: its unit ended before it began")

    async def stop(self, place: Place, task_id: str, *, grace_seconds: float = 5.0) -> TaskState:
        """SIGTERM to the whole tree, SIGKILL after the grace; the unit's own limit ends an att-run that hangs."""
        state = await self.state(place, task_id)
        if state.running:
            await anyio.Path(place.task(task_id) / STOP).write_text(f"{grace_seconds:g}")
            await self._about(place, "stop", state)
        return await self.wait(place, task_id)

    async def forget(self, place: Place, task_id: str) -> None:
        """Remove what is left of a task that has ended; quiet when it is gone. Raises Conflict(task_running)."""
        try:
            state = await self.state(place, task_id)
        except NotFound:
            return
        if state.running:
            raise Conflict("task_running", f"cannot forget {task_id}: it runs")
        await self._forget_unit(place, state)
        await run_sync(shutil.rmtree, place.task(task_id))

    async def _forget_unit(self, place: Place, state: TaskState) -> None:
        """Have the launcher forget a unit, which ends a moment after its task has its end on record.

        One that does not is stopped: what is on record lies in the project's folder, and its own code may have put it
        there.
        """
        with anyio.move_on_after(self._end_seconds):
            while True:
                try:
                    await self._about(place, "forget", state)
                    return
                except Conflict:
                    await anyio.sleep(_LOOK_SECONDS)
        await self._about(place, "stop", state)
        await self._about(place, "forget", state)

    async def _said(self, place: Place, task_id: str) -> str:
        lines = [block async for block in self.read_log(place, task_id)]
        return b"".join(lines)[-400:].decode(errors="replace").strip() or "it did not say why"

    async def _about(self, place: Place, verb: str, state: TaskState) -> dict[str, Any]:
        return await self._ask(place, {"verb": verb, "task_id": state.task_id, "kind": state.kind.value})

    async def _ask(self, place: Place, question: dict[str, Any]) -> dict[str, Any]:
        answer = await asked(self._socket, {"slot": _slot(place).number, **question})
        found: dict[str, Any] = answer.get("state", {})
        return found


async def asked(path: Path, question: dict[str, Any]) -> dict[str, Any]:
    """Return the launcher's answer; raises its error, or Unavailable(launcher_unavailable)."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_unix_connection(str(path), limit=LINE_BYTES_MAX)
            try:
                writer.write(line_of(question))
                answer: dict[str, Any] = json.loads(await reader.readuntil(b"\n"))
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
        raise _silent(str(error) or type(error).__name__) from error
    if "error" in answer:
        raise error_from(answer["error"], "the launcher")
    return answer


def _silent(why: str) -> AttError:
    return Unavailable("launcher_unavailable", f"cannot reach the launcher: {why}", retry_after_seconds=1)


def _slot(place: Place) -> Slot:
    return Slot.of_user(place.user or "")
