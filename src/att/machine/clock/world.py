"""The clock as systemd-timesyncd and timedatectl tell it."""

import time
from pathlib import Path

from att.appliance import Facts
from att.effects.clock import STAMP, boot_time, jump_seconds
from att.effects.filesystem import write_atomically
from att.effects.processes import run

TOOL_SECONDS = 10.0
UNIT = "systemd-timesyncd.service"


class SystemClock:
    """The clock of this machine."""

    def __init__(self, facts: Facts) -> None:
        self._stamp = facts.paths.run / STAMP
        self._synchronised = facts.root / "run/systemd/timesync/synchronized"
        self._zone = facts.root / "etc/localtime"
        self._hardware = facts.root / "sys/class/rtc/rtc0"

    def now(self) -> float:
        """See `Clock`."""
        return time.time()

    def active(self) -> bool:
        """See `Clock`."""
        return run(["systemctl", "is-active", "--quiet", UNIT], timeout_seconds=TOOL_SECONDS).ok

    def time_zone(self) -> str:
        """See `Clock`; localtime(5): a missing link means UTC."""
        try:
            return str(self._zone.readlink()).partition("zoneinfo/")[2] or "UTC"
        except OSError:
            return "UTC"

    def hardware(self) -> str | None:
        """See `Clock`."""
        try:
            day, hour = ((self._hardware / name).read_text(encoding="ascii").strip() for name in ("date", "time"))
        except OSError:
            return None
        return f"{day}T{hour}+00:00"

    def synchronised_at(self) -> float | None:
        """See `Clock`; timesyncd touches the file each time it has set the clock."""
        return _modified(self._synchronised)

    def status(self) -> str:
        """See `Clock`."""
        return _told("timesync-status")

    def servers(self) -> str:
        """See `Clock`."""
        return _told("show-timesync")

    def jump(self) -> float | None:
        """See `Clock`."""
        return jump_seconds(self._stamp)

    def accept(self) -> None:
        """See `Clock`."""
        write_atomically(self._stamp, f"{boot_time():.3f}\n".encode("ascii"), mode=0o644)


def _told(verb: str) -> str:
    done = run(["timedatectl", "--no-pager", verb], timeout_seconds=TOOL_SECONDS)
    return done.output if done.ok else ""


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None
