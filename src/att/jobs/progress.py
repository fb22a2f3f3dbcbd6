"""What a job's handler reports through: each call is in the database before it returns."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from att.jobs import records
from att.jobs.decision import is_healthy
from att.jobs.ports import Bus
from att.store.connection import Connection
from att.store.service import Store

LINES_MAX = 100_000
LINE_CHARS_MAX = 8_192
_FULL = "… the log is full, further lines are dropped"


class JobProgress:
    """The kernel's Progress for one run of one job; it waits out a fence, and fails when the process stops."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        job: records.Stored,
        *,
        clock: Callable[[], float],
        changed: Callable[[str], None],
    ) -> None:
        self._store = store
        self._bus = bus
        self._job = job
        self._clock = clock
        self._changed = changed
        self._started = clock()
        self._forgiven = False
        self._lines = job.lines
        self.cancel_requested = job.cancel_requested

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self._job.job_id

    async def step(self, name: str, *, percent: float | None = None, deadline: float | None = None) -> None:
        """Say which step runs now; `percent` 0–100 where the length is known, `deadline` in seconds from now."""
        until = None if deadline is None else self._clock() + deadline
        await self._change(step=name, percent=percent, deadline=until)
        self._bus.publish(
            "job.progress",
            {
                "job_id": self.job_id,
                "operation": self._job.operation,
                "step": name,
                "percent": percent,
                "deadline_seconds": deadline,
            },
        )

    async def log(self, line: str, **remember: Any) -> None:
        """Append a line to the job's log, or each of a text, and persist values with it: both, or neither."""
        room = LINES_MAX - self._lines
        texts = [text[:LINE_CHARS_MAX] for text in line.splitlines()] or [""]
        if len(texts) >= room:
            texts = [*texts[: room - 1], _FULL][: max(room, 0)]
        async with self._store.write(patience_seconds=math.inf) as connection:
            if texts:
                self._lines = await records.add_lines(connection, self.job_id, texts, self._clock())
            await self._remember(connection, remember)
        self._changed(self.job_id)

    async def state(self) -> dict[str, Any]:
        """The values remembered by `remember`, of this run or of one before a restart."""
        async with self._store.read() as connection:
            return await records.memory(connection, self.job_id)

    async def remember(self, **values: Any) -> None:
        """Persist values that a resumed run of this job needs; they must be JSON."""
        async with self._store.write(patience_seconds=math.inf) as connection:
            await self._remember(connection, values)

    async def cancelled(self) -> bool:
        """Whether somebody asked this job to stop."""
        return self.cancel_requested

    async def _remember(self, connection: Connection, values: Mapping[str, Any]) -> None:
        if values:
            known = await records.memory(connection, self.job_id)
            await records.change(connection, self.job_id, memory={**known, **values})

    async def _change(self, **values: Any) -> None:
        if not self._forgiven and is_healthy(self._clock() - self._started):
            self._forgiven = True
            values["attempts"] = 0
        async with self._store.write(patience_seconds=math.inf) as connection:
            await records.change(connection, self.job_id, **values)
        self._changed(self.job_id)
