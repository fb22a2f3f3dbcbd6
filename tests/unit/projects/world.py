"""Projects over a real database and the real verbs; the sandbox is a folder, the forge and the runtime are fakes."""

import io
import shutil
import tarfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.agents import InProcessAgents
from tests.fakes.database import HandClock, RememberingBus, make_database, opened

from att.appliance import facts
from att.jobs.service import Jobs
from att.kernel.errors import AttError
from att.kernel.operation import Caller, Operation, Role
from att.projects.arriving import Arriving
from att.projects.outside import Outside
from att.projects.ports import Login
from att.projects.registry import Templates
from att.projects.sealed import Sealer, key_file, make_key
from att.projects.service import Projects
from att.projects.variables import Variables
from att.store.service import Store
from att.workspace.place import Place

CALLER = Caller(id="usr_1", name="anna", role=Role.DEVELOPER)


@dataclass
class FarSides:
    """What a project is outside the database, and what happened to it in order; `fails` names a step that fails."""

    happened: list[str] = field(default_factory=list)
    fails: dict[str, BaseException] = field(default_factory=dict)
    repositories: dict[str, str] = field(default_factory=dict)
    before: Callable[[str], None] = lambda _: None

    def step(self, name: str) -> None:
        self.happened.append(name)
        self.before(name)
        if name in self.fails:
            raise self.fails[name]

    # Sandboxes
    async def prepare(self, place: Place) -> None:
        self.step("prepare")
        for folder in (place.work, place.home, place.tasks):
            folder.mkdir(parents=True, exist_ok=True)

    async def remove(self, place_or_id: Place | str) -> None:
        if isinstance(place_or_id, Place):
            self.step("remove files")
            shutil.rmtree(place_or_id.folder, ignore_errors=True)
        else:
            self.step("remove repository")
            self.repositories.pop(place_or_id, None)

    # Repositories
    async def create(self, place: Place) -> None:
        self.step("repository")
        self.repositories[place.project_id] = "made here"

    async def fetch_from(self, place: Place, url: str, login: Login | None) -> None:
        self.step("fetch")
        (place.work / "README.md").write_text(f"from {url} as {login.username if login else 'nobody'}")
        self.repositories[place.project_id] = url

    # Apps
    async def stop_all(self, place: Place) -> None:
        self.step("stop apps")


class Remembering:
    """A job's progress that lives as long as the test wants: a second run sees what the first one remembered."""

    def __init__(self, job_id: str = "job_1") -> None:
        self.job_id = job_id
        self.steps: list[str] = []
        self.lines: list[str] = []
        self._memory: dict[str, Any] = {}

    async def step(self, name: str, *, percent: float | None = None, deadline: float | None = None) -> None:
        self.steps.append(name)

    async def log(self, line: str, **remember: Any) -> None:
        self.lines.append(line)
        self._memory |= remember

    async def state(self) -> dict[str, Any]:
        return dict(self._memory)

    async def remember(self, **values: Any) -> None:
        self._memory |= values

    async def cancelled(self) -> bool:
        return False


@dataclass(frozen=True)
class World:
    store: Store
    bus: RememberingBus
    far: FarSides
    agents: InProcessAgents
    projects: Projects
    arriving: Arriving
    variables: Variables
    clock: HandClock


def template(folder: Path, name: str = "tiny", files: Mapping[str, str] | None = None) -> None:
    """Write a template."""
    root = folder / name / "files"
    for path, text in (files or {"README.md": "hello", "src/tiny/main.py": "print()\n"}).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (folder / name / "template.toml").write_text(f'name = "{name.title()}"\nversion = "1.2.0"\nsummary = "small"\n')


def archive(files: Mapping[str, str]) -> bytes:
    """Return a tar.gz."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


@asynccontextmanager
async def world(
    folder: Path, *, appliance: bool = False, quota: int = 10_000_000, far: FarSides | None = None
) -> AsyncIterator[World]:
    """Open a world in `folder`; opened a second time it is the same one after a restart."""
    link = folder / "db" if (folder / "db").exists() else make_database(folder)
    far = far or FarSides()
    both: Any = far  # three Protocols in one object: what `remove` is given tells which is meant
    where = facts().rooted(folder / "root")
    where.paths.secrets.mkdir(parents=True, exist_ok=True)
    make_key(where.paths.secrets)
    if not (folder / "templates").exists():
        template(folder / "templates")
    clock = HandClock()
    async with opened(link, clock=clock) as store:
        bus, agents = RememberingBus(), InProcessAgents()
        jobs = Jobs(store, bus, resolve=dict[str, Operation]().__getitem__, services={})
        outside = Outside(where, both, agents, lambda: both, lambda: both, appliance)
        variables = Variables(store, Sealer(key_file(where.paths.secrets, {})))
        projects = Projects(store, bus, jobs, outside, variables, quota_bytes=lambda: quota)
        arriving = Arriving(projects.makers, outside, Templates(folder / "templates"), variables)
        yield World(store, bus, far, agents, projects, arriving, variables, clock)


async def code_of(awaitable: Any) -> str:
    """Return the code that awaiting raises."""
    try:
        await awaitable
    except AttError as error:
        return error.code
    return "ok"


class Killed(BaseException):
    """The end of the process: nothing that follows runs, as after kill -9."""
