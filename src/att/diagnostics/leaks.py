"""The last look at what is about to leave: says where a secret still stands. Pure.

For known values it shares no code with what takes them out, and goes the other way round: it does not encode the values
but decodes the text, so that a mistake there does not blind it here.
"""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from att.diagnostics.known import BARE_CHARS_MIN, Known
from att.diagnostics.patterns import patterns

_STAMPED_LINE = re.compile(
    r"\s*\\?\n\s*(?:\d{4}-\d\d-\d\d[T ]\S+ (?:\S+ [^\s:\[]+(?:\[\d+\])?: )?|\[ *\d+\.\d+\] )?\s*"
)
_NO_LETTER = re.compile(r"[^A-Za-z0-9]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{7,}")
_HEX = re.compile(r"[0-9A-Fa-f]{12,}")
_BETWEEN_HEX = re.compile(r"(?<=[0-9A-Fa-f]{2})[: ](?=[0-9A-Fa-f]{2})")
_ESCAPED = re.compile(r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\.", re.DOTALL)
_ONE = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "0": "\0"}
_MARK = re.compile(r"\[redacted:[a-z]+\]")
_NOT_THERE = " zZ9qZz "


@dataclass(frozen=True)
class Leak:
    """A secret that still stands in a text: in which line its end is, and what betrayed it; never the value."""

    line: int
    kind: str


def leak(text: str, known: Known) -> Leak | None:
    """Return the first secret that stands in the text, None when there is none."""
    for span in patterns(text):
        return Leak(text.count("\n", 0, span.start) + 1, span.kind)
    if not holds(text, known):
        return None
    return Leak(_line_of(text, lambda part: holds(part, known)), "value")


def holds(text: str, known: Known) -> bool:
    """Whether a known value stands in the text, in any form."""
    text = _MARK.sub(_NOT_THERE, text)
    words = set(re.split(r"[^A-Za-z0-9]+", text)) if known.words else set()
    if any(_is_word(word, text, words) for word in known.words):
        return True
    readings = list(_readings(text))
    return any(_stands(value, readings) for value in known.values)


def _readings(text: str) -> Iterator[tuple[str, str, bytes]]:
    """Yield the text in several readings: as it is, letters alone, and the bytes that its encoded runs stand for."""
    seen = set()
    escaped = _ESCAPED.sub(_unescaped, text)
    for decoded in (text, escaped, _ESCAPED.sub(_unescaped, escaped), unquote(escaped), unquote(escaped, "latin-1")):
        for one in (decoded, _STAMPED_LINE.sub("", decoded)):
            if one not in seen:
                seen.add(one)
                yield one, _NO_LETTER.sub("", one), b"\n".join(_bytes_of(one))


def _bytes_of(text: str) -> Iterator[bytes]:
    for run in _BASE64.findall(text):
        for skipped in range(4):
            part = run[skipped:].replace("-", "+").replace("_", "/")
            part = part[: len(part) // 4 * 4] if len(part) % 4 == 1 else part + "=" * (-len(part) % 4)
            yield base64.b64decode(part)
    for run in _HEX.findall(_BETWEEN_HEX.sub("", text)):
        for skipped in range(2):
            yield bytes.fromhex(run[skipped : skipped + (len(run) - skipped) // 2 * 2])


def _stands(value: bytes, readings: list[tuple[str, str, bytes]]) -> bool:
    texts = {value.decode("latin-1"), value.decode("utf-8", "replace")}
    letters = {found for one in texts if len(found := _NO_LETTER.sub("", one)) >= BARE_CHARS_MIN}
    for whole, bare, decoded in readings:
        if value in decoded or any(one in whole for one in texts) or any(one in bare for one in letters):
            return True
    return False


def _is_word(word: str, text: str, words: set[str]) -> bool:
    if word.isascii() and word.isalnum():
        return word in words
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", text) is not None


def _unescaped(match: re.Match[str]) -> str:
    letter = match[0][1]
    return chr(int(match[0][2:], 16)) if letter in "ux" and len(match[0]) > 2 else _ONE.get(letter, letter)


def _line_of(text: str, found: Callable[[str], bool]) -> int:
    """Return the number of the first line up to which `found` holds."""
    lines = text.splitlines(keepends=True)
    low, high = 1, len(lines)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if found("".join(lines[:middle])) else (middle + 1, high)
    return low
