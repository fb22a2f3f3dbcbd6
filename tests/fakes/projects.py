"""Projects and jobs' progress as far as the rooms that run them see them, in memory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from att.kernel.errors import NotFound
from att.projects.decision import ProjectStatus
from att.projects.tables import projects
from att.store.service import Store
from att.workspace.place import Place


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

    async def log(self, line: str, **remember: Any) -> None:
        self.lines.extend(line.splitlines() or [""])
        self.memory.update(remember)

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
