"""Moves through the data of a config by paths."""

from collections.abc import Iterator, Sequence
from typing import Any

from att_nat.problem import Path
from att_nat.variables import Unsettled


def at_spot(value: Any, pattern: Sequence[str], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield path and value of everything that a pattern of keys matches; `*` matches any key."""
    if not pattern:
        yield path, value
    elif isinstance(value, dict):
        for key in list(value) if pattern[0] == "*" else [key for key in pattern[:1] if key in value]:
            yield from at_spot(value[key], pattern[1:], (*path, key))


def without(value: Any, path: Path) -> Any:
    """Return a copy without what is at `path`."""
    inner = {key: one for key, one in value.items() if key != path[0]}
    if len(path) > 1:
        inner[path[0]] = without(value[path[0]], path[1:])
    return inner


def get(value: Any, path: Path) -> Any:
    """Return what is at `path`, which must be there."""
    for key in path:
        value = value[key]
    return value


def settle(value: Any, location: Path) -> Path:
    """Return the part of pydantic's location that leads through the data; it also names branches of unions."""
    path: list[Any] = []
    for key in location:
        inside = isinstance(value, dict) and key in value
        if inside or (isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value)):
            value = value[key]
            path.append(key)
    return tuple(path)


def unsettled(value: Any) -> bool:
    """Whether any part of the value is only known when the app starts."""
    if isinstance(value, dict):
        return any(unsettled(one) for one in value.values())
    if isinstance(value, list):
        return any(unsettled(one) for one in value)
    return isinstance(value, Unsettled)
