"""One writer at a time in a folder of root's, by a lock on the folder that dies with its process."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from att.kernel.errors import Conflict

SECONDS_MAX = 30.0
"""No writer takes as long; whoever may read the folder could hold its lock for ever."""
_POLL_SECONDS = 0.05


@contextmanager
def folder_turn(
    folder: Path,
    what: str,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Be the only writer in `folder`; Conflict(change_running), "cannot <what>", when that takes `SECONDS_MAX`."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        until = monotonic() + SECONDS_MAX
        while not _taken(handle):
            if monotonic() >= until:
                why = f"another process has held the lock of {folder} for {SECONDS_MAX:.0f} s"
                raise Conflict("change_running", f"cannot {what}: {why}")
            sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
