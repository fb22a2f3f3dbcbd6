"""The log of a task: everything it wrote, in order, up to a limit; what comes after is counted and dropped."""

import errno
import os

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})


class Log:
    """Appends to one file. A full disk drops, as the limit does: the task is never held up."""

    def __init__(self, path: str, bytes_max: int) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
        self.size = os.fstat(self.fd).st_size
        self.dropped = 0
        self._bytes_max = bytes_max

    def append(self, data: bytes) -> int:
        """Write what fits; return how many bytes of `data` are in the log."""
        kept = self._write(memoryview(data)[: max(0, self._bytes_max - self.size)])
        self.size += kept
        self.dropped += len(data) - kept
        return kept

    def say(self, text: str) -> None:
        """Append a line of `att-run`'s own."""
        self.append(f"att-run: {text}\n".encode("utf-8", "backslashreplace"))

    def _write(self, view: memoryview) -> int:
        kept = 0
        try:
            while kept < len(view):
                kept += os.write(self.fd, view[kept:])
        except OSError as error:
            if error.errno not in _FULL:
                raise
        return kept
