"""Counts what a text is made of."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """Characters, words and lines of a text."""

    characters: int
    words: int
    lines: int


def count(text: str) -> Counts:
    """Return the counts; a text without a line break is one line, an empty one none."""
    return Counts(characters=len(text), words=len(text.split()), lines=len(text.splitlines()))
