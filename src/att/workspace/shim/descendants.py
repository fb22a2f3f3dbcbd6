"""The processes below this one, which none can leave: who is orphaned becomes a child of this process."""

import ctypes
import os
import signal
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Become the parent of every orphan among the descendants."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when `parent`, which made it, ends; ends it if that has happened already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def descendants(of: int) -> list[int]:
    """Return the ids of all processes below `of`, zombies left out."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            found = _stat(entry.name)
            if found is not None:
                children[found[1]].append(found[0])
    below, waiting = list[int](), [of]
    while waiting:
        more = children[waiting.pop()]
        below += more
        waiting += more
    return [pid for pid in below if not _is_zombie(pid)]


def left_below(of: int) -> list[int]:
    """Return the ids of all processes below `of`, [] only when there is none.

    One look may miss all there are: those begun since it began, by processes that were dead when it ended.
    """
    return descendants(of) or descendants(of)


def send(number: int, pids: list[int]) -> None:
    """Send a signal to each; quiet about those that are gone."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _stat(entry: str) -> tuple[int, int] | None:
    fields = _fields(entry)
    return None if fields is None else (int(entry), int(fields[1]))


def _is_zombie(pid: int) -> bool:
    fields = _fields(str(pid))
    return fields is None or fields[0] in ("Z", "X")


def _fields(entry: str) -> list[str] | None:
    """Return the fields of a process behind its name, which may hold anything; None when it is gone."""
    try:
        return Path("/proc", entry, "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
