"""Makes projects: the row first, which nobody sees until the files and the repository are there.

An interruption at any moment leaves a row that a resumed job begins again from nothing, or that the sweep removes.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
import structlog

from att.kernel.errors import AttError, Conflict, InvalidInput, Unavailable
from att.kernel.ids import new_id
from att.kernel.operation import Caller
from att.projects import records
from att.projects.decision import SELF_SLUG, ProjectStatus, free_slot, name_problem, sanitised
from att.projects.outside import SLOTS, Outside
from att.projects.ports import Bus
from att.projects.records import Phase, Stored
from att.store.connection import Connection
from att.store.service import Store
from att.workspace.place import Place

TRIES_MAX = 3
UNDO_SECONDS_MAX = 20.0
FILES_MAX = 100_000

_log = structlog.get_logger()

Fill = Callable[[Place], Awaitable[object]]
Removal = Callable[[Stored], Awaitable[None]]


@dataclass(frozen=True)
class Wish:
    """What somebody wants made. A project with a `job_id` is begun again by that job, others by nobody.

    `itself` is the wish of ATT for its own repository, the one that gets the short name kept for it.
    """

    name: str
    state: ProjectStatus
    caller: Caller
    template: str | None = None
    template_version: str | None = None
    remote_url: str | None = None
    credential: str | None = None
    job_id: str | None = None
    itself: bool = False


class Makers:
    """Makes the projects of one process; `making` are those it works on now."""

    def __init__(
        self, store: Store, events: Bus, outside: Outside, remove: Removal, *, quota_bytes: Callable[[], int]
    ) -> None:
        self._store = store
        self._events = events
        self._outside = outside
        self._remove = remove
        self.quota_bytes = quota_bytes
        self.making: set[str] = set()

    async def make(self, wish: Wish, fill: Fill, project_id: str | None = None) -> Stored:
        """Make a project: prepare its sandbox, have `fill` bring files and repository, then show it.

        Raises InvalidInput(name_unusable), Conflict(name_taken, projects_full), and what `fill` raises, after which
        nothing is left of it. Called again with the same `project_id` it begins again, or returns what is done; it
        begins again by itself when the project's agent died over it.
        """
        project_id = project_id or new_id("prj")
        self.making.add(project_id)
        try:
            tries = 0
            while (row := await self._begun(wish, project_id)).phase is not Phase.READY:
                tries += 1
                if await self._filled(wish, row, fill, again=tries < TRIES_MAX):
                    return await self._finished(row)
            return row
        finally:
            self.making.discard(project_id)

    async def _filled(self, wish: Wish, row: Stored, fill: Fill, *, again: bool) -> bool:
        """Fill the project; False when its agent died over it and it may be begun `again`. Raises as `fill` does."""
        try:
            await self._outside.sandboxes.prepare(self._outside.place(row))
            await fill(self._outside.place(row))
        except Exception as error:
            if again and isinstance(error, Unavailable) and error.code == "agent_unreachable":
                return False
            try:
                await self._undo(row)
            except AttError as left:  # the sweep removes the rest: what is told is why there is nothing to show
                _log.warning("project.not_undone", project_id=row.id, code=left.code, cause=left.detail)
            raise
        except anyio.get_cancelled_exc_class():
            if wish.job_id is None:  # a job's is begun again by the next process, or swept when the job is over
                with anyio.CancelScope(shield=True), anyio.move_on_after(UNDO_SECONDS_MAX):
                    await self._undo(row)
            raise
        return True

    async def _begun(self, wish: Wish, project_id: str) -> Stored:
        """Return the project's row, new or of an interrupted run whose traces are removed first."""
        async with self._store.read() as connection:
            known = await records.by_id(connection, project_id)
        if known is not None and known.phase is Phase.READY:
            return known
        if known is not None:
            await self._remove(known)
        problem = name_problem(wish.name)
        if problem:
            raise InvalidInput("name_unusable", f"cannot use the name: {problem}", field="name")
        async with self._store.write() as connection:
            row = await self._row(connection, wish, project_id)
            await records.add(connection, row)
        return row

    async def _row(self, connection: Connection, wish: Wish, project_id: str) -> Stored:
        slug, limit, now = sanitised(wish.name), self._outside.where.limits.projects_max, self._store.clock()
        if slug == SELF_SLUG and not wish.itself:
            text = f"cannot make {wish.name!r}: the short name {slug} is kept for ATT's own repository"
            raise Conflict("name_taken", text, field="name")
        holder = await records.by_slug(connection, slug)
        if holder is not None:
            raise Conflict(
                "name_taken",
                f"cannot make {wish.name!r}: {holder.name!r} has the same short name {slug}",
                field="name",
            )
        count, taken = await records.slots(connection)
        slot = free_slot(taken, SLOTS)
        if count >= limit or slot is None:
            raise Conflict("projects_full", f"cannot make another project: there are {count}, the limit is {limit}")
        return Stored(
            id=project_id,
            name=wish.name,
            slug=slug,
            state=wish.state,
            phase=Phase.MAKING,
            detail="",
            template=wish.template,
            template_version=wish.template_version,
            remote_url=wish.remote_url,
            credential=wish.credential,
            slot=slot if self._outside.appliance else None,
            owner=wish.caller.id,
            job_id=wish.job_id,
            created=now,
            updated=now,
        )

    async def _finished(self, row: Stored) -> Stored:
        async with self._store.write() as connection:
            await records.change(connection, row.id, phase=Phase.READY, updated=self._store.clock())
            shown = await records.by_id(connection, row.id)
        payload = {"name": row.name, "slug": row.slug, "status": row.state.value, "template": row.template}
        self._events.publish("project.created", payload, project_id=row.id)
        return shown or row

    async def _undo(self, row: Stored) -> None:
        async with self._store.write() as connection:
            await records.change(connection, row.id, phase=Phase.REMOVING)
        await self._remove(row)
