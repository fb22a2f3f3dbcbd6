"""Keeps room for the database's log, so that what leads out of a full disk can still be written.

The log (the -wal file) is where SQLite writes every commit first. Blocks that it has are nobody else's, whoever fills
the disk: thousands of small commits fit into them.
"""

import ctypes
import os
from contextlib import suppress
from pathlib import Path

from att.store.file import DATABASE_FILE

RESERVE_BYTES = 8_388_608
_KEEP_SIZE = 1


def reserve_log(directory: Path) -> bool:
    """Have the log of the database in `directory` own its blocks; False where the file system cannot, or is full.

    The file's size stays what SQLite made it. To be called when the database is open: else there is no log.
    """
    # Not the database itself: closing a second descriptor of it would drop SQLite's locks (howtocorrupt.html, 2.2).
    with suppress(OSError):
        fd = os.open(directory / f"{DATABASE_FILE}-wal", os.O_WRONLY | os.O_CLOEXEC)
        try:
            return _allocated(fd)
        finally:
            os.close(fd)
    return False


def _allocated(fd: int) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong]
    return bool(libc.fallocate(fd, _KEEP_SIZE, 0, RESERVE_BYTES) == 0)
