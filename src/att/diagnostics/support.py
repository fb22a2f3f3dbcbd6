"""The diagnostics for support: gathers, takes the secrets out, looks again, and only then writes one file."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from att.diagnostics import archive
from att.diagnostics.archive import Bundle, Redact
from att.diagnostics.gathering import Gathered
from att.diagnostics.held import Held
from att.diagnostics.known import known
from att.diagnostics.patterns import patterns
from att.effects.filesystem import write_atomically
from att.kernel.errors import Conflict, Failed, NotFound

HARVEST_CHARS_MIN = 12
HARVEST_LETTERS_MIN = 6


@dataclass(frozen=True)
class Made:
    """A bundle that may leave: its bytes, and what it holds."""

    data: bytes
    bundle: Bundle
    held: tuple[Held, ...]

    @property
    def warnings(self) -> Iterator[str]:
        """What of the secrets could not be read, so that it was found by name and form alone."""
        return (f"{one.place}: {one.problem}" for one in self.held if one.problem)


def make(
    gathered: Iterable[Gathered],
    held: Iterable[Held],
    about: Mapping[str, str],
    *,
    folder: str,
    modified: int,
    redact: Redact,
) -> Made:
    """Return the bundle of what was gathered; Refused(diag_leak) when a secret would still be in it.

    A value that shows by its name in one source is taken out of all of them.
    """
    found, places = list(gathered), tuple(held)
    seen = [value for one in found for value in harvest(one.material.text)]
    secrets = known([*(value for place in places for value in place.values), *(value.encode() for value in seen)])
    bundle = archive.redacted(found, secrets, redact)
    texts = {archive.INDEX: archive.index(bundle, places, secrets, about, redact), **bundle.texts}
    data = archive.packed(texts, folder, modified)
    archive.assure(data, secrets)
    return Made(data, bundle, places)


def harvest(text: str) -> Iterator[str]:
    """Yield the values that a pattern finds and that look made by chance: they may stand elsewhere without a name."""
    for span in patterns(text):
        if span.kind != "pem":
            words = (word.strip("\"'`,;") for word in text[span.start : span.end].split())
            yield from (word for word in words if _looks_random(word))


def _looks_random(word: str) -> bool:
    letters = {letter for letter in word if letter.isalnum()}
    mixed = any(letter.isdigit() for letter in word) and any(letter.isalpha() for letter in word)
    return len(word) >= HARVEST_CHARS_MIN and len(letters) > HARVEST_LETTERS_MIN and mixed and not word.startswith("/")


def check_place(path: Path) -> None:
    """Raise Conflict(file_exists) where something is already, NotFound(not_found) where its folder is not there."""
    if os.path.lexists(path):
        raise Conflict("file_exists", f"{_cannot(path)}: it is there already", field="output", hint="name another file")
    if not path.parent.is_dir():
        raise NotFound("not_found", f"{_cannot(path)}: there is no folder {path.parent}", field="output")


def write(path: Path, data: bytes, owner: tuple[int, int] | None) -> None:
    """Write the file whole or not at all, readable by its owner alone; raises Failed(diag_unwritable)."""
    check_place(path)
    try:
        write_atomically(path, data, mode=0o600)
        if owner is not None:
            os.chown(path, *owner, follow_symlinks=False)
    except OSError as error:
        raise Failed("diag_unwritable", f"{_cannot(path)}: {error.strerror}", field="output") from error


def _cannot(path: Path) -> str:
    return f"cannot write the diagnostics to {path}"
