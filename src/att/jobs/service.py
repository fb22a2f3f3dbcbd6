"""Takes jobs in, shows them, follows their logs, cancels them; `runner` runs them."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import anyio

from att.jobs import records
from att.jobs.decision import may_cancel
from att.jobs.ports import Bus
from att.jobs.runner import Runner
from att.jobs.schema import Job, JobListRequest, JobPage, JobRef, JobState, LogLine
from att.jobs.tables import jobs
from att.kernel.errors import Conflict, Forbidden, NotFound
from att.kernel.ids import new_id
from att.kernel.operation import Caller, Operation, Role
from att.store.connection import Connection
from att.store.cursor import parse_cursor
from att.store.retention import Retention, prune
from att.store.service import Store

KEEP = Retention(days=30, rows_max=1_000)
CONCURRENCY = 4
CANCEL_GRACE_SECONDS = 10.0
_LINES_A_READ = 1_000


class Jobs:
    """The jobs of this process's database. `run()` must run in the entrypoint's task group."""

    def __init__(
        self,
        store: Store,
        events: Bus,
        *,
        resolve: Callable[[str], Operation],
        services: dict[type, Any],
        concurrency: int = CONCURRENCY,
        clock: Callable[[], float] = time.time,
        keep: Retention = KEEP,
        cancel_grace_seconds: float = CANCEL_GRACE_SECONDS,
    ) -> None:
        """`resolve` raises KeyError for what this release lacks; `services` goes into handlers' contexts as it is."""
        self._store = store
        self._events = events
        self._clock = clock
        self._keep = keep
        self._changes: dict[str, anyio.Event] = {}
        self._runner = Runner(
            store,
            events,
            resolve=resolve,
            services=services,
            concurrency=concurrency,
            clock=clock,
            changed=self._changed,
            cancel_grace_seconds=cancel_grace_seconds,
        )
        store.sweeps(self._sweep)

    async def submit(
        self,
        operation: Operation,
        request: Mapping[str, Any],
        caller: Caller,
        request_id: str,
        *,
        key: str | None = None,
        exclusive: str | None = None,
    ) -> JobRef:
        """Persist a job and return its reference; it starts as soon as there is room.

        `key` makes a repeated call of the same caller and operation answer with the same job; with another request
        it is Conflict(key_reused). Jobs with the same `exclusive` run one after the other. Raises
        Unavailable(write_fenced).
        """
        job_id = new_id("job")
        async with self._store.write() as connection:
            if key is not None and (known := await records.by_key(connection, caller, operation.name, key)):
                if known.request != dict(request):
                    raise Conflict("key_reused", "cannot start the job: its key was used for another request")
                return JobRef(job_id=known.job_id, operation=known.operation, state=known.state)
            await records.add(
                connection,
                job_id=job_id,
                operation=operation.name,
                request=request,
                caller=caller,
                request_id=request_id,
                key=key,
                exclusive=exclusive,
                now=self._clock(),
            )
        self._events.publish("job.queued", {"job_id": job_id, "operation": operation.name})
        self._runner.wake()
        return JobRef(job_id=job_id, operation=operation.name, state=JobState.QUEUED)

    async def show(self, job_id: str) -> Job:
        """Return the job or raise NotFound(job_unknown)."""
        async with self._store.read() as connection:
            return _found(await records.shown(connection, job_id), job_id)

    async def memory(self, job_id: str) -> dict[str, Any]:
        """Return what a job remembered, for the room whose job it is; it must be there."""
        async with self._store.read() as connection:
            return await records.memory(connection, job_id)

    async def request(self, job_id: str) -> dict[str, Any]:
        """Return what a job was asked for, for the room whose job it is; NotFound(job_unknown)."""
        async with self._store.read() as connection:
            return _found(await records.stored(connection, job_id), job_id).request

    async def list(self, request: JobListRequest) -> JobPage:
        """Return a page of jobs, newest first."""
        async with self._store.read() as connection:
            found = await records.page(connection, request)
        shown = found[: request.limit]
        return JobPage(
            jobs=[job for _, job in shown], next_cursor=str(shown[-1][0]) if len(found) > request.limit else None
        )

    async def cancel(self, job_id: str, caller: Caller) -> Job:
        """Ask a job to stop: at once if queued, else its handler is told, and interrupted 10 s later.

        Raises NotFound(job_unknown), Conflict(job_finished), Forbidden(not_allowed): one's own job, or an operator.
        """
        async with self._store.write() as connection:
            job = _found(await records.stored(connection, job_id), job_id)
            if not may_cancel(is_owner=job.caller.id == caller.id, is_operator=caller.role >= Role.OPERATOR):
                raise Forbidden("not_allowed", f"cannot cancel {job_id}: it is somebody else's")
            if job.state.final:
                raise Conflict("job_finished", f"cannot cancel {job_id}: it has {job.state.value}")
            if job.state is JobState.QUEUED and not self._runner.has(job_id):
                await records.change(
                    connection, job_id, state=JobState.CANCELLED, cancel_requested=True, finished=self._clock()
                )
            else:
                await records.change(connection, job_id, cancel_requested=True)
                self._runner.cancel(job_id)
        now = await self.show(job_id)
        if now.state is JobState.CANCELLED:
            self._events.publish("job.cancelled", {"job_id": job_id, "operation": now.operation})
        self._changed(job_id)
        return now

    async def log(
        self, job_id: str, *, cursor: str | None, limit: int = 1000, follow: bool = False
    ) -> AsyncIterator[LogLine]:
        """Yield log lines after `cursor`; with `follow` go on until the job has ended or the process stops."""
        position, left = parse_cursor(cursor) if cursor is not None else 0, limit
        while follow or left > 0:
            change = self._change_of(job_id)
            async with self._store.read() as connection:
                job = _found(await records.stored(connection, job_id), job_id)
                size = _LINES_A_READ if follow else min(left, _LINES_A_READ)
                found = await records.lines(connection, job_id, position, size)
            for line in found:
                position = int(line.cursor)
                yield line
            left -= len(found)
            if found:
                continue
            if not follow or job.state.final or self._runner.stopping:
                return
            await change.wait()

    async def watch(self, job_id: str) -> AsyncIterator[Job]:
        """Yield the job as it is and at each change, last when it has ended or the process stops."""
        last: Job | None = None
        while True:
            change = self._change_of(job_id)
            job = await self.show(job_id)
            if job != last:
                last = job
                yield job
            if job.state.final or self._runner.stopping:
                return
            await change.wait()

    async def ended(self, job_id: str, seconds: float) -> Job:
        """Return the job once it has ended, or as it is after `seconds` or when the process stops."""
        if seconds > 0:
            with anyio.move_on_after(seconds):
                return await self.wait(job_id)
        return await self.show(job_id)

    async def wait(self, job_id: str) -> Job:
        """Return the job once it has ended, or as it is when the process stops."""
        job = await self.show(job_id)
        async for changed in self.watch(job_id):
            job = changed
        return job

    async def run(self) -> None:
        """Resume unfinished jobs and run queued ones; returns after `stop()`."""
        await self._runner.run()

    def stop(self) -> None:
        """Interrupt handlers and followers; interrupted jobs stay `running` for the next process to resume."""
        self._runner.stop()
        for event in self._changes.values():
            event.set()

    def _change_of(self, job_id: str) -> anyio.Event:
        """The event of the job's next change; taken before looking, so that no change is missed."""
        return self._changes.setdefault(job_id, anyio.Event())

    def _changed(self, job_id: str) -> None:
        event = self._changes.pop(job_id, None)
        if event is not None:
            event.set()

    async def _sweep(self, connection: Connection) -> None:
        await prune(
            connection,
            jobs,
            order=jobs.c.seq,
            time=jobs.c.finished,
            keep=self._keep,
            now=self._clock(),
            steady=self._store.steady,
            only=jobs.c.finished.is_not(None),
        )


def _found[T](job: T | None, job_id: str) -> T:
    if job is None:
        raise NotFound("job_unknown", f"cannot find the job {job_id[:64]}", field="job_id")
    return job
