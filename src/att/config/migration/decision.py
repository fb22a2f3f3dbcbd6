"""Turns the values of an older settings file into today's, version by version, and says what it did. Pure.

A file says with `version: N` for which version it was written; one that says nothing may be of any, so that each step
must leave alone what is in today's form already.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from att.config.document import Document, Path, Problem, dotted

VERSION = 2
"""The version of the settings that this release reads; raised with each entry of `STEPS`."""
KEY = "version"


@dataclass(frozen=True)
class Dropped:
    """A setting that nothing reads any more, and what holds instead."""

    path: tuple[str, str]
    instead: str


STEPS: tuple[tuple[Dropped, ...], ...] = (
    (
        Dropped(("api", "session_hours"), "a session lasts 7 days"),
        Dropped(("api", "session_idle_minutes"), "a session ends after 12 hours without a request"),
        Dropped(("api", "sign_in_tries_per_minute"), "ten tries a minute"),
        Dropped(("api", "token_days_max"), "a token lasts ten years at most"),
        Dropped(("jobs", "log_mb_max"), "the log of a job has a fixed bound"),
        Dropped(("retention", "count"), "finished jobs are kept by retention.days"),
        Dropped(("upgrade", "releases_kept"), "three releases stay"),
    ),
)
"""What changed from version 1 to 2, from 2 to 3, and so on."""


@dataclass(frozen=True)
class Migrated:
    """A document in today's form; `notes` say what was changed, `dropped` which keys, a section where it is empty."""

    document: Document
    notes: tuple[str, ...] = ()
    dropped: tuple[Path, ...] = ()


def migrated(document: Document) -> Migrated:
    """Return the document as today's settings say it; a version that cannot be read is one of its problems."""
    if document.problems:
        return Migrated(document)
    values = copy.deepcopy(document.values)
    version = values.pop(KEY, 1)
    problem = _problem(version)
    if problem:
        return Migrated(replace(document, problems=[Problem(KEY, problem, document.places.get((KEY,)))]))
    work = _Work(document, values)
    for step in STEPS[version - 1 :]:
        for one in step:
            work.drop(one)
    return Migrated(replace(document, values=values), tuple(work.notes), tuple(work.dropped))


def _problem(version: object) -> str | None:
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        return f"expected a whole number from 1 to {VERSION}"
    if version > VERSION:
        return (
            f"{version} is newer than what this release reads, {VERSION}: upgrade the appliance, or take a file of "
            f"version {VERSION}, such as att.yaml.previous"
        )
    return None


@dataclass
class _Work:
    document: Document
    values: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    dropped: list[Path] = field(default_factory=list)

    def drop(self, one: Dropped) -> None:
        section, name = one.path
        inner = self.values.get(section)
        if not isinstance(inner, dict) or name not in inner:
            return
        del inner[name]
        place = self.document.places.get(one.path)
        where = f" (line {place.line})" if place else ""
        self.notes.append(f"{dotted(one.path)}{where}: no setting any more and left out: {one.instead}")
        self.dropped.append(one.path)
        if not inner:
            del self.values[section]
            self.dropped = [path for path in self.dropped if path[0] != section]
            self.dropped.append((section,))


def lines_without(lines: list[str], document: Document, dropped: tuple[Path, ...]) -> list[str]:
    """Return the lines of a file in block style without those keys and what belongs to them."""
    gone = {number for path in dropped for number in _lines_of(lines, document, path)}
    return [line for number, line in enumerate(lines) if number not in gone]


def _lines_of(lines: list[str], document: Document, path: Path) -> Iterator[int]:
    place = document.places[path]
    yield place.line - 1
    for number in range(place.line, len(lines)):
        text = lines[number].strip()
        indent = len(lines[number]) - len(lines[number].lstrip())
        if text and indent < place.column:
            return
        yield number
