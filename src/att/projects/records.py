"""Reads and writes the rows of projects, variables and credentials."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, delete, func, insert, or_, select, update

from att.projects.decision import ProjectStatus
from att.projects.tables import credentials, project_variables, projects
from att.store.connection import Connection


class Phase(StrEnum):
    """Only ready projects are seen; the others are being made or removed, by this process or one before."""

    MAKING = "making"
    READY = "ready"
    REMOVING = "removing"


@dataclass(frozen=True)
class Stored:
    """One row of projects."""

    id: str
    name: str
    slug: str
    state: ProjectStatus
    phase: Phase
    detail: str
    template: str | None
    template_version: str | None
    remote_url: str | None
    credential: str | None
    slot: int | None
    owner: str
    job_id: str | None
    created: float
    updated: float


# Asked in nearly every call: made once, so that SQLAlchemy need not build and recognise it each time.
_WANTED = or_(projects.c.id == bindparam("project"), projects.c.slug == bindparam("project"))
_READY = select(projects).where(_WANTED, projects.c.phase == Phase.READY)


async def add(connection: Connection, project: Stored) -> None:
    """Write a new project's row."""
    await connection.execute(insert(projects).values(**vars(project)))


async def change(connection: Connection, project_id: str, **values: Any) -> bool:
    """Change columns of a project; False when it is gone."""
    done = await connection.execute(update(projects).where(projects.c.id == project_id).values(**values))
    return done.rowcount > 0


async def drop(connection: Connection, project_id: str) -> None:
    """Delete a project's row; its variables and what other rooms keep of it go with it."""
    await connection.execute(delete(projects).where(projects.c.id == project_id))


async def by_id(connection: Connection, project_id: str) -> Stored | None:
    """Return a project of any phase."""
    return await _one(connection, projects.c.id == project_id)


async def by_slug(connection: Connection, slug: str) -> Stored | None:
    """Return a project of any phase."""
    return await _one(connection, projects.c.slug == slug)


async def ready(connection: Connection, project: str) -> Stored | None:
    """Return the ready project of that id or slug."""
    row = (await connection.execute(_READY, {"project": project})).one_or_none()
    return None if row is None else _stored(row)


async def all_ready(connection: Connection) -> list[Stored]:
    """Return all ready projects by name."""
    order = (func.lower(projects.c.name), projects.c.slug)
    found = await connection.execute(select(projects).where(projects.c.phase == Phase.READY).order_by(*order))
    return [_stored(row) for row in found]


async def not_ready(connection: Connection) -> list[Stored]:
    """Return the projects that are being made or removed, oldest first."""
    unready = select(projects).where(projects.c.phase != Phase.READY).order_by(projects.c.created)
    return [_stored(row) for row in await connection.execute(unready)]


async def slots(connection: Connection) -> tuple[int, set[int]]:
    """Return how many projects there are, of any phase, and the slots they hold."""
    held = [row.slot for row in await connection.execute(select(projects.c.slot))]
    return len(held), {slot for slot in held if slot is not None}


async def variables(connection: Connection, project_id: str) -> list[Row[Any]]:
    """Return the sealed variables of a project, by name."""
    query = select(project_variables).where(project_variables.c.project_id == project_id)
    return list(await connection.execute(query.order_by(project_variables.c.name)))


async def put_variable(connection: Connection, values: Mapping[str, Any]) -> None:
    """Write a variable in place of the one of its name."""
    await remove_variable(connection, values["project_id"], values["name"])
    await connection.execute(insert(project_variables).values(**values))


async def remove_variable(connection: Connection, project_id: str, name: str) -> bool:
    """Delete a variable; False when there is none."""
    found = project_variables.c
    done = await connection.execute(delete(project_variables).where(found.project_id == project_id, found.name == name))
    return done.rowcount > 0


async def all_credentials(connection: Connection) -> list[Row[Any]]:
    """Return the sealed credentials, by name."""
    return list(await connection.execute(select(credentials).order_by(credentials.c.name)))


async def credential(connection: Connection, name: str) -> Row[Any] | None:
    """Return one sealed credential."""
    return (await connection.execute(select(credentials).where(credentials.c.name == name))).one_or_none()


async def put_credential(connection: Connection, values: Mapping[str, Any]) -> None:
    """Write a credential in place of the one of its name."""
    await remove_credential(connection, values["name"])
    await connection.execute(insert(credentials).values(**values))


async def remove_credential(connection: Connection, name: str) -> bool:
    """Delete a credential; False when there is none."""
    return (await connection.execute(delete(credentials).where(credentials.c.name == name))).rowcount > 0


async def _one(connection: Connection, *where: ColumnElement[bool]) -> Stored | None:
    row = (await connection.execute(select(projects).where(*where))).one_or_none()
    return None if row is None else _stored(row)


def _stored(row: Row[Any]) -> Stored:
    values = dict(row._mapping)
    return Stored(**{**values, "state": ProjectStatus(values["state"]), "phase": Phase(values["phase"])})
