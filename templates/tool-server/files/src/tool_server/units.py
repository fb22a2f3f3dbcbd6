"""Converts values between units of one kind."""

UNITS: dict[str, tuple[str, float]] = {
    "mm": ("length", 0.001),
    "cm": ("length", 0.01),
    "m": ("length", 1.0),
    "km": ("length", 1000.0),
    "in": ("length", 0.0254),
    "ft": ("length", 0.3048),
    "mi": ("length", 1609.344),
    "g": ("mass", 0.001),
    "kg": ("mass", 1.0),
    "lb": ("mass", 0.45359237),
    "s": ("time", 1.0),
    "min": ("time", 60.0),
    "h": ("time", 3600.0),
}
"""Unit → its kind, and how many of the kind's base unit it is."""


class CannotConvert(ValueError):
    """The units do not fit; the message says why."""


def convert(value: float, source: str, target: str) -> float:
    """Return `value` of the unit `source` in the unit `target`; raises CannotConvert."""
    kind, factor = _unit(source)
    other, divisor = _unit(target)
    if kind != other:
        raise CannotConvert(f"{source} is a {kind}, {target} is a {other}")
    return value * factor / divisor


def _unit(name: str) -> tuple[str, float]:
    if name not in UNITS:
        raise CannotConvert(f"there is no unit {name[:40]!r}; there are {', '.join(UNITS)}")
    return UNITS[name]
