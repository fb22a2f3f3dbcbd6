"""Decides whether an audit log is as it was written: lines in, verdict out."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from att_stage0.chain import SPAN_BYTES_MAX, digest, link_of

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
    span, last, known = bytearray(), None, from_the_start
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
            if known and link != digest(span):
                breaks += 1
                first = first or Break(line, last)
            span.clear()
            last, known = line, True
        span += text
        del span[:-SPAN_BYTES_MAX]
        found = found or (head is not None and digest(span) == head)
    return Verdict(count, unchained, breaks, first, digest(span), None if head is None else found)
