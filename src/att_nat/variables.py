"""`${NAME}` and `${NAME:-default}` in a config, which NAT fills in before it reads the YAML.

For the check each is replaced by as many characters of a kind that no config holds, so that every line and column
stays; `Variables.resolve` turns the text of a scalar back into what NAT will see.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FIRST, _LAST = 0xE000, 0xF8FF
_MARK = re.compile(f"([{chr(_FIRST)}-{chr(_LAST)}])\\1*")
_SIMPLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?[-=](.*))?\}")
_BRACE = re.compile(r"\$\{|\}")


class Unsettled(str):
    """A text whose value is only known when the app starts."""

    __slots__ = ()


@dataclass(frozen=True)
class Variable:
    """One `${…}`: where it begins, the name and default where they can be read; `closed` is False without its brace."""

    offset: int
    text: str
    name: str = ""
    default: str | None = None
    closed: bool = True


class Variables:
    """The variables of one text."""

    def __init__(self, text: str) -> None:
        self.found: list[Variable] = []
        pieces, end = [], 0
        for variable in _find(text):
            self.found.append(variable)
            if not variable.closed or len(self.found) > _LAST - _FIRST:
                break
            pieces += [text[end : variable.offset], chr(_FIRST + len(self.found) - 1) * len(variable.text)]
            end = variable.offset + len(variable.text)
        self.text = "".join([*pieces, text[end:]])
        """The text with placeholders, of the same length."""

    def resolve(self, scalar: str) -> tuple[str, bool]:
        """Return what NAT sees of a scalar and whether that is settled: each of its variables has a default."""
        settled = True

        def fill(mark: re.Match[str]) -> str:
            nonlocal settled
            index = ord(mark[1]) - _FIRST
            variable = self.found[index] if index < len(self.found) else None
            if variable is None or variable.default is None:
                settled = False
                return variable.text if variable else mark[0]
            return variable.default

        return _MARK.sub(fill, scalar), settled

    def touches(self, scalar: str) -> bool:
        """Whether there is a variable in a scalar of the replaced text."""
        return _MARK.search(scalar) is not None


def _find(text: str) -> Iterator[Variable]:
    start = text.find("${")
    while start >= 0:
        if start and text[start - 1] == "\\":
            start = text.find("${", start + 2)
            continue
        end = _closing(text, start)
        if end is None:
            yield Variable(start, text[start : start + 40].partition("\n")[0], closed=False)
            return
        whole = text[start:end]
        if "\n" not in whole:  # a placeholder must not swallow a line
            simple = _SIMPLE.fullmatch(whole)
            yield Variable(start, whole, simple[1] if simple else "", _default(simple) if simple else None)
        start = text.find("${", end)


def _default(simple: re.Match[str]) -> str | None:
    value: str | None = simple[2]
    return None if value is None or "${" in value else value


def _closing(text: str, start: int) -> int | None:
    """Return the offset behind the brace that closes the variable at `start`."""
    depth = 0
    for found in _BRACE.finditer(text, start):
        depth += 1 if found[0] == "${" else -1
        if not depth:
            return found.end()
    return None
