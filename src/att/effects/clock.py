"""How far somebody has set the clock since the machine booted: a stamp of the boot against the kernel's two clocks."""

import time
from pathlib import Path

JUMP_SECONDS_WARN = 60.0
"""A clock that was set by this much since boot is worth a word; the network mends less than that without harm."""

STAMP = "clock"
"""Name of the stamp below `Paths.run`; the first boot's program writes it at each boot."""


def boot_time() -> float:
    """Return when this boot began by the clock of now, in seconds of the epoch: it moves only when the clock is set."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def jump_seconds(stamp: Path) -> float | None:
    """Return by how much the clock was set since the stamp was written, None without a stamp."""
    try:
        return boot_time() - float(stamp.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
