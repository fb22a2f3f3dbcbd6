"""Runs and remembers jobs."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from att.events.service import Events
from att.jobs.schema import Job, JobListRequest, JobPage, JobRef, LogLine
from att.kernel.operation import Caller, Operation
from att.store.service import Store


class Jobs:
    """The jobs of this process's database. `run()` must run in the entrypoint's task group."""

    def __init__(
        self,
        store: Store,
        events: Events,
        *,
        resolve: Callable[[str], Operation],
        services: Mapping[type, Any],
        concurrency: int = 4,
        clock: Callable[[], float] = time.time,
    ) -> None:
        raise NotImplementedError

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

        `key` makes a repeated call of the same caller and operation answer with the same job. Jobs with the same
        `exclusive` run one after the other. Raises Unavailable(write_fenced).
        """
        raise NotImplementedError

    async def show(self, job_id: str) -> Job:
        """Return the job or raise NotFound(job_unknown)."""
        raise NotImplementedError

    async def list(self, request: JobListRequest) -> JobPage:
        """Return a page of jobs, newest first."""
        raise NotImplementedError

    async def cancel(self, job_id: str, caller: Caller) -> Job:
        """Ask a job to stop: at once if queued, else its handler is told, and interrupted 10 s later.

        Raises NotFound(job_unknown), Conflict(job_finished), Forbidden(not_allowed): one's own job, or an operator.
        """
        raise NotImplementedError

    def log(self, job_id: str, *, cursor: str | None, limit: int = 1000, follow: bool = False) -> AsyncIterator[LogLine]:
        """Yield log lines after `cursor`; with `follow` go on until the job has ended or the process stops."""
        raise NotImplementedError

    async def wait(self, job_id: str) -> Job:
        """Return the job once it has ended, or as it is when the process stops."""
        raise NotImplementedError

    async def run(self) -> None:
        """Resume unfinished jobs, run queued ones, sweep old ones; returns after `stop()`."""
        raise NotImplementedError

    def stop(self) -> None:
        """Interrupt handlers and followers; interrupted jobs stay `running` for the next process to resume."""
        raise NotImplementedError
