"""Reads and writes the rows of jobs."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, insert, select, update

from att.jobs.decision import Waiting
from att.jobs.schema import Job, JobListRequest, JobProblem, JobState, LogLine
from att.jobs.tables import job_lines, jobs
from att.kernel.operation import Caller, Role
from att.store.connection import Connection
from att.store.cursor import parse_cursor

_UNFINISHED = (JobState.QUEUED.value, JobState.RUNNING.value)


@dataclass(frozen=True)
class Stored:
    """A job as its runner needs it."""

    job_id: str
    operation: str
    request: dict[str, Any]
    caller: Caller
    request_id: str
    exclusive: str | None
    state: JobState
    attempts: int
    cancel_requested: bool
    lines: int


async def add(
    connection: Connection,
    *,
    job_id: str,
    operation: str,
    request: Mapping[str, Any],
    caller: Caller,
    request_id: str,
    key: str | None,
    exclusive: str | None,
    now: float,
) -> None:
    """Store a queued job."""
    await connection.execute(
        insert(jobs).values(
            id=job_id,
            operation=operation,
            request=dict(request),
            caller={**dataclasses.asdict(caller), "role": int(caller.role)},
            caller_id=caller.id,
            request_id=request_id,
            key=key,
            exclusive=exclusive,
            state=JobState.QUEUED,
            step="",
            created=now,
            cancel_requested=False,
            attempts=0,
            memory={},
            lines=0,
        )
    )


async def by_key(connection: Connection, caller: Caller, operation: str, key: str) -> Stored | None:
    """Return the job that this caller started with that key."""
    return await _stored(connection, jobs.c.caller_id == caller.id, jobs.c.operation == operation, jobs.c.key == key)


async def stored(connection: Connection, job_id: str) -> Stored | None:
    """Return the job for its runner."""
    return await _stored(connection, jobs.c.id == job_id)


async def shown(connection: Connection, job_id: str) -> Job | None:
    """Return the job for people."""
    row = (await connection.execute(select(jobs).where(jobs.c.id == job_id))).one_or_none()
    return None if row is None else _job(row)


async def page(connection: Connection, request: JobListRequest) -> list[tuple[int, Job]]:
    """Return up to one job more than asked for, newest first, each with its cursor."""
    where: list[ColumnElement[bool]] = []
    if request.state is not None:
        where.append(jobs.c.state == request.state.value)
    if request.operation is not None:
        where.append(jobs.c.operation == request.operation)
    if request.cursor is not None:
        where.append(jobs.c.seq < parse_cursor(request.cursor))
    query = select(jobs).where(*where).order_by(jobs.c.seq.desc()).limit(request.limit + 1)
    return [(row.seq, _job(row)) for row in await connection.execute(query)]


async def unfinished(connection: Connection) -> list[Waiting]:
    """Return all jobs that have not ended, oldest first."""
    query = (
        select(jobs.c.id, jobs.c.seq, jobs.c.state, jobs.c.exclusive)
        .where(jobs.c.state.in_(_UNFINISHED))
        .order_by(jobs.c.seq)
    )
    return [Waiting(row.id, row.seq, JobState(row.state), row.exclusive) for row in await connection.execute(query)]


async def change(connection: Connection, job_id: str, **values: Any) -> None:
    """Set columns of a job."""
    await connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))


async def memory(connection: Connection, job_id: str) -> dict[str, Any]:
    """Return what a job remembered."""
    found: dict[str, Any] = (await connection.execute(select(jobs.c.memory).where(jobs.c.id == job_id))).scalar_one()
    return found


async def add_lines(connection: Connection, job_id: str, texts: list[str], now: float) -> int:
    """Append lines to a job's log; returns how many it has now."""
    count: int = (
        await connection.execute(
            update(jobs).where(jobs.c.id == job_id).values(lines=jobs.c.lines + len(texts)).returning(jobs.c.lines)
        )
    ).scalar_one()
    first = count - len(texts) + 1
    rows = [{"job_id": job_id, "line": first + at, "time": now, "text": text} for at, text in enumerate(texts)]
    await connection.execute(insert(job_lines), rows)
    return count


async def lines(connection: Connection, job_id: str, after: int, limit: int) -> list[LogLine]:
    """Return lines after number `after`."""
    query = (
        select(job_lines)
        .where(job_lines.c.job_id == job_id, job_lines.c.line > after)
        .order_by(job_lines.c.line)
        .limit(limit)
    )
    return [
        LogLine(cursor=str(row.line), time=datetime.fromtimestamp(row.time, UTC), text=row.text)
        for row in await connection.execute(query)
    ]


async def _stored(connection: Connection, *where: ColumnElement[bool]) -> Stored | None:
    row = (await connection.execute(select(jobs).where(*where))).one_or_none()
    if row is None:
        return None
    return Stored(
        job_id=row.id,
        operation=row.operation,
        request=row.request,
        caller=Caller(**{**row.caller, "role": Role(row.caller["role"])}),
        request_id=row.request_id,
        exclusive=row.exclusive,
        state=JobState(row.state),
        attempts=row.attempts,
        cancel_requested=row.cancel_requested,
        lines=row.lines,
    )


def _job(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        operation=row.operation,
        state=JobState(row.state),
        step=row.step,
        percent=row.percent,
        deadline=_moment(row.deadline),
        caller=row.caller["name"],
        request_id=row.request_id,
        created=datetime.fromtimestamp(row.created, UTC),
        started=_moment(row.started),
        finished=_moment(row.finished),
        cancel_requested=row.cancel_requested,
        attempts=row.attempts,
        result=row.result,
        problem=JobProblem.model_validate(row.problem) if row.problem is not None else None,
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
