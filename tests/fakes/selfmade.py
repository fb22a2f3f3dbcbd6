"""ATT's own repository in small, as project `att` over the real forge, git, projects and test runs; no sandbox."""

import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from tests.fakes.agents import InProcessAgents
from tests.fakes.database import HandClock, RememberingBus, make_database, opened
from tests.fakes.forging import SCHEMA, AnyRoom, NoEnvironment, NoLogins, PlainTasks, no_way_out, plain_git

from att.appliance import facts
from att.bootstrap.project import SelfProject
from att.forge.service import Forge
from att.forge.transfers import Transfers
from att.git.service import Git
from att.jobs.service import Jobs
from att.kernel.operation import Operation
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
        environment = {**spec.environment, "ATT_TASK_OUT": str(out), "PATH": os.environ["PATH"]}
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
async def selfmade(folder: Path, *, checks: bool = False) -> AsyncIterator[Selfmade]:
    """Open the rooms in `folder`, again after a restart; `checks` has the forge's background work run."""
    link = folder / "db" if (folder / "db").exists() else make_database(folder)
    where = facts().rooted(folder / "root")
    if not where.paths.secrets.exists():
        where.paths.secrets.mkdir(parents=True)
        make_key(where.paths.secrets)
    clock, bus, agents = HandClock(), RememberingBus(), InProcessAgents()
    tasks: Any = LocalTasks()
    async with opened(link, clock=clock, schema_version=SCHEMA) as store:
        jobs = Jobs(store, bus, resolve=dict[str, Operation]().__getitem__, services={})
        rooms: list[Forge] = []
        outside = Outside(where, tasks, agents, lambda: rooms[0], NoApps, appliance=False)
        variables = Variables(store, Sealer(key_file(where.paths.secrets, {})))
        projects = Projects(store, bus, jobs, outside, variables, quota_bytes=lambda: 10**9)
        forge = Forge(
            folder / "forge",
            store,
            bus,
            agents,
            tasks,
            projects.place,
            NoLogins,
            NoEnvironment,
            Transfers(tasks, no_way_out()),
            clock=clock,
        )
        rooms.append(forge)
        git = Git(projects, agents, forge.repositories, forge.remotes, AnyRoom(), bus)
        testing = Testing(store, bus, projects, tasks, NoEnvironment(), LeftFiles(), clock=clock)
        project = SelfProject(projects, projects.makers, forge, folder / "att.bundle")
        async with anyio.create_task_group() as group:
            if checks:
                group.start_soon(forge.run)
            yield Selfmade(folder, store, bus, clock, agents, tasks, projects, forge, git, testing, project)
            forge.stop()
            group.cancel_scope.cancel()
