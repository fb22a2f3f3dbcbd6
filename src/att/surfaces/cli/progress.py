"""One line on stderr that says what goes on: a bar on a terminal, else a line at each change."""

import sys
from typing import TextIO

_BAR_CHARS = 24


class ProgressLine:
    """Shows step, percentage and the seconds left; `done` ends the line."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._last = ""
        self._open = False

    def show(self, step: str, percent: float | None = None, seconds_left: float | None = None) -> None:
        """Show the present state; `percent` is 0–100 where known."""
        left = f", {max(0, round(seconds_left))} s left" if seconds_left is not None else ""
        share = f"{percent:3.0f} % " if percent is not None else ""
        if self._terminal:
            self._write(f"\r{_bar(percent)} {share}{step}{left}\x1b[K")
            self._open = True
        elif (key := f"{step} {int((percent or 0) // 10)}") != self._last:
            self._last = key
            self._write(f"{share}{step}{left}\n")

    def log(self, line: str) -> None:
        """Write a line above the bar."""
        self._write(f"\r\x1b[K{line}\n" if self._terminal else f"{line}\n")

    def done(self) -> None:
        """End the line, so that what comes next starts on its own."""
        if self._open:
            self._write("\n")
            self._open = False

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _bar(percent: float | None) -> str:
    filled = round(_BAR_CHARS * min(100.0, max(0.0, percent or 0.0)) / 100)
    return "[" + "#" * filled + "-" * (_BAR_CHARS - filled) + "]"
