"""The runtime over a real database, with sandboxes in memory and a clock moved by hand."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from sqlalchemy import insert
from tests.fakes.database import HandClock, RememberingBus, make_database, opened
from tests.fakes.sandboxes import MemorySandboxes, answers

from att.kernel.errors import InvalidInput, NotFound
from att.kernel.operation import Caller, Role
from att.projects.decision import ProjectStatus
from att.projects.tables import projects
from att.runtime.apps import Apps
from att.runtime.asking import Asking
from att.runtime.environment import Environments
from att.runtime.launching import Launcher
from att.runtime.reconcile import Reconciler
from att.runtime.schema import AppStart, AppStatus
from att.runtime.service import Runtime
from att.runtime.starting import Starter
from att.runtime.telling import Teller
from att.runtime.traces import Traces
from att.store.service import Store
from att.workspace.place import Place

ANN = Caller(id="usr_1", name="ann", role=Role.DEVELOPER)


class FakePlaces:
    """Projects by id and slug; it also hears what becomes of them."""

    def __init__(self, folder: Path, slugs: Mapping[str, str]) -> None:
        self.places = {pid: Place(pid, slug, folder / slug) for pid, slug in slugs.items()}
        self.became: list[tuple[str, ProjectStatus, str]] = []

    async def place(self, project: str) -> Place:
        for place in self.places.values():
            if project in (place.project_id, place.slug):
                return place
        raise NotFound("project_unknown", f"cannot find the project {project}", hint="")

    async def all(self) -> list[Place]:
        return list(self.places.values())

    async def secrets(self, project_id: str) -> Mapping[str, str]:
        return {"TOKEN": "s3cret"}

    async def become(self, project_id: str, status: ProjectStatus, detail: str = "") -> None:
        self.became.append((project_id, status, detail))


class FakeConfigs:
    """Takes every config but those called bad.yml."""

    async def checked(self, place: Place, config: str | None) -> str:
        if config == "bad.yml":
            raise InvalidInput("config_invalid", "cannot use bad.yml: line 3: llm: no such field", field="llms.a")
        return config or "config.yml"


class FakeRouter:
    def url(self) -> str:
        return "http://127.0.0.1:7444/v1"

    def key_for(self, project_id: str) -> str:
        return f"key-of-{project_id}"


class FakeProgress:
    """What a job's handler reports through, in memory; hand its `memory` to the next for a resumed job."""

    job_id = "job_1"

    def __init__(self, memory: dict[str, Any] | None = None) -> None:
        self.memory = memory if memory is not None else {}
        self.steps: list[str] = []
        self.lines: list[str] = []
        self.asked_to_stop = False

    async def step(self, name: str, *, percent: float | None = None, deadline: float | None = None) -> None:
        self.steps.append(name)

    async def log(self, line: str) -> None:
        self.lines.append(line)

    async def state(self) -> dict[str, Any]:
        return dict(self.memory)

    async def remember(self, **values: Any) -> None:
        self.memory.update(values)

    async def cancelled(self) -> bool:
        return self.asked_to_stop


async def add_projects(store: Store, slugs: Mapping[str, str]) -> None:
    """Write rows of projects with something in every column that wants something."""
    blank = {column.name: "" for column in projects.c if not column.nullable}
    async with store.write() as connection:
        for project_id, slug in slugs.items():
            row = {**blank, "id": project_id, "slug": slug, "name": slug, "created": 0.0, "updated": 0.0}
            await connection.execute(insert(projects).values({n: v for n, v in row.items() if n in projects.c}))


class World:
    """One process: `again()` gives another over the same database and the same tasks."""

    def __init__(self, store: Store, folder: Path, slugs: Mapping[str, str], clock: HandClock) -> None:
        self.store, self.clock, self.folder = store, clock, folder
        self.places, self.bus = FakePlaces(folder, slugs), RememberingBus()
        self.sandboxes = MemorySandboxes(clock)
        self.sandboxes.serve = answers(200, b'{"status":"healthy"}')
        self.taken: set[int] = set()
        self.build()

    def build(self) -> None:
        """Make the services anew, as a new process does."""
        launcher = Launcher(self.sandboxes, Environments(self.places, FakeRouter()))
        teller = Teller(self.bus, self.places)
        apps = Apps(self.store, self.places, self.sandboxes, launcher, teller, self.clock)
        self.runtime = Runtime(apps)
        self.starter = Starter(apps, self.runtime, FakeConfigs(), free=lambda port: port not in self.taken)
        self.reconciler = Reconciler(apps)
        self.traces = Traces(self.store, self.folder / "traces", clock=self.clock)
        self.asking = Asking(self.runtime, self.traces)

    async def start(self, project: str = "prj_1", **options: Any) -> AppStatus:
        return await self.starter.start(AppStart(project_id=project, **options), FakeProgress())


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """A world with the projects `one` (prj_1) and `two` (prj_2)."""
    slugs, clock = {"prj_1": "one", "prj_2": "two"}, HandClock()
    async with opened(make_database(folder), clock=clock, schema_version=5) as store:
        await add_projects(store, slugs)
        with anyio.fail_after(20):
            yield World(store, folder, slugs, clock)
