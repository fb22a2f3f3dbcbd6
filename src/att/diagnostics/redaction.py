"""Takes secrets out of a text: what has a secret's name or form, and every value that is known, however it is written.

Pure. What is taken out becomes `[redacted:KIND]`; a text with no secret in it stays as it is, and a text that went
through once does not change again.
"""

import re
from bisect import bisect
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from att.diagnostics.known import FORM_CHARS_MIN, Known
from att.diagnostics.patterns import patterns
from att.diagnostics.spans import PLACEHOLDER, Span, replaced
from att.diagnostics.views import views

ROUNDS_MAX = 5
_RUN = re.compile(r"[A-Za-z0-9+/=_-]*")
_RUN_CHARS_MAX = 4096


@dataclass(frozen=True)
class Redacted:
    """A text without secrets, and how many places of each kind were taken out."""

    text: str
    counts: Counter[str]


def redact(text: str, known: Known) -> Redacted:
    """Return the text without its secrets.

    Taking one out can bring two halves of another together, so it is done until nothing more is found.
    """
    counts: Counter[str] = Counter()
    for _ in range(ROUNDS_MAX):
        spans = [*patterns(text), *values(text, known)]
        if not spans:
            break
        text, found = replaced(text, spans)
        counts += found
    return Redacted(text, counts)


def values(text: str, known: Known) -> Iterator[Span]:
    """Yield the places where a known value stands, in whatever form, over however many lines."""
    if known.words:
        for found in _words(known.words).finditer(text):
            yield Span(*found.span(), "value")
    marks = [found.span() for found in PLACEHOLDER.finditer(text)]
    for view, bare in views(text):
        forms = known.bare_forms if bare else known.forms
        for at, form in _found(view.text, forms):
            low, high = view.origin(at, at + len(form))
            if any(start <= low and high <= end for start, end in marks[bisect(marks, (low, 0)) - 1 :][:2]):
                continue
            yield Span(*(_whole_run(text, low, high) if form in known.runs else (low, high)), "value")


def _found(text: str, forms: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Yield where one of the forms stands; the time does not grow with how many there are."""
    heads = _heads(forms)
    size = FORM_CHARS_MIN
    for at in [at for at in range(len(text) - size + 1) if text[at : at + size] in heads]:
        for form in heads[text[at : at + size]]:
            if text.startswith(form, at):
                yield at, form


@lru_cache(maxsize=8)
def _heads(forms: frozenset[str]) -> dict[str, list[str]]:
    heads: dict[str, list[str]] = {}
    for form in forms:
        heads.setdefault(form[:FORM_CHARS_MIN], []).append(form)
    return heads


@lru_cache(maxsize=8)
def _words(words: frozenset[str]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, longest_first))})(?![A-Za-z0-9])")


def _whole_run(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span with the rest of the encoded run around it: its edges still hold bits of the value."""
    before = _RUN.match(text[max(0, start - _RUN_CHARS_MAX) : start][::-1])
    after = _RUN.match(text, end, end + _RUN_CHARS_MAX)
    return start - (before.end() if before else 0), after.end() if after else end
