"""The machine as diagnostics sees it: systemctl, sockets, file systems, openssl."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from att.diagnostics.decision import Certificate, Disk, Unit
from att.effects import http
from att.effects.clock import jump_seconds
from att.effects.processes import run
from att.effects.room import room_of

HTTP_SECONDS = 20.0
TOOL_SECONDS = 15.0
_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
_TIMESYNC = Path("/run/systemd/timesync")
_PROPERTIES = "Id,LoadState,ActiveState,SubState"


class Machine:
    """The machine this process runs on."""

    def units(self, names: list[str]) -> tuple[Unit, ...] | None:
        """See `World`."""
        finished = run(["systemctl", "show", f"--property={_PROPERTIES}", "--", *names], timeout_seconds=TOOL_SECONDS)
        return parse_units(finished.output) if finished.ok else None

    def get(self, socket: Path, target: str) -> tuple[int, Any]:
        """See `World`."""
        answer = http.request(socket, "GET", target, timeout_seconds=HTTP_SECONDS)
        return answer.status, answer.json

    def disk(self, path: Path) -> Disk | None:
        """See `World`."""
        room = room_of(path)
        if room is None:
            return None
        return Disk(str(path), room.used_percent, room.free_mb, room.inodes_percent, room.read_only)

    def clock_synchronised(self) -> bool | None:
        """See `World`."""
        return _SYNCHRONISED.exists() if _TIMESYNC.is_dir() else None

    def clock_jump_seconds(self, stamp: Path) -> float | None:
        """See `World`."""
        return jump_seconds(stamp)

    def certificate(self, path: Path) -> Certificate | None:
        """See `World`."""
        if not path.exists():
            return None
        command = ["openssl", "x509", "-noout", "-startdate", "-enddate", "-dateopt", "iso_8601", "-in", str(path)]
        finished = run(command, timeout_seconds=TOOL_SECONDS)
        return validity(finished.output, datetime.now(UTC)) if finished.ok else None

    def days_since(self, path: Path) -> float | None:
        """See `World`."""
        try:
            return (datetime.now(UTC).timestamp() - path.stat().st_mtime) / 86_400
        except OSError:
            return None

    def backup(self, path: Path) -> tuple[float | None, str, bool] | None:
        """See `World`."""
        try:
            told = json.loads(path.read_bytes())
            good = datetime.fromisoformat(told["good"]) if told["good"] else None
            days = (datetime.now(UTC) - good).total_seconds() / 86_400 if good else None
            return days, str(told["problem"]), bool(told["key_shown"])
        except (OSError, ValueError, KeyError, TypeError):
            return None


def parse_units(text: str) -> tuple[Unit, ...]:
    """Return the units of `systemctl show`'s blocks."""
    found = []
    for block in text.strip().split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if values.get("Id"):
            found.append(
                Unit(
                    values["Id"],
                    values.get("LoadState", ""),
                    values.get("ActiveState", ""),
                    values.get("SubState", ""),
                )
            )
    return tuple(found)


def validity(text: str, now: datetime) -> Certificate | None:
    """Read lines like `notBefore=2026-11-21 10:31:00Z` and `notAfter=`; None when openssl said neither."""
    told = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    try:
        early, left = (datetime.fromisoformat(told[name]) - now for name in ("notBefore", "notAfter"))
    except (KeyError, ValueError):
        return None
    return Certificate(early.total_seconds() / 86_400, left.total_seconds() / 86_400)
