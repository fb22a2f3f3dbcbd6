"""The clocks: wall, monotonic, and the boot in which the monotonic one counts."""

import time
from pathlib import Path
from typing import Protocol

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """What a room needs of time; tests pass one they move by hand."""

    def now(self) -> float:
        """Seconds since 1970 by the wall clock, which may jump: for people and expiry, never for deadlines."""

    def monotonic(self) -> float:
        """Seconds of this boot, never going back: for deadlines."""

    def boot_id(self) -> str:
        """Names the boot in which `monotonic` counts."""

    def sleep(self, seconds: float) -> None:
        """Block this thread."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> float:
        """See `Clock`."""
        return time.time()

    def monotonic(self) -> float:
        """See `Clock`; counts through suspend, so that a deadline does too."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def boot_id(self) -> str:
        """See `Clock`."""
        return _BOOT_ID.read_text(encoding="ascii").strip()

    def sleep(self, seconds: float) -> None:
        """See `Clock`."""
        time.sleep(seconds)
