"""Values that stand behind a name which says secret, in YAML, JSON, ini, environments and argv. Pure.

The name decides, `(?i)(key|token|secret|password)`, not what the value looks like. What stands after it is read as far
as any of these formats would read it, in doubt further.
"""

import re
from collections.abc import Iterator

from att.diagnostics.spans import Span, only_placeholders
from att.diagnostics.views import LEAD

_WORD = r"(?:key|token|secret|password|passwd|passphrase)"
_NAME = re.compile(rf"(?i){_WORD}[\w.\-]{{0,64}}")
_SEPARATOR = re.compile(r"(?:\\*[\"'`])?\]?[ \t]*(?:=>|:=|[:=])[ \t]*")
_OPTION = re.compile(rf"(?i)(?<![\w-])--?[\w.\-]{{0,40}}{_WORD}[\w.\-]{{0,40}}")
_NEXT_ARGUMENT = re.compile(r"[ \t]+(?![:=])|\x00|\\*[\"'][ \t]*,?[ \t]*(?=[bru]?\\*[\"'])")
_OWN_LINE = re.compile(
    rf"(?im)^(?P<before>{LEAD}[ \t]*(?:(?:-|export|set)[ \t]+)*)"
    rf"[\"']?[\w.\-]{{0,80}}{_WORD}[\w.\-]{{0,64}}[\"']?[ \t]*[:=][ \t]*"
)
_PAIR = re.compile(
    rf"(?i)\bname\\*[\"']?[ \t]*[:=][ \t]*\\*[\"']?[\w.\-]{{0,80}}{_WORD}[\w.\-]{{0,64}}\\*[\"']?"
    rf"[ \t]*,?\s*\\*[\"']?value\\*[\"']?[ \t]*[:=][ \t]*"
)
_TAG = re.compile(rf"(?i)<[\w.:\-]{{0,40}}{_WORD}[^<>\n]{{0,200}}>([^<]{{1,4096}})</")
_QUOTE = re.compile(r"[bBrRuUfF]{0,2}(\\*[\"'`])")
_UNQUOTED = re.compile(r"(?:(?!\\*[\"'`](?:[\s,}\]):;]|\Z))\S)+")
_GLUED = re.compile(r"[^\s,;)\]}>:\"'`\\]*")
_BRACKET = re.compile(r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|[\[\](){}]")
_HARMLESS = re.compile(r"(?i)(?:true|false|null|none|yes|no|~|-|\*+|\$\{[A-Z_][A-Z0-9_]*\}?)?\Z")
_A_NUMBER = re.compile(r"\d{1,5}\Z")
_COUNTED = re.compile(r"(?i)(?:key|token)s?(?![a-z])")
_QUOTED_CHARS_MAX = 4096
_CONTAINER_CHARS_MAX = 8_192
_CLOSING = {"{": "}", "[": "]", "(": ")"}


def named(text: str) -> Iterator[Span]:
    """Yield the values behind names; values that can be none (`true`, `${NAME}`, a count of tokens) are left out."""
    done = 0
    for found in _OWN_LINE.finditer(text):
        if found.end() < done:
            continue
        for span in _span(text, *_line_value(text, found.end(), len(found["before"])), found[0]):
            done = span.end
            yield span
    for found in _NAME.finditer(text):
        separator = _SEPARATOR.match(text, found.end())
        if separator:
            yield from _span(text, *_value(text, separator.end()), found[0])
    for found in _PAIR.finditer(text):
        yield from _span(text, *_value(text, found.end()), found[0])
    for found in _TAG.finditer(text):
        yield from _span(text, *found.span(1), found[0])
    for found in _OPTION.finditer(text):
        gap = _NEXT_ARGUMENT.match(text, found.end())
        if gap:
            yield from _span(text, *_value(text, gap.end()), found[0])


def _span(text: str, start: int, end: int, name: str) -> Iterator[Span]:
    value = text[start:end]
    bare = value.strip().strip("\"'`,;")
    if _HARMLESS.match(bare) or only_placeholders(value):
        return
    if _A_NUMBER.match(bare) and _COUNTED.search(name):
        return
    yield Span(start, end, "name")


def _value(text: str, at: int) -> tuple[int, int]:
    """Return where a value that begins at `at` lies, in a line that has more than it."""
    quoted = _quoted(text, at, "\n")
    if quoted:
        return quoted
    if text[at : at + 1] in _CLOSING:
        return at, _container_end(text, at) or _line_end(text, at)
    found = _UNQUOTED.match(text, at)
    return (at, at + len(found[0].rstrip(",;)}]"))) if found else (at, at)


def _line_value(text: str, at: int, column: int) -> tuple[int, int]:
    """Return where the value of a line of its own lies: to its end, with the deeper lines under it."""
    quoted = _quoted(text, at, "")
    if quoted:
        return quoted
    if closed := _container_end(text, at):
        return at, closed
    end = _line_end(text, at)
    listed = not text[at:end].strip()
    goes_on = text[at:end].endswith("\\")
    below = end
    while below < len(text):
        line_start = below + 1
        below = _line_end(text, line_start)
        line = text[line_start:below]
        depth = len(line) - len(line.lstrip())
        if not line.strip():
            continue
        if not (depth > column or goes_on or (listed and depth == column and line.lstrip().startswith("- "))):
            break
        end, goes_on = below, line.endswith("\\")
    return at, at + len(text[at:end].rstrip())


def _quoted(text: str, at: int, stop: str) -> tuple[int, int] | None:
    """Return what stands between the quotes that open at `at`, None where none open.

    One quote may be escaped in a string around it, then that form closes it. Text glued to the end belongs to it, and
    where nothing closes it, the rest of the line. With `stop` the closing one must come before that character.
    """
    opened = _QUOTE.match(text, at)
    if not opened:
        return None
    start, mark = opened.end(), re.escape(opened[1])
    limit = start + _QUOTED_CHARS_MAX
    if stop and (cut := text.find(stop, start, limit)) >= 0:
        limit = cut
    closing = re.compile(rf"(?<!\\){mark}(?!{mark})").search(text, start, limit)
    if not closing:
        return start, _line_end(text, start)
    glued = _GLUED.match(text, closing.end())
    return start, glued.end() if glued and glued[0] else closing.start()


def _container_end(text: str, at: int) -> int | None:
    """Return where the brackets that open at `at` are closed again, None where none open or they stay open."""
    if text[at : at + 1] not in _CLOSING:
        return None
    expected: list[str] = []
    for found in _BRACKET.finditer(text, at, at + _CONTAINER_CHARS_MAX):
        mark = found[0]
        if mark in _CLOSING:
            expected.append(_CLOSING[mark])
        elif expected and mark == expected[-1]:
            expected.pop()
            if not expected:
                return found.end()
    return None


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found
