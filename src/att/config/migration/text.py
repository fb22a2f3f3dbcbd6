"""Rewrites the text of an older settings file; every line that the migration does not concern stays as it is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from att.config.document import Document, read
from att.config.migration.decision import KEY, VERSION, lines_without, migrated

_NUMBER = re.compile(r"([^:]*:[ \t]*)[0-9]+")
_UNKEPT = "the file was in a form that could not be edited: it was written anew, without its comments"


@dataclass(frozen=True)
class Rewritten:
    """A settings file in today's form, and what was changed in it."""

    text: str
    notes: tuple[str, ...] = ()


def rewritten(text: str) -> Rewritten:
    """Return the text in today's form; a text that cannot be read stays as it is, for its reader to refuse."""
    document = read(text)
    done = migrated(document)
    if done.document.problems:
        return Rewritten(text)
    stated = document.values.get(KEY, VERSION)
    if not done.dropped and stated == VERSION:
        return Rewritten(text)
    wanted = {**({KEY: VERSION} if KEY in document.values else {}), **done.document.values}
    notes = (*done.notes, *((f"version: {stated} became {VERSION}",) if stated != VERSION else ()))
    edited = _edited(text, document, done.dropped)
    if _says(edited, wanted):
        return Rewritten(edited, notes)
    return Rewritten(str(yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True)), (*notes, _UNKEPT))


def _edited(text: str, document: Document, dropped: tuple[tuple[str | int, ...], ...]) -> str:
    lines = text.splitlines(keepends=True)
    place = document.places.get((KEY,))
    if place is not None:
        lines[place.line - 1] = _NUMBER.sub(rf"\g<1>{VERSION}", lines[place.line - 1], count=1)
    return "".join(lines_without(lines, document, dropped))


def _says(text: str, wanted: Mapping[str, Any]) -> bool:
    found = read(text)
    return not found.problems and found.values == wanted
