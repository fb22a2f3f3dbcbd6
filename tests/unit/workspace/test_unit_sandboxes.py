"""Tasks as units, over a launcher that is played here: when what is left of one is removed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from att.appliance import facts
from att.kernel.error_json import error_object
from att.kernel.errors import Conflict
from att.workspace.backends.units import UnitSandboxes
from att.workspace.launcher_wire import line_of
from att.workspace.place import Place
from att.workspace.shim.records import EXIT, RUN, Begun, Over, now, write_record

pytestmark = pytest.mark.anyio


class FakeLauncher:
    """Says of a unit that it runs, so many times or until it is stopped."""

    def __init__(self, still: float) -> None:
        self.still = still
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        if not line:  # whoever looked gave up before asking
            writer.close()
            return
        verb = json.loads(line)["verb"]
        self.asked.append(verb)
        if verb == "stop":
            self.still = 0
        running = verb == "forget" and self.still > 0
        self.still -= 1
        error = {"error": error_object(Conflict("task_running", "cannot forget task_1: it runs"))}
        writer.write(line_of(error if running else {"state": {"active": False}}))
        with suppress(ConnectionError):  # or before the answer
            await writer.drain()
        writer.close()


@asynccontextmanager
async def ended_task(folder: Path, launcher: FakeLauncher) -> AsyncIterator[tuple[UnitSandboxes, Place]]:
    """A task of a project whose end is on record, and the sandboxes that know it."""
    where = facts().rooted(folder)
    place = Place("prj_1", "demo", where.paths.projects / "p007", "att-p007")
    task = place.task("task_1")
    task.mkdir(parents=True)
    write_record(task, RUN, Begun("task_1", "test", now(), 1))
    write_record(task, EXIT, Over("exited", 0, now()))
    path = where.unit("att-launcher").socket_paths[0]
    path.parent.mkdir(parents=True)
    async with await asyncio.start_unix_server(launcher.serve, path):
        yield UnitSandboxes(where, end_seconds=0.5), place


async def test_a_task_is_forgotten_once_its_unit_has_ended_too(tmp_path: Path) -> None:
    launcher = FakeLauncher(still=3)
    async with ended_task(tmp_path, launcher) as (sandboxes, place):
        await sandboxes.forget(place, "task_1")
    assert launcher.asked == ["forget"] * 4
    assert not place.task("task_1").exists()


async def test_a_task_that_only_says_it_is_over_is_stopped_and_forgotten(tmp_path: Path) -> None:
    launcher = FakeLauncher(still=float("inf"))
    async with ended_task(tmp_path, launcher) as (sandboxes, place):
        await sandboxes.forget(place, "task_1")
    assert launcher.asked[-2:] == ["stop", "forget"]
    assert not place.task("task_1").exists()
