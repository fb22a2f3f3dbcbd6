"""A part of a job's progress, for a piece of work that remembers under names of its own."""

from typing import Any

from att.kernel.operation import Progress


class Part:
    """What `name` remembers lies below that name in the job's memory; steps become lines of the job's log."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._name = name

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self._progress.job_id

    async def step(self, name: str, *, percent: float | None = None, deadline: float | None = None) -> None:
        """Log it: the job's own step is the cycle's."""
        until = "" if deadline is None else f", {deadline:g} s at most"
        await self._progress.log(f"{name}{until}" if percent is None else f"{name} {percent:g} %{until}")

    async def log(self, line: str, **remember: Any) -> None:
        """See `kernel.operation.Progress`."""
        await self._progress.log(line, **({self._name: {**await self.state(), **remember}} if remember else {}))

    async def state(self) -> dict[str, Any]:
        """See `kernel.operation.Progress`."""
        found: dict[str, Any] = (await self._progress.state()).get(self._name, {})
        return found

    async def remember(self, **values: Any) -> None:
        """See `kernel.operation.Progress`."""
        await self._progress.remember(**{self._name: {**await self.state(), **values}})

    async def cancelled(self) -> bool:
        """See `kernel.operation.Progress`."""
        return await self._progress.cancelled()
