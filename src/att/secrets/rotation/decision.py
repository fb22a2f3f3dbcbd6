"""Decides which secrets are rotated and which services start again for it, in which order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True)
class Unknown:
    """A name that no secret has, and the one that may have been meant."""

    name: str
    meant: str


@dataclass(frozen=True)
class Plan:
    """Which secrets, in the order of the table, and which units start again after all of their files are in place."""

    names: tuple[str, ...]
    restarts: tuple[str, ...]


def planned(wanted: Sequence[str], restarts: Mapping[str, str], there: frozenset[str]) -> Plan | Unknown:
    """Return the plan for the names that were asked for, for all without any.

    `restarts` says of each known secret which unit holds it; `there` those that were made yet: others need no rotation.
    """
    for name in wanted:
        if name not in restarts:
            return Unknown(name, next(iter(get_close_matches(name, restarts, n=1)), ""))
    names = tuple(name for name in restarts if name in there and (not wanted or name in wanted))
    return Plan(names, tuple(dict.fromkeys(restarts[name] for name in names)))
