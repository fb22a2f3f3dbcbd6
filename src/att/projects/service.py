"""Projects: finds them, says how they are, moves them from state to state, removes them and what was left half-made."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import anyio
import structlog

from att.jobs.service import Jobs
from att.kernel.errors import AttError, Conflict, NotFound, Refused, TooLarge
from att.projects import records
from att.projects.decision import SELF_SLUG, ProjectStatus, may_become, quota_problem
from att.projects.making import Makers
from att.projects.outside import Outside
from att.projects.ports import Bus
from att.projects.records import Phase, Stored
from att.projects.schema import Deleted, Origin, Project, ProjectPage, ProjectState
from att.projects.variables import Variables
from att.store.service import Store
from att.workspace.place import Place

CONFIG_PATH = "configs/config.yml"
SWEEP_SECONDS = 60.0
COUNTED_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class Projects:
    """The projects of this process's database; `run()` must run in the entrypoint's task group."""

    def __init__(
        self,
        store: Store,
        events: Bus,
        jobs: Jobs,
        outside: Outside,
        variables: Variables,
        *,
        quota_bytes: Callable[[], int],
    ) -> None:
        self._store = store
        self._events = events
        self._jobs = jobs
        self._outside = outside
        self._variables = variables
        self._quota_bytes = quota_bytes
        self._counted: dict[str, tuple[float, Mapping[str, int]]] = {}
        self._removing: set[str] = set()
        self.makers = Makers(store, events, outside, self.finish_removal, quota_bytes=quota_bytes)

    async def place(self, project: str) -> Place:
        """Return the place of a project by its id or slug; raises NotFound(project_unknown)."""
        return self._outside.place(await self.found(project))

    async def all(self) -> list[Place]:
        """Return every project's place."""
        async with self._store.read() as connection:
            return [self._outside.place(row) for row in await records.all_ready(connection)]

    async def secrets(self, project_id: str) -> Mapping[str, str]:
        """Return the project's variables and unsealed secrets, for the environment of its apps and tasks."""
        return await self._variables.opened(project_id)

    async def list(self, status: ProjectStatus | None = None) -> ProjectPage:
        """Return all projects by name, or those of one state."""
        async with self._store.read() as connection:
            rows = await records.all_ready(connection)
        return ProjectPage(projects=[shown(row) for row in rows if status in (None, row.state)])

    async def show(self, project: str) -> ProjectState:
        """Return one project; costs no walk over its files."""
        row = await self.found(project)
        known = self._counted.get(row.id)
        return ProjectState(
            **shown(row).model_dump(),
            disk_bytes=sum(known[1].values()) if known else None,
            disk_bytes_max=self._quota_bytes(),
        )

    async def found(self, project: str) -> Stored:
        """Return the row of a ready project by its id or slug; raises NotFound(project_unknown)."""
        async with self._store.read() as connection:
            row = await records.ready(connection, project)
        if row is None:
            raise unknown(project)
        return row

    async def become(self, project_id: str, status: ProjectStatus, detail: str = "") -> None:
        """Give the project its next state; Conflict(project_state) when that cannot follow the present one."""
        async with self._store.write() as connection:
            row = await records.ready(connection, project_id)
            if row is None:
                raise unknown(project_id)
            if not may_become(row.state, status):
                raise Conflict(
                    "project_state", f"cannot make {row.slug} {status}: it is {row.state}, which {status} never follows"
                )
            if (row.state, row.detail) == (status, detail):
                return
            await records.change(
                connection, row.id, state=status.value, detail=detail[:2000], updated=self._store.clock()
            )
        payload = {"name": row.name, "slug": row.slug, "status": status.value, "before": row.state.value}
        self._events.publish("project.changed", payload, project_id=row.id)

    async def require_room(self, place: Place) -> None:
        """Raise TooLarge(quota_reached), which says by what, when the project fills its room on the disk."""
        problem = quota_problem(await self._used(place), self._quota_bytes())
        if problem:
            raise TooLarge("quota_reached", f"cannot write to {place.slug}: {problem}")

    async def delete(self, project: str) -> Deleted:
        """Stop a project's apps, then remove it with its files, repository, pull requests and secrets.

        Once this has begun nobody sees the project; what an interruption leaves is removed by the next sweep.
        Raises NotFound(project_unknown), Refused(project_own).
        """
        async with self._store.write() as connection:
            row = await records.ready(connection, project)
            if row is None:
                raise unknown(project)
            if row.slug == SELF_SLUG:
                raise Refused("project_own", f"cannot delete {row.slug}: it is ATT's own repository")
            await records.change(connection, row.id, phase=Phase.REMOVING)
        await self.finish_removal(row)
        self._events.publish("project.deleted", {"name": row.name, "slug": row.slug}, project_id=row.id)
        return Deleted(id=row.id, name=row.name)

    async def finish_removal(self, row: Stored) -> None:
        """Stop and remove what there is of a project, its row last: its name and user are free only after that."""
        self._removing.add(row.id)
        try:
            await self._outside.remove(row)
            async with self._store.write() as connection:
                await records.drop(connection, row.id)
        finally:
            self._removing.discard(row.id)
        self._counted.pop(row.id, None)

    async def run(self) -> None:
        """Remove, now and every minute, what an interruption left half-made or half-removed."""
        while True:
            await self.sweep()
            await anyio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> None:
        """Remove each project that nobody is making any more; one that cannot be removed now is tried again later."""
        try:
            async with self._store.read() as connection:
                rows = await records.not_ready(connection)
            for row in [row for row in rows if await self._is_left(row)]:
                await self.finish_removal(row)
        except AttError as error:
            _log.warning("projects.sweep", code=error.code, cause=error.detail)

    async def _is_left(self, row: Stored) -> bool:
        if row.id in self._removing or row.id in self.makers.making:
            return False
        if row.phase is Phase.REMOVING or row.job_id is None:
            return True
        try:
            return (await self._jobs.show(row.job_id)).state.final
        except NotFound:
            return True

    async def _used(self, place: Place) -> Mapping[str, int]:
        now = self._store.clock()
        known = self._counted.get(place.project_id)
        if known is None or not 0 <= now - known[0] < COUNTED_SECONDS:
            answer = await self._outside.agents.of(place).call("archive.usage")
            known = (now, {str(part): int(size) for part, size in answer["parts"].items()})
            self._counted[place.project_id] = known
        return known[1]


def shown(row: Stored) -> Project:
    """Return a project as callers see it."""
    origin = Origin.CLONE if row.remote_url else Origin.TEMPLATE if row.template else Origin.IMPORT
    return Project(
        id=row.id,
        name=row.name,
        slug=row.slug,
        status=row.state,
        detail=row.detail,
        origin=origin,
        template=f"{row.template} {row.template_version}" if row.template else None,
        upstream=row.remote_url,
        git_remote=f"/git/{row.slug}.git",
        nat_config_path=CONFIG_PATH,
        created_at=datetime.fromtimestamp(row.created, UTC),
        updated_at=datetime.fromtimestamp(row.updated, UTC),
    )


def unknown(project: str) -> NotFound:
    """Return the error for a project that is not there."""
    return NotFound("project_unknown", f"cannot find the project {project[:64]!r}", field="project_id")
