"""The API's door for writes: while an upgrade's fence holds the database, they wait here before they begin anything."""

from collections.abc import Awaitable, Callable

import anyio

from att.kernel.errors import Unavailable
from att.surfaces.draining import Draining

WAIT_SECONDS_MAX = 5.0
POLL_SECONDS = 0.05

Probe = Callable[[], Awaitable[bool]]
"""Whether a write transaction could begin now."""


class WriteGate:
    """Lets writes through once `probe` says so, at most `wait_seconds_max` later, and none once draining began."""

    def __init__(self, probe: Probe, draining: Draining, *, wait_seconds_max: float = WAIT_SECONDS_MAX) -> None:
        self._probe = probe
        self._draining = draining
        self._wait_seconds_max = wait_seconds_max

    async def enter(self) -> None:
        """Return when a write may begin; Unavailable("write_fenced") when it may not within the limit."""
        with anyio.move_on_after(self._wait_seconds_max):
            while not self._draining.begun:
                if await self._probe():
                    return
                with anyio.move_on_after(POLL_SECONDS):
                    await self._draining.wait()
        raise fenced()


def fenced() -> Unavailable:
    """Return the answer to a write that came in the middle of an upgrade."""
    return Unavailable("write_fenced", "cannot write now: an upgrade is switching the data", retry_after_seconds=1)
