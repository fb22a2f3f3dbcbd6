"""Runs jobs in this process: a bounded number at once, from the start again if a run was interrupted."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
import structlog
from anyio.abc import TaskGroup
from pydantic import BaseModel, ValidationError

from att.effects.room import refusal_of
from att.jobs import records
from att.jobs.decision import gives_up, next_jobs, problem_of
from att.jobs.ports import Bus
from att.jobs.progress import JobProgress
from att.jobs.schema import JobProblem, JobState
from att.kernel.codes import CODES
from att.kernel.errors import AttError, Failed, InvalidInput, Unavailable
from att.kernel.operation import Context, Operation
from att.store.service import Store

_log = structlog.get_logger()
_RETRY_SECONDS = 1.0


@dataclass
class _Run:
    """A job that runs here now."""

    exclusive: str | None
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    progress: JobProgress | None = None
    grace_seconds: float | None = None


@dataclass(frozen=True)
class _Outcome:
    state: JobState
    result: Any = None
    problem: JobProblem | None = None


class Runner:
    """Starts what may start whenever something changed."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        *,
        resolve: Callable[[str], Operation],
        services: dict[type, Any],
        concurrency: int,
        clock: Callable[[], float],
        changed: Callable[[str], None],
        cancel_grace_seconds: float,
    ) -> None:
        self._store = store
        self._bus = bus
        self._resolve = resolve
        self._services = services
        self._concurrency = concurrency
        self._clock = clock
        self._changed = changed
        self._grace_seconds = cancel_grace_seconds
        self._runs: dict[str, _Run] = {}
        self._wake = anyio.Event()
        self._tasks: TaskGroup | None = None
        self.stopping = False

    async def run(self) -> None:
        """Run jobs until `stop`, which interrupts them; what they were is kept for the next process."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            while not self.stopping:
                self._wake = anyio.Event()
                retry = await self._start_some(tasks)
                with anyio.move_on_after(retry):
                    await self._wake.wait()
            tasks.cancel_scope.cancel()
        self._tasks = None

    def wake(self) -> None:
        """Look for jobs to start."""
        self._wake.set()

    def stop(self) -> None:
        """Let `run` interrupt what runs, and return."""
        self.stopping = True
        self._wake.set()
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()

    def has(self, job_id: str) -> bool:
        """Whether the job runs here now."""
        return job_id in self._runs

    def cancel(self, job_id: str) -> None:
        """Tell the job's handler to stop, and interrupt it when the grace is over."""
        run = self._runs.get(job_id)
        if run is None or self._tasks is None:
            return
        if run.progress is not None:
            run.progress.cancel_requested = True
        self._tasks.start_soon(self._interrupt, run)

    async def _interrupt(self, run: _Run) -> None:
        await anyio.sleep(self._grace_seconds if run.grace_seconds is None else run.grace_seconds)
        run.scope.cancel()

    async def _start_some(self, tasks: TaskGroup) -> float | None:
        """Start what may; returns the seconds after which to look again if the database is not there."""
        try:
            async with self._store.read() as connection:
                unfinished = await records.unfinished(connection)
        except Unavailable:
            return _RETRY_SECONDS
        waiting = [job for job in unfinished if job.job_id not in self._runs]
        taken = [run.exclusive for run in self._runs.values() if run.exclusive is not None]
        exclusive = {job.job_id: job.exclusive for job in waiting}
        for job_id in next_jobs(waiting, running=len(self._runs), taken=taken, concurrency=self._concurrency):
            self._runs[job_id] = _Run(exclusive[job_id])
            tasks.start_soon(self._run_one, job_id)
        return None

    async def _run_one(self, job_id: str) -> None:
        run = self._runs[job_id]
        try:
            outcome = await self._attempt(job_id, run)
            if outcome is not None:
                await self._finish(job_id, outcome)
        except AttError as error:
            # The process drains, or the database went away: the job stays as it is and is resumed.
            _log.warning("job.left", job_id=job_id, code=error.code)
            if not self.stopping:
                await anyio.sleep(_RETRY_SECONDS)
        finally:
            del self._runs[job_id]
            self.wake()

    async def _attempt(self, job_id: str, run: _Run) -> _Outcome | None:
        """Run the handler; None if the job has ended meanwhile."""
        job = await self._begin(job_id)
        if job is None:
            return None
        if gives_up(job.attempts - 1):
            return _failed("job_crashed", f"cannot finish {job.operation}: it was interrupted too often")
        progress = JobProgress(self._store, self._bus, job, clock=self._clock, changed=self._changed)
        run.progress, run.grace_seconds = progress, self._cancel_seconds(job.operation)
        if progress.cancel_requested:
            self.cancel(job_id)
        with run.scope:
            return await self._handle(job, progress)
        return _Outcome(JobState.CANCELLED)

    def _cancel_seconds(self, operation: str) -> float | None:
        try:
            return self._resolve(operation).cancel_seconds
        except KeyError:  # its handler's run says so
            return None

    async def _begin(self, job_id: str) -> records.Stored | None:
        async with self._store.write(patience_seconds=math.inf) as connection:
            job = await records.stored(connection, job_id)
            if job is None or job.state.final:
                return None
            first = {"started": self._clock()} if job.state is JobState.QUEUED else {}
            await records.change(
                connection,
                job_id,
                state=JobState.RUNNING,
                attempts=job.attempts + 1,
                percent=None,
                deadline=None,
                **first,
            )
            job = await records.stored(connection, job_id)
        self._bus.publish("job.started", {"job_id": job_id, "operation": job.operation if job else ""})
        self._changed(job_id)
        return job

    async def _handle(self, job: records.Stored, progress: JobProgress) -> _Outcome:
        while True:
            try:
                operation, request = self._parsed(job)
                context = Context(
                    caller=job.caller, request_id=job.request_id, services=self._services, progress=progress
                )
                result: BaseModel = await operation.answer(context, request)
                return _Outcome(JobState.SUCCEEDED, result=result.model_dump(mode="json"))
            except AttError as error:
                if self.stopping:
                    raise Unavailable("write_fenced", "cannot go on: the process stops") from error
                if error.code == "write_fenced":
                    # A handler may run again from its start, and an upgrade must not fail what it interrupts.
                    await self._store.writable(patience_seconds=math.inf)
                    continue
                if progress.cancel_requested:
                    return _Outcome(JobState.CANCELLED)
                return _Outcome(JobState.FAILED, problem=problem_of(error))
            # The outermost handler of a job: whatever a room raises must end as a failed job, not as a lost one.
            except Exception as error:  # noqa: BLE001
                refusal = refusal_of(error, f"finish {job.operation}") if isinstance(error, OSError) else None
                if refusal is not None:
                    return _Outcome(JobState.FAILED, problem=problem_of(refusal))
                _log.exception("job.crashed", job_id=job.job_id, operation=job.operation, request_id=job.request_id)
                return _failed("internal", f"cannot finish {job.operation}: an error in ATT")

    def _parsed(self, job: records.Stored) -> tuple[Operation, BaseModel]:
        try:
            operation = self._resolve(job.operation)
        except KeyError as error:
            raise Failed("internal", f"cannot run {job.operation}: this release has no such operation") from error
        try:
            return operation, operation.request.model_validate(job.request)
        except ValidationError as error:
            raise InvalidInput("invalid_input", f"cannot run {job.operation}: its request is not valid") from error

    async def _finish(self, job_id: str, outcome: _Outcome) -> None:
        problem = outcome.problem.model_dump(mode="json") if outcome.problem else None
        async with self._store.write(patience_seconds=math.inf) as connection:
            await records.change(
                connection,
                job_id,
                state=outcome.state,
                finished=self._clock(),
                deadline=None,
                result=outcome.result,
                problem=problem,
            )
            job = await records.shown(connection, job_id)
        told = {"job_id": job_id, "operation": job.operation if job else "", "problem": problem}
        self._bus.publish(f"job.{outcome.state.value}", told)
        self._changed(job_id)


def _failed(code: str, detail: str) -> _Outcome:
    return _Outcome(JobState.FAILED, problem=JobProblem(code=code, detail=detail, hint=CODES[code]))
