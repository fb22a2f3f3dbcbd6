"""The table of test runs, as values."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.sqlite import insert

from att.store.connection import Connection
from att.store.cursor import parse_cursor
from att.testing.schema import Outcome, Report, RunPage, RunRequest, RunSummary, TestRun
from att.testing.tables import test_runs


@dataclass(frozen=True)
class New:
    """A run that is about to begin."""

    run_id: str
    project_id: str
    task_id: str
    asked: RunRequest
    started: float


async def add(connection: Connection, new: New) -> bool:
    """Write down a run before it begins; False when it is written down already."""
    statement = insert(test_runs).values(
        id=new.run_id,
        project_id=new.project_id,
        task_id=new.task_id,
        outcome=Outcome.RUNNING.value,
        asked=new.asked.model_dump(mode="json"),
        started=new.started,
    )
    written = await connection.execute(statement.on_conflict_do_nothing(index_elements=["id"]))
    return bool(written.rowcount)


async def finish(connection: Connection, run_id: str, outcome: Outcome, report: Report, now: float) -> None:
    """Write down how a run ended."""
    values = {"outcome": outcome.value, "report": report.model_dump(mode="json"), "ended": now}
    await connection.execute(update(test_runs).where(test_runs.c.id == run_id).values(values))


async def find(connection: Connection, project_id: str, run_id: str | None) -> TestRun | None:
    """Return a project's run of that id, or its latest that has ended, or its latest."""
    chosen = select(test_runs).where(test_runs.c.project_id == project_id)
    if run_id is not None:
        chosen = chosen.where(test_runs.c.id == run_id)
    running = test_runs.c.outcome == Outcome.RUNNING.value
    chosen = chosen.order_by(running, test_runs.c.number.desc()).limit(1)
    row = (await connection.execute(chosen)).one_or_none()
    return None if row is None else _run(row)


async def page(connection: Connection, project_id: str, cursor: str | None, limit: int) -> RunPage:
    """Return a page of a project's runs, newest first."""
    chosen = select(test_runs).where(test_runs.c.project_id == project_id)
    if cursor is not None:
        chosen = chosen.where(test_runs.c.number < parse_cursor(cursor))
    rows = list(await connection.execute(chosen.order_by(test_runs.c.number.desc()).limit(limit + 1)))
    shown = rows[:limit]
    following = str(shown[-1].number) if len(rows) > limit else None
    return RunPage(runs=[_summary(_run(row)) for row in shown], next_cursor=following)


def _run(row: Row[Any]) -> TestRun:
    asked = RunRequest.model_validate(row.asked)
    return TestRun(
        id=row.id,
        project_id=row.project_id,
        task_id=row.task_id,
        outcome=Outcome(row.outcome),
        suite=asked.suite,
        targets=asked.targets,
        markers=asked.markers,
        started=datetime.fromtimestamp(row.started, UTC),
        ended=None if row.ended is None else datetime.fromtimestamp(row.ended, UTC),
        report=Report.model_validate(row.report) if row.report else Report(),
    )


def _summary(run: TestRun) -> RunSummary:
    return RunSummary(
        **run.model_dump(include={"id", "outcome", "suite", "targets", "markers", "started", "ended"}),
        counts=run.report.counts,
        seconds=run.report.seconds,
        coverage_percent=run.report.coverage.percent if run.report.coverage else None,
    )
