"""The log of a task: everything it wrote, in order. Beyond a limit it keeps what came first, or what came last.

A task's log keeps its beginning: what comes after the limit is counted and dropped. An app's, which may run for years,
keeps its newest bytes: the oldest are given back to the disk as a hole, so every byte keeps its offset and whoever
reads finds the gap with SEEK_DATA.
"""

import ctypes
import errno
import os

STEP_BYTES = 1024 * 1024
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})
# linux/falloc.h
_PUNCH_HOLE_KEEP_SIZE = 0x02 | 0x01


class Log:
    """Appends to one file. A full disk drops, as the limit does: the task is never held up."""

    def __init__(self, path: str, bytes_max: int, *, keeps_newest: bool = False) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
        self.size = os.fstat(self.fd).st_size
        self.dropped = 0
        self._bytes_max = bytes_max
        self._keeps_newest = keeps_newest
        self.first = 0

    def append(self, data: bytes) -> int:
        """Write what fits; return how many bytes of `data` are in the log."""
        view = memoryview(data)
        kept = self._write(view if self._keeps_newest else view[: max(0, self._bytes_max - self.size)])
        self.size += kept
        self.dropped += len(data) - kept
        if self._keeps_newest:
            self._let_go()
        return kept

    def say(self, text: str) -> None:
        """Append a line of `att-run`'s own."""
        self.append(f"att-run: {text}\n".encode("utf-8", "backslashreplace"))

    def _let_go(self) -> None:
        """Make a hole of the oldest bytes, in steps of whole blocks; a file system without holes keeps the oldest."""
        until = (self.size - self._bytes_max) // STEP_BYTES * STEP_BYTES
        if until <= self.first:
            return
        if _punch(self.fd, self.first, until - self.first):
            self.dropped += until - self.first
            self.first = until
        else:
            self._keeps_newest = False

    def _write(self, view: memoryview) -> int:
        kept = 0
        try:
            while kept < len(view):
                kept += os.write(self.fd, view[kept:])
        except OSError as error:
            if error.errno not in _FULL:
                raise
        return kept


def _punch(fd: int, offset: int, length: int) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long)
    return bool(libc.fallocate(fd, _PUNCH_HOLE_KEEP_SIZE, offset, length) == 0)
