"""Runs a project's tests as a task of its sandbox, follows it, reads its reports, and keeps what came of it."""

import asyncio
import time
from collections.abc import Callable

import anyio
import anyio.to_thread
from sqlalchemy import select

from att.kernel.errors import AttError, NotFound
from att.kernel.ids import new_id
from att.kernel.operation import Progress
from att.projects.ports import Places
from att.store.connection import Connection
from att.store.retention import Retention, prune
from att.store.service import Store
from att.testing import records
from att.testing.decision import COVERAGE, JUNIT, Ended, arguments, outcome_of, problem_of
from att.testing.junit import XML_BYTES_MAX, Unreadable, read_junit
from att.testing.output import follow_into
from att.testing.ports import Bus, Environment, Reports
from att.testing.reports import JSON_BYTES_MAX, read_coverage
from att.testing.schema import Coverage, HistoryRequest, Outcome, Report, ResultsRequest, RunPage, RunRequest, TestRun
from att.testing.tables import test_runs
from att.workspace.place import Place
from att.workspace.ports import Sandboxes
from att.workspace.schema import Ending, Program, TaskKind, TaskSpec, TaskState
from att.workspace.shim.records import OUT

KEEP = Retention(days=30, rows_max=100)
CANCEL_POLL_SECONDS = 0.5
MEMORY_BYTES_MAX = 2 * 1024 * 1024 * 1024
LOG_END_BYTES = 64 * 1024
_EVENTS = {Outcome.PASSED: "test.passed", Outcome.EMPTY: "test.passed"}


class Testing:
    """Test runs of all projects. The row is written before the task starts, so a kill loses neither."""

    __test__ = False

    def __init__(
        self,
        store: Store,
        bus: Bus,
        places: Places,
        sandboxes: Sandboxes,
        environment: Environment,
        reports: Reports,
        *,
        clock: Callable[[], float] = time.time,
        keep: Retention = KEEP,
    ) -> None:
        self._store = store
        self._bus = bus
        self._places = places
        self._sandboxes = sandboxes
        self._environment = environment
        self._reports = reports
        self._clock = clock
        self._keep = keep
        store.sweeps(self._sweep)

    async def run(self, request: RunRequest, progress: Progress) -> TestRun:
        """Run tests and return what came of it; a resumed job goes on with the run that it had started.

        Raises InvalidInput(test_target_invalid).
        """
        place = await self._places.place(request.project_id)
        remembered = await progress.state()
        if "task_id" not in remembered:
            remembered = await self._begin(request, progress)
        run_id, task_id = str(remembered["run_id"]), str(remembered["task_id"])
        known = await self._written_down(place, request, run_id, task_id)
        if known.outcome is not Outcome.RUNNING:
            return known
        await progress.step("run the tests", deadline=request.timeout_seconds)
        try:
            await self._sandboxes.start(place, await self._spec(place, request, task_id))
        except AttError as error:
            await self._finish(place, run_id, Outcome.ERROR, Report(problem=error.detail))
            raise
        task = await self._until_ended(place, task_id, progress, int(remembered.get("offset", 0)))
        await progress.step("read the results")
        ended = Ended(task.ending or Ending.LOST, task.code, await self._log_end(place, task))
        outcome, report = await self._judged(place, task_id, ended, request)
        await self._finish(place, run_id, outcome, report)
        return await self.results(ResultsRequest(project_id=place.project_id, run_id=run_id))

    async def results(self, request: ResultsRequest) -> TestRun:
        """Return a run's results, those of the latest that has ended without an id.

        Raises NotFound(test_run_unknown).
        """
        place = await self._places.place(request.project_id)
        async with self._store.read() as connection:
            found = await records.find(connection, place.project_id, request.run_id)
        if found is None:
            which = f"the run {request.run_id}" if request.run_id else "any run"
            raise NotFound("test_run_unknown", f"cannot find {which} of the tests of {place.slug}")
        return found

    async def history(self, request: HistoryRequest) -> RunPage:
        """Return a page of a project's runs, newest first."""
        place = await self._places.place(request.project_id)
        async with self._store.read() as connection:
            return await records.page(connection, place.project_id, request.cursor, request.limit)

    async def _begin(self, request: RunRequest, progress: Progress) -> dict[str, str]:
        ids = {"run_id": new_id("test"), "task_id": new_id("task")}
        arguments(request, "")  # what is wrong with the request is said before anything is written
        await progress.remember(**ids)
        return ids

    async def _written_down(self, place: Place, request: RunRequest, run_id: str, task_id: str) -> TestRun:
        """Return the run as it is known; one whose ids alone are remembered is written down first."""
        async with self._store.write() as connection:
            new = records.New(run_id, place.project_id, task_id, request, self._clock())
            is_new = await records.add(connection, new)
        if is_new:
            self._bus.publish("test.run", {"run_id": run_id, "task_id": task_id}, project_id=place.project_id)
        return await self.results(ResultsRequest(project_id=place.project_id, run_id=run_id))

    async def _spec(self, place: Place, request: RunRequest, task_id: str) -> TaskSpec:
        out = place.task(task_id) / OUT
        return TaskSpec(
            task_id=task_id,
            kind=TaskKind.TEST,
            program=Program.NAT,
            command=("-m", "att_nat.tests", *arguments(request, str(out))),
            environment=self._environment.plain(),
            secrets=await self._environment.secret(place),
            timeout_seconds=request.timeout_seconds,
            memory_bytes_max=MEMORY_BYTES_MAX,
        )

    async def _until_ended(self, place: Place, task_id: str, progress: Progress, offset: int) -> TaskState:
        """Copy the output into the job's log until the task has ended; a cancelled job stops it."""
        watcher = asyncio.create_task(self._stop_when_cancelled(place, task_id, progress))
        try:
            await follow_into(progress, self._sandboxes.read_log(place, task_id, offset, follow=True), offset)
            return await self._sandboxes.wait(place, task_id)
        finally:
            watcher.cancel()
            await asyncio.wait([watcher])

    async def _stop_when_cancelled(self, place: Place, task_id: str, progress: Progress) -> None:
        while not await progress.cancelled():  # noqa: ASYNC110 - a job's progress is asked, it does not call
            await anyio.sleep(CANCEL_POLL_SECONDS)
        await self._sandboxes.stop(place, task_id, grace_seconds=1.0)

    async def _judged(self, place: Place, task_id: str, ended: Ended, request: RunRequest) -> tuple[Outcome, Report]:
        report, unreadable = await self._report(place, task_id)
        outcome = outcome_of(ended, report)
        problem = unreadable or problem_of(outcome, ended, report, request.timeout_seconds)
        report = report or Report()
        if request.coverage:
            report.coverage, odd = await self._coverage(place, task_id, request.coverage_threshold)
            problem = problem or odd
        return outcome, report.model_copy(update={"problem": problem})

    async def _report(self, place: Place, task_id: str) -> tuple[Report | None, str | None]:
        data = await self._reports.read(place, task_id, JUNIT, XML_BYTES_MAX)
        if data is None:
            return None, None
        try:
            return await anyio.to_thread.run_sync(read_junit, data, f"{place.work}/"), None
        except Unreadable as error:
            return None, f"cannot read the results: {error}"

    async def _coverage(
        self, place: Place, task_id: str, threshold: float | None
    ) -> tuple[Coverage | None, str | None]:
        data = await self._reports.read(place, task_id, COVERAGE, JSON_BYTES_MAX)
        if data is None:
            return None, None
        try:
            return await anyio.to_thread.run_sync(read_coverage, data, threshold), None
        except Unreadable as error:
            return None, f"cannot read the coverage: {error}"

    async def _finish(self, place: Place, run_id: str, outcome: Outcome, report: Report) -> None:
        async with self._store.write() as connection:
            await records.finish(connection, run_id, outcome, report, self._clock())
        told = {"run_id": run_id, "outcome": outcome.value, "counts": report.counts.model_dump()}
        self._bus.publish(_EVENTS.get(outcome, "test.failed"), told, project_id=place.project_id)

    async def _log_end(self, place: Place, task: TaskState) -> str:
        end = bytearray()
        start = max(0, task.log_bytes - LOG_END_BYTES)
        async for part in self._sandboxes.read_log(place, task.task_id, start):
            end += part
            if len(end) > 2 * LOG_END_BYTES:
                break
        return end.decode("utf-8", "replace")

    async def _sweep(self, connection: Connection) -> None:
        projects = (await connection.execute(select(test_runs.c.project_id).group_by(test_runs.c.project_id))).scalars()
        for project_id in list(projects):
            await prune(
                connection,
                test_runs,
                order=test_runs.c.number,
                time=test_runs.c.started,
                keep=self._keep,
                now=self._clock(),
                steady=self._store.steady,
                only=test_runs.c.project_id == project_id,
            )
