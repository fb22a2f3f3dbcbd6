"""The runtime over a real database, with sandboxes in memory and a clock moved by hand."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from tests.fakes.database import HandClock, RememberingBus, make_database, opened
from tests.fakes.projects import FakePlaces, FakeProgress, add_projects
from tests.fakes.sandboxes import MemorySandboxes, answers

from att.kernel.errors import InvalidInput
from att.kernel.operation import Caller, Role
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


class FakeConfigs:
    """Takes every config but those called bad.yml."""

    async def checked(self, place: Place, config: str | None) -> str:
        if config == "bad.yml":
            raise InvalidInput("config_invalid", "cannot use bad.yml: line 3: llm: no such field", field="llms.a")
        return config or "config.yml"


class FakeRouter:
    def url(self) -> str:
        return "http://127.0.0.1:7444/v1"

    def key_for(self, project_id: str, uid: int | None) -> str:
        return f"key-of-{project_id}"


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
