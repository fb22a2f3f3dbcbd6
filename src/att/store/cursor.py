"""Cursors: integers that rise, over restarts and restored databases too."""

from collections.abc import Callable

from att.kernel.errors import InvalidInput

_MICROSECONDS = 1_000_000
_DIGITS_MAX = 18


class Rising:
    """Gives the time in microseconds, or one more than the last if the clock does not rise.

    Taken from the clock and not from the table, a number told to a client is never given twice, even if its row
    was lost with the process or with a database that was rolled back.
    """

    def __init__(self, clock: Callable[[], float], *, last: int = 0) -> None:
        self._clock = clock
        self._last = last

    def next(self) -> int:
        """Return a number above all before."""
        self._last = max(self._last + 1, int(self._clock() * _MICROSECONDS))
        return self._last

    def above(self, known: int) -> None:
        """From now on give numbers above `known`, as read from the table."""
        self._last = max(self._last, known)


def parse_cursor(text: str) -> int:
    """Return the number of a cursor that this API gave; InvalidInput for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        raise InvalidInput("invalid_input", "cannot read on: the cursor is none of this API", field="cursor")
    return int(text)
