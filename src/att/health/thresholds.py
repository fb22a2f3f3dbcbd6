"""Thresholds of the health gate: `upgrade/gates.toml` of the running release and of the bundle, the stricter counts."""

import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from att.kernel.errors import Refused

LENGTHEN_MAX = 3.0
"""How many times a bundle may lengthen a deadline of the running release."""

START_SECONDS_EXPECTED = 2.0
SELF_TEST_SECONDS_EXPECTED = 4.0
SCALE_MAX = 20.0
SECONDS_MAX = 86_400
CHECKS = ("ready", "release", "canary", "restarts", "sockets", "disk")


@dataclass(frozen=True)
class Thresholds:
    """Everything the gate and the engine's deadlines go by; names end in their unit."""

    successes: int = 5
    interval_seconds: float = 0.5
    probation_seconds: float = 20.0
    probe_timeout_seconds: float = 5.0
    required: tuple[str, ...] = ("ready", "release", "canary", "restarts", "sockets")
    wanted: tuple[str, ...] = ("disk",)
    ready_seconds: float = 30.0
    self_test_seconds: float = 180.0
    snapshot_seconds: float = 120.0
    migrate_seconds: float = 120.0
    restart_seconds: float = 60.0


DEADLINES = ("ready_seconds", "self_test_seconds", "snapshot_seconds", "migrate_seconds", "restart_seconds")


def read(path: Path) -> Thresholds:
    """Read one gates.toml; Refused("metadata_invalid") names what does not fit. What is left out has its default."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Refused("metadata_invalid", f"cannot read {path}: {error}") from error
    return parse({**table.get("gate", {}), **table.get("deadlines", {})}, str(path))


def parse(values: dict[str, Any], where: str) -> Thresholds:
    """Return the thresholds of a flat table."""
    defaults = Thresholds()
    known = {one.name for one in fields(Thresholds)}
    found: dict[str, Any] = {}
    for name, value in values.items():
        taken = _taken(getattr(defaults, name), value) if name in known else None
        if taken is None:
            raise Refused("metadata_invalid", f"cannot use {where}: {name} is not a threshold, or out of range")
        found[name] = taken
    return Thresholds(**found)


def _taken(default: object, value: object) -> object:
    """The value as its field wants it, None where it does not fit."""
    if isinstance(default, tuple):
        return tuple(value) if isinstance(value, list) and set(value) <= set(CHECKS) else None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= SECONDS_MAX:
        return None
    return int(value) if isinstance(default, int) else float(value)


def stricter(running: Thresholds, bundle: Thresholds) -> Thresholds:
    """Join both: more successes, longer probation, every required check; deadlines of the bundle up to thrice ours."""
    deadlines = {
        name: min(float(getattr(bundle, name)), LENGTHEN_MAX * float(getattr(running, name))) for name in DEADLINES
    }
    required = tuple(dict.fromkeys((*running.required, *bundle.required)))
    return replace(
        running,
        successes=max(running.successes, bundle.successes),
        probation_seconds=max(running.probation_seconds, bundle.probation_seconds),
        probe_timeout_seconds=min(running.probe_timeout_seconds, bundle.probe_timeout_seconds),
        required=required,
        wanted=tuple(name for name in dict.fromkeys((*running.wanted, *bundle.wanted)) if name not in required),
        **deadlines,
    )


def scaled(
    thresholds: Thresholds, last_start_seconds: float | None, self_test_seconds: float | None = None
) -> Thresholds:
    """Lengthen every deadline by how slow this machine is; probation stays as it is.

    It was measured when the running release started, and a moment ago by the self-test of the one to come: a first
    upgrade has no former start, and a machine may be busier today. The slower of both counts.
    """
    start = (last_start_seconds or 0.0) / START_SECONDS_EXPECTED
    self_test = (self_test_seconds or 0.0) / SELF_TEST_SECONDS_EXPECTED
    factor = min(SCALE_MAX, max(1.0, start, self_test))
    return replace(thresholds, **{name: getattr(thresholds, name) * factor for name in DEADLINES})
