"""The secrets that are known by value, and every form in which one of them may stand in a text. Pure.

Base64 is RFC 4648 §4 and §5. A value in the middle of what was encoded begins at one of three places in a group of
four characters, so it has three forms; the characters that it shares with its neighbours are left out of each.
"""

import base64
import html
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from att.diagnostics.views import bare_text, joined_text

VALUE_BYTES_MIN = 4
"""Shorter values are in every text; they are found by name alone."""
WORD_BYTES_MAX = 5
"""Values up to this length are found as words of their own alone, and not encoded."""
FORM_CHARS_MIN = 6
BARE_CHARS_MIN = 8
_LINE_CHARS_MIN = 16


@dataclass(frozen=True)
class Known:
    """The values of all secrets that are known; made by `known`."""

    values: tuple[bytes, ...] = ()
    words: frozenset[str] = frozenset()
    too_short: int = 0
    forms: frozenset[str] = field(default=frozenset(), repr=False)
    bare_forms: frozenset[str] = field(default=frozenset(), repr=False)
    runs: frozenset[str] = field(default=frozenset(), repr=False)
    """Forms that lie in a run of base64 or hex, all of which goes with them."""


def known(values: Iterable[bytes]) -> Known:
    """Return what is looked for to find these values: each as a whole, and its long lines alone."""
    long: set[bytes] = set()
    words: set[str] = set()
    too_short = 0
    for value in values:
        whole = value.strip() or value
        if len(whole) < VALUE_BYTES_MIN:
            too_short += bool(whole)
        elif len(whole) <= WORD_BYTES_MAX:
            words.add(whole.decode("utf-8", "replace"))
        else:
            lines = {line.strip() for line in whole.split(b"\n")}
            long |= {whole, value, *(line for line in lines if len(line) >= _LINE_CHARS_MIN)}
    forms: set[str] = set()
    runs: set[str] = set()
    for one in long:
        forms.update(_texts(one))
        runs.update(_encoded(one))
    wanted = {form for form in forms | runs if len(form) >= FORM_CHARS_MIN}
    bare = {bare_text(form) for form in wanted}
    return Known(
        values=tuple(sorted(long)),
        words=frozenset(words),
        too_short=too_short,
        forms=frozenset(wanted | {found for form in wanted if len(found := joined_text(form)) >= FORM_CHARS_MIN}),
        bare_forms=frozenset(form for form in bare if len(form) >= BARE_CHARS_MIN),
        runs=frozenset(runs),
    )


def _texts(value: bytes) -> Iterator[str]:
    """Yield the forms in which a value is written as itself."""
    yield repr(value)[2:-1]
    try:
        text = value.decode()
    except UnicodeDecodeError:
        yield value.decode("latin-1")
        yield value.decode("utf-8", "replace")
        yield quote(value, safe="")
        return
    yield text
    yield text.replace(" ", "+")
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield repr(text)[1:-1]
    yield html.escape(text)
    for encoded in (quote(text, safe=""), quote(text), quote_plus(text)):
        yield encoded
        yield _lower_percent(encoded)


def _encoded(value: bytes) -> Iterator[str]:
    """Yield its base64 at the three alignments, in both alphabets, and its hex in both cases."""
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + value).decode()
        core = whole[math.ceil(before * 8 / 6) : (before + len(value)) * 8 // 6]
        yield core
        yield core.replace("+", "-").replace("/", "_")
    digits = value.hex()
    for one in (digits, value.hex(":"), value.hex(" ")):
        yield one
        yield one.upper()


def _lower_percent(text: str) -> str:
    head, *parts = text.split("%")
    return head + "".join("%" + part[:2].lower() + part[2:] for part in parts)
