"""Versions of releases: `X.Y.Z`, or `X.Y.Z.devN` with a local part `+g<commit>`; their order; clauses like `>=0.1.0`.

Pure. A development version sorts before the release it leads to; local parts order alphabetically.
"""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

VERSION_CHARS_MAX = 100
_VERSION = re.compile(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})(?:\.dev(\d{1,9}))?(?:\+([a-z0-9]+(?:\.[a-z0-9]+)*))?")
_CLAUSE = re.compile(r"(>=|<=|==|!=|<|>)\s*(\S+)")
_COMPARE: dict[str, Callable[["Version", "Version"], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_NO_DEV = 10**9


@dataclass(frozen=True, order=True)
class Version:
    """A parsed version; compares in the order in which releases follow each other."""

    major: int
    minor: int
    patch: int
    dev: int
    local: str


def parse_version(text: str) -> Version:
    """Return the parsed version; ValueError when `text` is none."""
    found = _VERSION.fullmatch(text) if len(text) <= VERSION_CHARS_MAX else None
    if found is None:
        raise ValueError(f"not a version: {text[:VERSION_CHARS_MAX]!r}")
    major, minor, patch, dev, local = found.groups()
    return Version(int(major), int(minor), int(patch), _NO_DEV if dev is None else int(dev), local or "")


def parse_clause(text: str) -> tuple[str, Version]:
    """Return operator and version of a clause such as `>=0.1.0`; ValueError when `text` is none."""
    found = _CLAUSE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"not a version clause: {text[:VERSION_CHARS_MAX]!r}")
    return found[1], parse_version(found[2])


def satisfies(version: str, clauses: Sequence[str]) -> bool:
    """Say whether `version` fulfils every clause; no clause at all is fulfilled by any version."""
    mine = parse_version(version)
    return all(_COMPARE[sign](mine, bound) for sign, bound in map(parse_clause, clauses))
