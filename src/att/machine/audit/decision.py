"""Decides whether an audit log is as it was written: lines in, verdict out."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from att_stage0.chain import SPAN_BYTES_MAX, digest, link_of

_SLID_MAX = 256
EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Line:
    """One line with its line break, which only the last of a log may lack; `number` counts from 1 in its file."""

    file: str
    number: int
    text: bytes


@dataclass(frozen=True)
class Break:
    """A line that was not written after what stands before it now: something changed from `since` on."""

    at: Line
    since: Line | None


@dataclass(frozen=True)
class Verdict:
    """What a whole log shows.

    `head` is what the next line would carry: who keeps it elsewhere sees later whether the log still holds all of it.
    `head_found` says whether the head that was asked for is that of some line, None when none was.
    """

    lines: int
    unchained: int
    breaks: int
    first: Break | None
    head: str
    head_found: bool | None

    @property
    def whole(self) -> bool:
        """Whether nothing speaks against the log."""
        return self.first is None and self.head_found is not False


def verify(lines: Iterable[Line], *, from_the_start: bool, head: str | None = None) -> Verdict:
    """Return what `lines` show; without `from_the_start` older files are gone, and what the first refers to with them.

    Sees what was changed, removed, put in or moved before the last chained line. What was cut off at the end, and a log
    that was written anew as a whole, shows by `head` alone.
    """
    span, known = _Span(), from_the_start
    last: Line | None = None
    count = unchained = breaks = 0
    first: Break | None = None
    found = head == EMPTY
    for line in lines:
        count += 1
        # What is appended after a torn line ends it first.
        text = line.text if line.text.endswith(b"\n") else line.text + b"\n"
        link = link_of(text)
        if link is None:
            unchained += 1
        else:
            before = span.digest()
            found = found or head == before
            if known and link != before:
                breaks += 1
                first = first or Break(line, last)
            span = _Span()
            last, known = line, True
        span.add(text)
        found = found or (head is not None and span.slid <= _SLID_MAX and span.digest() == head)
    end = span.digest()
    return Verdict(count, unchained, breaks, first, end, None if head is None else found or end == head)


class _Span:
    """What a next line would refer to. Its digest costs nothing until more than a span has come: `slid` lines ago."""

    def __init__(self) -> None:
        self.slid = 0
        self._bytes = bytearray()
        self._hash = hashlib.sha256()

    def add(self, text: bytes) -> None:
        """Take a line in."""
        self._bytes += text
        self._hash.update(text)
        if len(self._bytes) > SPAN_BYTES_MAX:
            del self._bytes[:-SPAN_BYTES_MAX]
            self.slid += 1

    def digest(self) -> str:
        """Return what a line that follows carries."""
        return digest(self._bytes) if self.slid else self._hash.hexdigest()
