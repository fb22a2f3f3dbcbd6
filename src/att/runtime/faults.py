"""Reads from the log of an app why it failed: pure, text in, fault out."""

import re

from att.runtime.schema import Fault
from att.workspace.schema import Ending

TAIL_BYTES = 256 * 1024
TRACEBACK_CHARS_MAX = 16_000
MESSAGE_CHARS_MAX = 500
LINES_SHOWN = 20

_TRACEBACK = "Traceback (most recent call last):"
_PLUGIN = re.compile(r"Failed to (?:import|load) plugin[^\n]*")
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def plugin_fault(log: str) -> Fault | None:
    """Return the fault of a log that tells of a plugin that could not be imported: NAT logs it and goes on."""
    plain = _COLOURS.sub("", log)
    found = _PLUGIN.search(plain)
    if found is None:
        return None
    traceback = last_traceback(plain)
    return Fault(message=_short(found[0]), traceback=traceback)


def fault_of(log: str, *, otherwise: str) -> Fault:
    """Return why the app ended: the error of its last traceback, else its last lines under `otherwise`."""
    plain = _COLOURS.sub("", log)
    known = plugin_fault(plain)
    if known is not None:
        return known
    traceback = last_traceback(plain)
    if traceback:
        return Fault(message=_short(traceback.rstrip().splitlines()[-1]), traceback=traceback)
    return Fault(message=otherwise, traceback=_last_lines(plain))


def fault_of_end(log: str, ending: Ending | None, *, otherwise: str) -> Fault:
    """Return why an app ended that nobody stopped, as `fault_of` does; one that took too much memory has no traceback
    of that, and an older one in its log would mislead.
    """
    if ending is Ending.OUT_OF_MEMORY:
        return Fault(message="the app was ended for want of memory", traceback=_last_lines(_COLOURS.sub("", log)))
    return fault_of(log, otherwise=otherwise)


def last_traceback(log: str) -> str:
    """Return the last traceback with those it was caused by, from its first line to the one that names the error."""
    start = log.rfind(_TRACEBACK)
    if start < 0:
        return ""
    lines = log[start:].splitlines()
    end = _end_of(lines)
    first = _chained_start(log, start)
    whole = log[first:start] + "\n".join(lines[:end])
    return whole if len(whole) <= TRACEBACK_CHARS_MAX else "…\n" + whole[-TRACEBACK_CHARS_MAX:]


def _last_lines(log: str) -> str:
    lines = [line for line in log.splitlines() if line.strip()]
    return "\n".join(lines[-LINES_SHOWN:])[-TRACEBACK_CHARS_MAX:]


def _end_of(lines: list[str]) -> int:
    """Return how many lines belong to the traceback: its frames, which are indented, and the error's own line."""
    for at, line in enumerate(lines[1:], start=1):
        if line.strip() and not line.startswith((" ", "\t")):
            return at + 1
    return len(lines)


_LINKS = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)


def _chained_start(log: str, start: int) -> int:
    """Return where the chain of tracebacks begins that ends with the one at `start`."""
    while True:
        before = log[:start].rstrip()
        if not before.endswith(_LINKS):
            return start
        earlier = before.rfind(_TRACEBACK)
        if earlier < 0 or start - earlier > TRACEBACK_CHARS_MAX:
            return start
        start = earlier


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MESSAGE_CHARS_MAX else text[: MESSAGE_CHARS_MAX - 1] + "…"
