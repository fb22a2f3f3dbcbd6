"""Places in a text that must not leave the appliance, and how they are replaced. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

Kind = Literal["name", "url", "pem", "jwt", "header", "token", "value"]
PLACEHOLDER = re.compile(r"\[redacted:(?:name|url|pem|jwt|header|token|value)\]")


class Span(NamedTuple):
    """Characters `start` to `end` (not with it) of a text, and what was found there."""

    start: int
    end: int
    kind: Kind


def merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the spans in order, those that overlap as one of the kind that begins first."""
    last: Span | None = None
    for span in sorted(spans):
        if last is None or span.start >= last.end:
            if last is not None:
                yield last
            last = span
        elif span.end > last.end:
            last = last._replace(end=span.end)
    if last is not None:
        yield last


def replaced(text: str, spans: Iterable[Span]) -> tuple[str, Counter[str]]:
    """Return the text with `[redacted:KIND]` in place of each span, and how many of each kind there were."""
    parts: list[str] = []
    counts: Counter[str] = Counter()
    at = 0
    for span in merged(spans):
        parts += [text[at : span.start], f"[redacted:{span.kind}]"]
        counts[span.kind] += 1
        at = span.end
    return "".join(parts) + text[at:], counts


def only_placeholders(text: str) -> bool:
    """Whether nothing but placeholders is left of what stood there."""
    return bool(PLACEHOLDER.search(text)) and not PLACEHOLDER.sub("", text).strip("\"'`\\ \t\r\n,;()[]{}")
