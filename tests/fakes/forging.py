"""A forge over real repositories in a temporary folder: agents in this process, checks as plain children."""

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.fakes.agents import InProcessAgents
from tests.fakes.database import HandClock, RememberingBus, make_database, opened
from tests.fakes.reflog import moves

from att.egress.grants import Grants
from att.forge.service import Forge
from att.forge.transfers import Transfers
from att.git.schema import CommitRequest
from att.git.service import Git
from att.kernel.errors import NotFound
from att.kernel.operation import Caller, Role
from att.projects.ports import Login
from att.store.service import Store
from att.workspace.place import Place
from att.workspace.schema import Ending, Program, TaskSpec, TaskState
from att.workspace.way_out import WayOut

ANN = Caller(id="usr_ann", name="ann", role=Role.DEVELOPER)
BEA = Caller(id="usr_bea", name="bea", role=Role.DEVELOPER)
SCHEMA = 99


class PlainTasks:
    """The part of `Sandboxes` that checks need, without a sandbox; `gate` holds tasks back until it is set."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.gate = anyio.Event()
        self.gate.set()
        self._running: dict[str, anyio.abc.Process] = {}
        self._specs: dict[str, TaskSpec] = {}
        self._ended: dict[str, int] = {}

    async def start(self, place: Place, spec: TaskSpec) -> TaskState:
        if spec.task_id in self._specs:
            return await self.state(place, spec.task_id)
        self._specs[spec.task_id] = spec
        place.task(spec.task_id).mkdir(parents=True, exist_ok=True)
        assert spec.program is Program.PLAIN
        with (place.task(spec.task_id) / "log").open("wb") as log:
            self._running[spec.task_id] = await anyio.open_process(
                spec.command,
                cwd=place.work,
                env={**os.environ, **spec.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started.append(spec.task_id)
        return await self.state(place, spec.task_id)

    async def state(self, place: Place, task_id: str) -> TaskState:
        if task_id not in self._specs:
            raise NotFound("not_found", "cannot find the task")
        code = self._ended.get(task_id)
        ending = None if code is None else Ending.EXITED if code >= 0 else Ending.STOPPED
        return TaskState(task_id=task_id, kind=self._specs[task_id].kind, ending=ending, code=code)

    async def wait(self, place: Place, task_id: str) -> TaskState:
        await self.gate.wait()
        self._ended[task_id] = await self._running[task_id].wait()
        return await self.state(place, task_id)

    async def stop(self, place: Place, task_id: str, *, grace_seconds: float = 5.0) -> TaskState:
        await self.state(place, task_id)
        if self._running[task_id].returncode is None:
            os.killpg(self._running[task_id].pid, signal.SIGKILL)
        return await self.wait(place, task_id)

    async def read_log(
        self, place: Place, task_id: str, offset: int = 0, *, follow: bool = False
    ) -> AsyncIterator[bytes]:
        log = place.task(task_id) / "log"
        if not log.exists():
            raise NotFound("not_found", "cannot find the task")
        yield log.read_bytes()[offset:]

    async def forget(self, place: Place, task_id: str) -> None:
        self._specs.pop(task_id, None)


class AnyRoom:
    async def require_room(self, place: Place) -> None:
        return None


class NoEnvironment:
    def plain(self) -> dict[str, str]:
        return {"TOWN": "Rome"}

    async def secret(self, place: Place) -> dict[str, str]:
        return {}


class NoLogins:
    async def login(self, credential: str, url: str) -> Login:
        raise NotFound("not_found", f"cannot find {credential}")


class Told:
    """The progress of a job, remembered; what a job remembered can be given to the next one."""

    job_id = "job_test"

    def __init__(self, memory: Mapping[str, Any] | None = None) -> None:
        self.memory: dict[str, Any] = dict(memory or {})
        self.lines: list[str] = []

    async def step(self, name: str, *, percent: float | None = None, deadline: float | None = None) -> None:
        self.lines.append(name)

    async def log(self, line: str, **remember: Any) -> None:
        self.lines.append(line)
        self.memory |= remember

    async def state(self) -> dict[str, Any]:
        return dict(self.memory)

    async def remember(self, **values: Any) -> None:
        self.memory |= values

    async def cancelled(self) -> bool:
        return False


@dataclass
class Forging:
    """One project `demo` with its worktree and its forge."""

    folder: Path
    store: Store
    agents: InProcessAgents
    tasks: PlainTasks
    forge: Forge
    git: Git
    bus: RememberingBus
    clock: HandClock
    place: Place
    pauses: list[float] = field(default_factory=list)

    async def place_of(self, project: str) -> Place:
        return self.place

    @property
    def bare(self) -> Path:
        return self.folder / "forge" / "prj_demo.git"

    def write(self, path: str, content: str) -> None:
        file = self.place.work / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    async def commit(self, path: str, content: str, message: str = "Change\n") -> str:
        """Write one file and commit everything."""
        self.write(path, content)
        made = await self.git.commit(ANN, CommitRequest(project_id="demo", message=message, all=True))
        return made.commit

    async def branch(self, name: str, path: str = "file.txt", content: str = "changed\n", start: str = "main") -> str:
        """Make a branch with one commit and push it."""
        agent = self.agents.of(self.place)
        await agent.call("git.branch", name=name, start=start, switch=True)
        commit = await self.commit(path, content, f"Work on {name}\n")
        await self.forge.repositories.push(self.place, branch=name, commit=commit)
        return commit

    def reflog(self, branch: str) -> list[str]:
        """What moved a branch in the forge, the oldest first."""
        return moves(self.bare, branch)


def no_way_out() -> WayOut:
    """Return the way out of an appliance on which nobody may reach anything."""
    return WayOut(Grants(Ed25519PrivateKey.generate()), tuple)


@asynccontextmanager
async def forging(
    folder: Path, *, files: bool = True, checks: bool = False, transfers: Transfers | None = None
) -> AsyncIterator[Forging]:
    """Give a project with a first commit in its forge; `checks` has the forge's background work run.

    Other hosts are reached by `transfers`, else not at all.
    """
    place = Place("prj_demo", "demo", folder / "projects" / "demo")
    for each in (place.work, place.home, place.tasks):
        each.mkdir(parents=True)
    (place.work / "file.txt").write_text("first\n")
    clock, bus, agents, tasks = HandClock(), RememberingBus(), InProcessAgents(), PlainTasks()
    async with opened(make_database(folder), clock=clock, schema_version=SCHEMA) as store:
        made = over(folder, store, place, agents, tasks, bus, clock, files=files, transfers=transfers)
        await made.forge.create(place)
        async with anyio.create_task_group() as group:
            if checks:
                group.start_soon(made.forge.run)
            yield made
            made.forge.stop()
            group.cancel_scope.cancel()


def over(
    folder: Path,
    store: Store,
    place: Place,
    agents: InProcessAgents,
    tasks: PlainTasks,
    bus: RememberingBus,
    clock: HandClock,
    *,
    files: bool = True,
    transfers: Transfers | None = None,
) -> Forging:
    """Build the rooms over what is there: what a process that starts again does."""
    pauses: list[float] = []

    class OnePlace:
        async def place(self, project: str) -> Place:
            return place

        async def all(self) -> list[Place]:
            return [place]

        async def secrets(self, project_id: str) -> Mapping[str, str]:
            return {}

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    find: Callable[[str], Awaitable[Place]] = OnePlace().place
    forge = Forge(
        folder / "forge",
        store,
        bus,
        agents,
        tasks,  # type: ignore[arg-type]  # the part that checks need
        find,
        NoLogins,
        NoEnvironment,
        transfers or Transfers(tasks, no_way_out()),  # type: ignore[arg-type]  # the part that checks need
        files=files,
        clock=clock,
    )
    git = Git(OnePlace(), agents, forge.repositories, forge.remotes, AnyRoom(), bus, sleep=sleep)
    return Forging(folder, store, agents, tasks, forge, git, bus, clock, place, pauses)


def plain_git(folder: Path, *arguments: str) -> str:
    """Run the user's own git, as at a terminal."""
    settings = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "ann",
        "GIT_AUTHOR_EMAIL": "ann@example.org",
        "GIT_COMMITTER_NAME": "ann",
        "GIT_COMMITTER_EMAIL": "ann@example.org",
        "GIT_TERMINAL_PROMPT": "0",
    }
    done = subprocess.run(["git", *arguments], cwd=folder, env=settings, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout
