"""One process that does one thing with a project's git, as the API does after a start: `FOLDER commit|push|merge N`.

It says `go` when it begins, so that it can be killed in the middle, and `done` at its end.
"""

import json
import sys
from pathlib import Path
from typing import Any

import anyio
from tests.fakes.agents import InProcessAgents
from tests.fakes.database import HandClock, RememberingBus, opened
from tests.fakes.forging import ANN, SCHEMA, Forging, PlainTasks, Told, over

from att.git.schema import CommitRequest, PushRequest
from att.workspace.place import Place


class Kept(Told):
    """A job whose memory outlives its process."""

    def __init__(self, file: Path) -> None:
        super().__init__(json.loads(file.read_text()) if file.exists() else {})
        self._file = file

    async def remember(self, **values: Any) -> None:
        await super().remember(**values)
        partly = self._file.with_suffix(".part")
        partly.write_text(json.dumps(self.memory))
        partly.rename(self._file)


async def commit(world: Forging, number: int) -> None:
    """Commit a file, asked for with the same key each time."""
    world.write(f"file-{number}.txt", f"{number}\n")
    request = CommitRequest(project_id="demo", message=f"Commit {number}\n", all=True)
    await world.git.commit(ANN, request, f"req_commit_{number}")


async def push(world: Forging, number: int) -> None:
    """Push a branch, as a job that goes on after a kill."""
    job = Kept(world.folder / f"push-{number}.json")
    await world.git.push(PushRequest(project_id="demo", branch=f"branch-{number}"), job)


async def merge(world: Forging, number: int) -> None:
    """Merge a pull request."""
    await world.forge.pulls.merge(world.place, ANN, number, message=None)


WORK = {"commit": commit, "push": push, "merge": merge}


async def main(folder: Path, what: str, number: int) -> None:
    place = Place("prj_demo", "demo", folder / "projects" / "demo")
    clock = HandClock()
    async with opened(folder / "db", clock=clock, schema_version=SCHEMA) as store:
        world = over(folder, store, place, InProcessAgents(), PlainTasks(), RememberingBus(), clock)
        await world.forge.pulls.recover()
        sys.stdout.write("go\n")
        sys.stdout.flush()
        await WORK[what](world, number)
    sys.stdout.write("done\n")


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
