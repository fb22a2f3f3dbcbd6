"""Reads and writes the rows of checks."""

from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from att.forge.checks_file import CheckSpec
from att.forge.records import moment, moment_or_none
from att.forge.schema import Check, CheckState, PullRequest
from att.forge.tables import checks, pull_requests
from att.kernel.ids import new_id
from att.store.connection import Connection

UNFINISHED = (CheckState.QUEUED.value, CheckState.RUNNING.value)
_SHOWN = select(checks, pull_requests.c.number, pull_requests.c.head).join(
    pull_requests, pull_requests.c.id == checks.c.pull_request_id
)


class StoredCheck(Check):
    """A check as its runner needs it."""

    project_id: str
    pull_request_id: str
    task_id: str
    spec: CheckSpec


async def add(connection: Connection, pull: PullRequest, name: str, spec: CheckSpec, now: float) -> None:
    """Store a queued check of the head as it is now."""
    await connection.execute(
        insert(checks).values(
            id=new_id("run"),
            pull_request_id=pull.id,
            project_id=pull.project_id,
            commit=pull.head_commit,
            name=name,
            required=spec.required,
            spec=spec.model_dump(mode="json"),
            state=CheckState.QUEUED.value,
            task_id=new_id("task"),
            detail="",
            created=now,
        )
    )


async def latest(connection: Connection, pull: PullRequest) -> dict[str, Check]:
    """Return the last run of each check on the head as it is now."""
    query = _SHOWN.where(checks.c.pull_request_id == pull.id, checks.c.commit == pull.head_commit)
    return {row.name: _check(row) for row in await connection.execute(query.order_by(checks.c.seq))}


async def one(connection: Connection, project_id: str, run_id: str) -> StoredCheck | None:
    """Return one run."""
    query = _SHOWN.where(checks.c.project_id == project_id, checks.c.id == run_id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _stored(row)


async def page(connection: Connection, project_id: str, *, branch: str | None, limit: int) -> list[Check]:
    """Return runs of a project, the newest first, of one head branch or of all."""
    query = _SHOWN.where(checks.c.project_id == project_id)
    if branch is not None:
        query = query.where(pull_requests.c.head == branch)
    return [_check(row) for row in await connection.execute(query.order_by(checks.c.seq.desc()).limit(limit))]


async def unfinished(connection: Connection) -> list[StoredCheck]:
    """Return what is to be run or runs, the oldest first."""
    query = _SHOWN.where(checks.c.state.in_(UNFINISHED)).order_by(checks.c.seq)
    return [_stored(row) for row in await connection.execute(query)]


async def unfinished_of(connection: Connection, pull: PullRequest) -> list[StoredCheck]:
    """Return the checks of a pull request that have not ended, those on commits before its head too."""
    query = _SHOWN.where(checks.c.pull_request_id == pull.id, checks.c.state.in_(UNFINISHED))
    return [_stored(row) for row in await connection.execute(query)]


async def beyond(connection: Connection, project_id: str, keep: int) -> list[StoredCheck]:
    """Return finished runs of a project older than its newest `keep`."""
    newest = _SHOWN.where(checks.c.project_id == project_id).order_by(checks.c.seq.desc()).offset(keep).limit(100)
    return [found for row in await connection.execute(newest) if (found := _stored(row)).state.final]


async def change(connection: Connection, run_id: str, **values: Any) -> bool:
    """Set columns of a check that has not ended; whether there was one."""
    statement = update(checks).where(checks.c.id == run_id, checks.c.state.in_(UNFINISHED)).values(**values)
    return (await connection.execute(statement)).rowcount > 0


async def forget(connection: Connection, run_id: str) -> None:
    """Remove a run."""
    await connection.execute(delete(checks).where(checks.c.id == run_id))


def _check(row: Row[Any]) -> Check:
    return Check(**_values(row))


def _stored(row: Row[Any]) -> StoredCheck:
    return StoredCheck(
        **_values(row),
        project_id=row.project_id,
        pull_request_id=row.pull_request_id,
        task_id=row.task_id,
        spec=CheckSpec.model_validate(row.spec),
    )


def _values(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "number": row.number,
        "commit": row.commit,
        "required": row.required,
        "state": CheckState(row.state),
        "code": row.code,
        "detail": row.detail,
        "created": moment(row.created),
        "started": moment_or_none(row.started),
        "ended": moment_or_none(row.ended),
    }
