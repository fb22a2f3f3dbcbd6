"""Reads what timedatectl(1) says of the clock. Pure."""

import re
from dataclasses import dataclass

from att.effects.clock import JUMP_SECONDS_WARN

_MICROSECONDS = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "min": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "day": 86_400_000_000,
    "days": 86_400_000_000,
    "w": 604_800_000_000,
    "month": 2_629_800_000_000,
    "months": 2_629_800_000_000,
    "y": 31_557_600_000_000,
}
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)")
_SERVER = re.compile(r"(\S+)(?: \((.*)\))?")
FAR_SECONDS = 1.0
OLD_SECONDS = 86_400.0


@dataclass(frozen=True)
class Sync:
    """What the network time service says; `server` empty while it has none, times in seconds."""

    server: str = ""
    address: str = ""
    stratum: int | None = None
    offset: float | None = None
    jitter: float | None = None
    poll: float | None = None


def sync_of(text: str) -> Sync:
    """Return what `timedatectl timesync-status` printed."""
    values = _values(text, ":")
    found = _SERVER.fullmatch(values.get("Server", ""))
    named = found is not None and found[1] not in ("n/a", "null")
    stratum = values.get("Stratum", "")
    return Sync(
        server=(found[2] or found[1]) if found and named else "",
        address=found[1] if found and named else "",
        stratum=int(stratum) if stratum.isdecimal() else None,
        offset=span(values.get("Offset", "")),
        jitter=span(values.get("Jitter", "")),
        poll=span(values.get("Poll interval", "").partition("(")[0]),
    )


def servers_of(text: str) -> tuple[str, ...]:
    """Return the servers that `timedatectl show-timesync` names: the operator's, those of DHCP, else the defaults."""
    values = _values(text, "=")
    for name in ("SystemNTPServers", "RuntimeNTPServers", "LinkNTPServers", "FallbackNTPServers"):
        if values.get(name):
            return tuple(values[name].split())
    return ()


def span(text: str) -> float | None:
    """Return the seconds of a time span as systemd prints it (`-1min 2.5s`, `+340us`, `0`), None for anything else."""
    text = text.strip()
    sign, digits = (-1.0, text[1:]) if text.startswith("-") else (1.0, text.removeprefix("+"))
    if digits == "0":
        return 0.0
    parts = _SPAN.findall(digits)
    if not parts or _SPAN.sub("", digits).strip() or not all(unit in _MICROSECONDS for _, unit in parts):
        return None
    return sign * sum(float(number) * _MICROSECONDS[unit] for number, unit in parts) / 1e6


def warnings(sync: Sync, *, active: bool, since_sync: float | None, jump: float | None) -> list[str]:
    """Return what is not as it should be; `since_sync` and `jump` in seconds, None when unknown."""
    found = []
    if not active:
        found.append("the network time service does not run: systemctl start systemd-timesyncd")
    elif since_sync is None:
        where = f"{sync.server} does not answer" if sync.server else "no time server is known"
        found.append(f"the network has not set the clock since boot: {where}")
    elif since_sync > OLD_SECONDS:
        found.append(f"the network set the clock {since_sync / 3600:.0f} hours ago for the last time")
    if sync.offset is not None and abs(sync.offset) >= FAR_SECONDS:
        found.append(f"the clock is {sync.offset:+.1f} s off")
    if jump is not None and abs(jump) >= JUMP_SECONDS_WARN:
        found.append(
            f"the clock was set by {jump:+.0f} s since boot: times written before are off by that; "
            "`attctl time accept` ends this warning"
        )
    return found


def _values(text: str, sign: str) -> dict[str, str]:
    pairs = (line.partition(sign) for line in text.splitlines() if sign in line)
    return {name.strip(): value.strip() for name, _, value in pairs}
