"""The services' journal lines as `journalctl --output=json` tells them: which are wanted, and as text. Pure.

Field names: systemd.journal-fields(7). ATT's services write JSON with a level of its own, whatever the journal's is.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from att.appliance import Facts
from att.kernel.errors import InvalidInput

LEVELS = ("debug", "info", "warning", "error")
_ERROR, _WARNING, _INFO = 3, 4, 6
_GROUPS = {"apps": "att-app@*.service", "tasks": "att-task@*.service", "builds": "att-build@*.service"}


def query(
    facts: Facts, names: Sequence[str], *, lines: int, since: str | None, level: str, follow: bool
) -> tuple[str, ...]:
    """Return the command line of journalctl; no name means every service of ATT.

    Lines are counted before the level is looked at, so a level asks for ten times as many.
    Raises InvalidInput(invalid_input) for a name that is no service's.
    """
    known = {unit.name.removeprefix("att-"): f"{unit.name}.service" for unit in facts.units} | _GROUPS
    for name in names:
        if name.removeprefix("att-") not in known:
            raise InvalidInput(
                "invalid_input",
                f"cannot show the logs of {name[:64]}: the names are {', '.join(known)}",
                field="unit",
            )
    wanted = [known[name.removeprefix("att-")] for name in names] or ["att*.service"]
    words = ["journalctl", "--no-pager", "--output=json", *(f"--unit={unit}" for unit in wanted)]
    words.append(f"--lines={lines if level == LEVELS[0] else 10 * lines}")
    words += [f"--since={since}"] if since else []
    return (*words, "--follow") if follow else tuple(words)


def shown(entries: Iterable[str], level: str) -> Iterable[str]:
    """Yield the entries of that level and worse, each as time, service, level and message; no line's end."""
    least = LEVELS.index(level)
    for entry in entries:
        fields = _object(entry)
        if fields is None:
            continue
        message = _message(fields.get("MESSAGE"))
        found = _level(fields, message)
        if LEVELS.index(found) >= least:
            yield f"{_time(fields)} {_name(fields)} {found}: {message}"


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _message(value: object) -> str:
    """Return the message; what is no UTF-8 comes as a list of bytes."""
    if isinstance(value, list):
        return bytes(byte for byte in value if isinstance(byte, int) and 0 <= byte < 256).decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def _level(fields: dict[str, Any], message: str) -> str:
    own = _object(message) if message.startswith("{") else None
    if own is not None and own.get("level") in LEVELS:
        return str(own["level"])
    priority = str(fields.get("PRIORITY", _INFO))
    number = int(priority) if priority.isdigit() else _INFO
    if number <= _ERROR:
        return "error"
    return "warning" if number == _WARNING else "info" if number <= _INFO else "debug"


def _time(fields: dict[str, Any]) -> str:
    stamp = str(fields.get("__REALTIME_TIMESTAMP", ""))
    if not stamp.isdigit() or len(stamp) > 17:
        return "-"
    return datetime.fromtimestamp(int(stamp) / 1_000_000, UTC).isoformat(timespec="seconds")


def _name(fields: dict[str, Any]) -> str:
    unit = fields.get("UNIT") or fields.get("_SYSTEMD_UNIT") or fields.get("SYSLOG_IDENTIFIER") or "-"
    return str(unit).removesuffix(".service")
