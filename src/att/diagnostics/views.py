"""Other readings of a text, each of whose characters still knows where it stood: decoded, lines joined."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

# What journalctl, dmesg and log files put before each line of a value that was printed in pieces.
LEAD = r"(?:\d{4}-\d\d-\d\d[T ][^\s]{8,32} (?:[^\s]{1,64} [^\s:\[]{1,64}(?:\[\d{1,10}\])?: )?|\[ *\d{1,9}\.\d{6}\] )?"
_BREAK = re.compile(rf"[ \t]*\\?[ \t]*\r?\n[ \t]*{LEAD}[ \t]*")
_LEADS = re.compile(rf"\r?\n[ \t]*{LEAD}")
_NOISE = re.compile(r"[^A-Za-z0-9]+")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([nrtbf0])|([\"'\\/`]))")
_PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_CONTROL = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "0": "\0"}


type Read = Callable[[re.Match[str]], str] | str


class View:
    """A reading of a text, made of another one by replacing what a pattern finds.

    Where its characters come from is worked out when that is asked for the first time: most texts hold nothing.
    """

    def __init__(
        self, text: str, parent: "View | None" = None, how: tuple[re.Pattern[str], Read] | None = None
    ) -> None:
        self.text = text
        self._parent = parent
        self._how = how

    def reading(self, pattern: re.Pattern[str], read: Read) -> "View":
        """Return this view with `read` in place of each match, a text or what it returns for the match."""
        return View(pattern.sub(read, self.text), self, (pattern, read))

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return where in the first text the characters `start` to `end` of this one come from."""
        if self._parent is None:
            return start, end
        pieces = self._pieces
        first = pieces[bisect_right(pieces, start, key=_begin) - 1]
        last = pieces[bisect_right(pieces, end - 1, key=_begin) - 1]
        low = first.start + (start - first.begin if first.verbatim else 0)
        high = last.start + (end - last.begin) if last.verbatim else last.end
        return self._parent.origin(low, high)

    @cached_property
    def _pieces(self) -> "list[_Piece]":
        return list(self._piece_by_piece())

    def _piece_by_piece(self) -> "Iterator[_Piece]":
        if self._parent is None or self._how is None:
            return
        pattern, read = self._how
        before = self._parent.text
        begin = at = 0
        for match in pattern.finditer(before):
            if match.start() > at:
                yield _Piece(begin, at, match.start(), verbatim=True)
                begin += match.start() - at
            at = match.end()
            if instead := read if isinstance(read, str) else read(match):
                yield _Piece(begin, match.start(), at, verbatim=False)
                begin += len(instead)
        yield _Piece(begin, at, len(before), verbatim=True)


class _Piece(NamedTuple):
    """Characters of a view from `begin` on, made of those from `start` to `end` of its parent: the same, or instead."""

    begin: int
    start: int
    end: int
    verbatim: bool


def _begin(piece: _Piece) -> int:
    return piece.begin


def views(text: str) -> Iterator[tuple[View, bool]]:
    """Yield the readings in which a secret is looked for, and whether it is one of letters and digits alone."""
    seen: set[str] = set()
    plain = View(text)
    unescaped = plain.reading(_ESCAPE, unescape)
    decoded = [plain, unescaped, unescaped.reading(_ESCAPE, unescape), unescaped.reading(_PERCENT, unquote)]
    seen.add(text)
    yield plain, False
    for view in decoded:
        for reading, bare in ((joined(view), False), (letters(view), True)):
            if reading.text not in seen:
                seen.add(reading.text)
                yield reading, bare


def joined(view: View) -> View:
    """Return the view with its lines joined, without what indents and stamps them."""
    return view.reading(_BREAK, "")


def letters(view: View) -> View:
    """Return its letters and digits alone: no line break, quote, dash or escape is left to hide behind."""
    return view.reading(_LEADS, "").reading(_NOISE, "")


def joined_text(text: str) -> str:
    """Return a text as `joined` shows it."""
    return _BREAK.sub("", text)


def bare_text(text: str) -> str:
    """Return a text as `letters` shows it."""
    return _NOISE.sub("", _LEADS.sub("", text))


def unescape(match: re.Match[str]) -> str:
    """Return what an escape of JSON or Python stands for."""
    code = match[1] or match[2]
    if code:
        return chr(int(code, 16))
    return _CONTROL[match[3]] if match[3] else str(match[4])


def unquote(match: re.Match[str]) -> str:
    """Return what a run of percent-encoded bytes stands for; bytes that are no UTF-8 as they are."""
    raw = bytes.fromhex(match[0].replace("%", ""))
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
