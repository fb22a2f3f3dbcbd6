"""Reads what a page tells people to type: its blocks of command lines, and each word of attctl in it."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

GUIDE = Path(__file__).parents[1] / "docs" / "guide"
_BLOCK = re.compile(r"^```(\w*) ?(.*)\n((?:.*\n)*?)```$", flags=re.MULTILINE)
_INLINE = re.compile(r"`(attctl [^`]+)`")
_OPERATORS = frozenset("|&;<>")


@dataclass(frozen=True)
class Block:
    """A block of a page: `language` and `where` are what its fence says, as in ```` ```sh workstation````."""

    language: str
    where: str
    lines: tuple[str, ...]


def blocks(text: str) -> list[Block]:
    """Return the blocks of a page in order."""
    found = _BLOCK.findall(text)
    return [Block(language, where, tuple(body.replace("\\\n", " ").splitlines())) for language, where, body in found]


def typed(text: str) -> Iterator[list[str]]:
    """Yield the arguments of each attctl that the blocks of a page have people type."""
    for block in blocks(text):
        for line in block.lines if block.language in ("", "sh") else ():
            yield from commands(line)


def mentioned(text: str) -> Iterator[list[str]]:
    """Yield the arguments of each attctl that stands within a sentence."""
    for found in _INLINE.finditer(_BLOCK.sub("", text)):
        yield from commands(found[1])


def commands(line: str) -> Iterator[list[str]]:
    """Yield the arguments of each attctl in a line of shell."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    current: list[str] | None = None
    for word in [*words, ";"]:
        if set(word) <= _OPERATORS:
            if current is not None:
                yield current
            current = None
        elif current is not None:
            current.append(word)
        elif word == "attctl":
            current = []
