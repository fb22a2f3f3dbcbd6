"""Tasks in `make dev`: each under an `att-run` of its own that outlives this process."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from weakref import WeakValueDictionary

import anyio
from anyio.to_thread import run_sync

from att.appliance import Facts, release_root
from att.kernel.errors import Conflict, Failed, InvalidInput, NotFound, TooMany
from att.nat.place import nat_python
from att.site.kept import authorities_at
from att.workspace.backends import contained
from att.workspace.backends.folders import TaskFolders, checked_id, read_states, runner_of
from att.workspace.place import Place
from att.workspace.schema import TaskSpec, TaskState
from att.workspace.shim.records import GRACE_SECONDS, STOP
from att.workspace.shim.spec import OWN_TEMPORARY, Inside, RunSpec, resolved
from att.workspace.way_out import WayOut

TASKS_MAX = 64
START_SECONDS = 60
_STOP_MARGIN_SECONDS = 20
_RUN = ("-P", "-m", "att.entrypoints.run")


class SubprocessSandboxes(TaskFolders):
    """Implements `Sandboxes`. `contain=False` leaves bubblewrap out even where it works.

    Without a `way_out` no task has a proxy; the network is the developer's all the same. What still runs when its
    project is removed has `removal_grace_seconds` to end by itself.
    """

    def __init__(
        self,
        where: Facts,
        way_out: WayOut | None = None,
        *,
        contain: bool = True,
        removal_grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._where = where
        self._way_out = way_out
        self._contain = contain
        self._removal_grace_seconds = removal_grace_seconds
        self._locks: WeakValueDictionary[Path, anyio.Lock] = WeakValueDictionary()

    async def prepare(self, place: Place) -> None:
        """Make the project's folders; may run again."""
        await run_sync(_make, (place.folder, place.work, place.home, place.tasks))

    async def remove(self, place: Place) -> None:
        """Stop what runs and remove the project's folders; quiet when they are gone."""

        async def stop(task_id: str) -> None:
            await self.stop(place, task_id, grace_seconds=self._removal_grace_seconds)

        async with anyio.create_task_group() as stopping:
            for task in await self.tasks(place):
                if task.running:
                    stopping.start_soon(stop, task.task_id)
        await run_sync(_remove, place.folder)

    async def start(self, place: Place, spec: TaskSpec) -> TaskState:
        """Start a task, or return the state of the one with that id."""
        checked_id(spec.task_id)
        async with self._lock(place.task(spec.task_id)):
            try:
                return await self.state(place, spec.task_id)
            except NotFound:
                await run_sync(self._start, place, spec)
            return await self.state(place, spec.task_id)

    async def stop(self, place: Place, task_id: str, *, grace_seconds: float = GRACE_SECONDS) -> TaskState:
        """SIGTERM to the whole tree, SIGKILL after the grace; returns when nothing of it lives."""
        runner = await run_sync(runner_of, place, task_id)
        if runner is None:
            return await self.state(place, task_id)
        await run_sync((place.task(task_id) / STOP).write_text, f"{grace_seconds:g}")
        _signal(runner, signal.SIGTERM)
        with anyio.move_on_after(grace_seconds + _STOP_MARGIN_SECONDS):
            return await self.wait(place, task_id)
        _signal(runner, signal.SIGKILL)
        return await self.wait(place, task_id)

    async def forget(self, place: Place, task_id: str) -> None:
        """Remove the folder of a task that has ended; quiet when it is gone. Raises Conflict(task_running)."""
        folder = place.task(checked_id(task_id))
        async with self._lock(folder):
            try:
                if (await self.state(place, task_id)).running:
                    raise Conflict("task_running", f"cannot forget {task_id}: it runs")
            except NotFound:
                pass  # it never began: its folder may be there all the same
            await run_sync(_remove, folder)

    def _lock(self, folder: Path) -> anyio.Lock:
        found = self._locks.get(folder)
        if found is None:
            self._locks[folder] = found = anyio.Lock()
        return found

    def _start(self, place: Place, spec: TaskSpec) -> None:
        if not place.work.is_dir():
            raise NotFound("worktree_missing", f"cannot start {spec.task_id}: the project's files are not there")
        if sum(state.running for state in read_states(place)) >= TASKS_MAX:
            raise TooMany("too_many_tasks", f"cannot start {spec.task_id}: {TASKS_MAX} tasks of the project run")
        try:
            done = subprocess.run(
                [sys.executable, *_RUN, str(place.task(spec.task_id))],
                input=self._resolved(place, spec).dumped(),
                capture_output=True,
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
                cwd="/",
                timeout=START_SECONDS,
                check=False,
            )
        except OSError as error:
            raise _not_started(spec, str(error)) from error
        except subprocess.TimeoutExpired as error:
            raise _not_started(spec, f"att-run did not answer in {START_SECONDS} seconds") from error
        if done.returncode != 0:
            raise _not_started(spec, done.stderr.decode(errors="replace").strip().removeprefix("att-run: ")[-400:])

    def _resolved(self, place: Place, spec: TaskSpec) -> RunSpec:
        nat, release = str(nat_python(self._where)), release_root()
        program = contained.program() if self._contain else None
        temporary = Path(OWN_TEMPORARY) if program else place.task(spec.task_id) / "tmp"
        if program is None:
            _make((temporary,))
        egress = (0, str(self._where.unit("att-egress").socket_paths[0]))
        authorities = authorities_at(self._where.root)
        inside = Inside(place.folder, sys.executable, nat, str(temporary), egress, authorities=authorities)
        if self._way_out is not None:
            spec = self._way_out.granted(place, spec)
        try:
            run = resolved(spec.model_dump(mode="json"), inside)
        except ValueError as error:
            raise InvalidInput("invalid_input", str(error), field="cwd") from error
        if program is None:
            return run
        return contained.around(run, place, contained.seen(self._hidden(), release, (nat,)), program)

    def _hidden(self) -> tuple[Path, ...]:
        paths = self._where.paths
        if self._where.root != Path("/"):
            return (self._where.root,)
        return (paths.state, paths.secrets, paths.run)


def _not_started(spec: TaskSpec, why: str) -> Failed:
    hint = "look at the program's name and its folder"
    return Failed("task_not_started", f"cannot start {spec.task_id}: {why}", hint=hint)


def _make(folders: tuple[Path, ...]) -> None:
    for folder in folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _remove(folder: Path) -> None:
    """Remove a folder, also with parts that its owner may not write, as some package managers leave them."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        if folder.exists():  # somebody else removes it too
            raise
    except PermissionError:
        for at, names, _ in os.walk(folder):
            for name in names:
                below = Path(at, name)
                if not below.is_symlink():
                    below.chmod(0o700)
        shutil.rmtree(folder)
