"""ATT's own repository in small, as project `att` over the real forge, git, projects and test runs; no sandbox."""

import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
from tests.fakes.agents import InProcessAgents
from tests.fakes.database import HandClock, RememberingBus, make_database, opened
from tests.fakes.engine import FakeEngine
from tests.fakes.forging import SCHEMA, AnyRoom, NoEnvironment, NoLogins, PlainTasks, no_way_out, plain_git

from att.appliance import Facts, facts
from att.bootstrap.collecting import Collector
from att.bootstrap.guarding import GuardedPulls
from att.bootstrap.operations import OPERATIONS
from att.bootstrap.probing import Prober
from att.bootstrap.project import SelfProject
from att.bootstrap.proposing import Proposer
from att.bootstrap.running import Runner
from att.bootstrap.service import Cycles
from att.bootstrap.source import Source
from att.bootstrap.steps import Steps
from att.bootstrap.trying import Trial
from att.bootstrap.undoing import Undoing
from att.bootstrap.working import Workbench
from att.code.service import Code
from att.forge.service import Forge
from att.forge.transfers import Transfers
from att.git.service import Git
from att.jobs.service import Jobs
from att.projects.outside import Outside
from att.projects.sealed import Sealer, key_file, make_key
from att.projects.service import Projects
from att.projects.variables import Variables
from att.store.service import Store
from att.testing.left import LeftFiles
from att.testing.service import Testing
from att.workspace.place import Place
from att.workspace.schema import Program, TaskSpec, TaskState
from att.workspace.shim.records import OUT

CHECKS = """\
checks:
  words:
    run: grep -q Hello src/att/words/said.py
    program: plain
"""
LISTS = "grep -rn '^def test' tests/unit | sed 's/:[0-9]*:def /::/; s/(.*//'"
"""Lists the tests of the small repository in a moment; pytest is asked in a test of its own."""
NO_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""For pytest as a child: the plugins of the build host are most of what a run of a few tests costs."""
FILES = {
    "README.md": "small\n",
    ".att/checks.yaml": CHECKS,
    ".gitignore": "__pycache__/\n.pytest_cache/\n",
    "src/att/words/__init__.py": "",
    "src/att/words/said.py": 'SAID = "Hello"\n',
    "tests/unit/kernel/test_ground.py": "def test_the_ground_is_there() -> None:\n    assert True\n",
    "tests/unit/words/test_said.py": (
        "from pathlib import Path\n\n\n"
        "def test_something_is_said() -> None:\n"
        "    assert 'Hello' in Path('src/att/words/said.py').read_text()\n"
    ),
}


class LocalTasks(PlainTasks):
    """Tasks as plain children, NAT's programs by this Python; prepares and removes folders as sandboxes do."""

    async def prepare(self, place: Place) -> None:
        for folder in (place.work, place.home, place.tasks):
            folder.mkdir(parents=True, exist_ok=True)

    async def remove(self, place: Place) -> None:
        shutil.rmtree(place.folder, ignore_errors=True)

    async def tasks(self, place: Place) -> list[TaskState]:
        return [await self.state(place, task_id) for task_id in self._specs]

    async def start(self, place: Place, spec: TaskSpec) -> TaskState:
        if spec.program is not Program.NAT:
            return await super().start(place, spec)
        out = place.task(spec.task_id) / OUT
        environment = {**spec.environment, **NO_PLUGINS, "ATT_TASK_OUT": str(out), "PATH": os.environ["PATH"]}
        command = (sys.executable, *spec.command)
        out.mkdir(parents=True, exist_ok=True)
        plain = {"program": Program.PLAIN, "command": command, "environment": environment}
        return await super().start(place, spec.model_copy(update=plain))


class NoApps:
    async def stop_all(self, place: Place) -> None:
        return None


@dataclass
class Selfmade:
    """The rooms of one process, over what is in the folder."""

    folder: Path
    store: Store
    bus: RememberingBus
    clock: HandClock
    agents: InProcessAgents
    tasks: LocalTasks
    projects: Projects
    forge: Forge
    git: Git
    testing: Testing
    project: SelfProject
    engine: FakeEngine
    source: Source
    pulls: GuardedPulls
    cycles: Cycles
    jobs: Jobs
    runner: Runner

    @property
    def bundle(self) -> Path:
        return self.folder / "att.bundle"

    async def bare(self) -> Path:
        """The forge's repository of project att."""
        return self.folder / "forge" / f"{(await self.project.place()).project_id}.git"


def make_seed(folder: Path) -> str:
    """Write the small repository and its bundle; returns the commit of main."""
    work = folder / "seed"
    for path, content in FILES.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text(content)
    plain_git(work, "init", "--quiet", "--initial-branch=main")
    plain_git(work, "add", "--all")
    plain_git(work, "commit", "--quiet", "-m", "First")
    plain_git(work, "tag", "v0.1.0")
    plain_git(work, "commit", "--quiet", "--allow-empty", "-m", "Second")
    plain_git(work, "bundle", "create", "--quiet", "../att.bundle", "main", "v0.1.0")
    return plain_git(work, "rev-parse", "HEAD").strip()


@asynccontextmanager
async def selfmade(folder: Path, engine: FakeEngine | None = None, *, works: bool = False) -> AsyncIterator[Selfmade]:
    """Open the rooms in `folder`, again after a restart; `works` has jobs and the forge's background work run."""
    link = folder / "db" if (folder / "db").exists() else make_database(folder)
    where = facts().rooted(folder / "root")
    if not where.paths.secrets.exists():
        where.paths.secrets.mkdir(parents=True)
        make_key(where.paths.secrets)
    clock, bus, agents = HandClock(), RememberingBus(), InProcessAgents()
    async with opened(link, clock=clock, schema_version=SCHEMA) as store:
        made = _rooms(folder, where, store, bus, clock, agents, engine or FakeEngine())
        async with anyio.create_task_group() as group:
            if works:
                group.start_soon(made.forge.run)
                group.start_soon(made.jobs.run)
            yield made
            made.jobs.stop()
            made.forge.stop()
            group.cancel_scope.cancel()


def _rooms(
    folder: Path,
    where: Facts,
    store: Store,
    bus: RememberingBus,
    clock: HandClock,
    agents: InProcessAgents,
    engine: FakeEngine,
) -> Selfmade:
    tasks: Any = LocalTasks()
    services: dict[type, Any] = {}
    by_name = {operation.name: operation for operation in OPERATIONS}
    jobs = Jobs(store, bus, resolve=by_name.__getitem__, services=services, clock=clock)
    rooms: list[Forge] = []
    outside = Outside(where, tasks, agents, lambda: rooms[0], NoApps, appliance=False)
    variables = Variables(store, Sealer(key_file(where.paths.secrets, {})))
    projects = Projects(store, bus, jobs, outside, variables, quota_bytes=lambda: 10**9)
    transfers = Transfers(tasks, no_way_out())
    place_of = projects.place
    forge = Forge(
        folder / "forge", store, bus, agents, tasks, place_of, NoLogins, NoEnvironment, transfers, clock=clock
    )
    rooms.append(forge)
    git = Git(projects, agents, forge.repositories, forge.remotes, AnyRoom(), bus)
    testing = Testing(store, bus, projects, tasks, NoEnvironment(), LeftFiles(), clock=clock)
    project = SelfProject(projects, projects.makers, forge, folder / "att.bundle")
    source = Source(project, forge.repositories, folder)
    pulls = GuardedPulls(forge.pulls, forge.repositories, engine)
    bench = Workbench(project, git, Code(projects, AnyRoom(), agents, bus), agents, forge.repositories)
    collector = Collector(project, source, forge.repositories, agents, tasks, command=LISTS)
    proposer = Proposer(source, collector, engine)
    steps = Steps(project, source, bench, Trial(source, testing), pulls, forge.repositories, proposer, engine, "1.0.0")
    since = datetime.fromtimestamp(0, UTC)
    prober = Prober(project, source, git, pulls, engine, release="1.0.0", since=lambda: since)
    undoing = Undoing(project, source, bench, pulls)
    runner = Runner(prober, steps, undoing, engine, bus, clock, poll_seconds=0.05)
    cycles = Cycles(project, pulls, proposer, engine, runner, jobs)
    services[Cycles] = cycles
    return Selfmade(
        folder, store, bus, clock, agents, tasks, projects, forge, git, testing, project, engine, source, pulls,
        cycles, jobs, runner,
    )  # fmt: skip
