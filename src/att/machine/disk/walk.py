"""Counts what folders take on disk: blocks, not lengths, and a file with several names once."""

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ENTRIES_MAX = 5_000_000
SECONDS_MAX = 120.0
_BLOCK_BYTES = 512


@dataclass
class Measured:
    """What a folder takes. `own_bytes` would be free without it: what other folders share is not among them."""

    bytes: int = 0
    files: int = 0
    own_bytes: int = 0
    newest: float = 0.0


@dataclass
class Walk:
    """One walk over several folders, with one limit for all; `complete` says whether it came to its end."""

    entries_left: int = ENTRIES_MAX
    deadline: float = field(default_factory=lambda: time.monotonic() + SECONDS_MAX)
    complete: bool = True

    def measure(self, *roots: Path) -> Measured:
        """Return what is below `roots` (files or folders), links not followed and other file systems left out."""
        found, seen = Measured(), dict[tuple[int, int], int]()
        for root in roots:
            for status in self._below(root):
                taken = status.st_blocks * _BLOCK_BYTES
                found.newest = max(found.newest, status.st_mtime)
                if stat.S_ISDIR(status.st_mode) or status.st_nlink == 1:
                    found.bytes += taken
                    found.own_bytes += taken
                else:
                    key = (status.st_dev, status.st_ino)
                    names = seen[key] = seen.get(key, 0) + 1
                    found.bytes += taken if names == 1 else 0
                    found.own_bytes += taken if names == status.st_nlink else 0
                found.files += 1
        return found

    def _below(self, root: Path) -> Iterator[os.stat_result]:
        try:
            first = root.lstat()
        except OSError:
            return
        yield first
        folders = [str(root)] if stat.S_ISDIR(first.st_mode) else []
        while folders:
            for status, path in self._entries(folders.pop()):
                if status.st_dev != first.st_dev:
                    continue
                yield status
                if stat.S_ISDIR(status.st_mode):
                    folders.append(path)

    def _entries(self, folder: str) -> Iterator[tuple[os.stat_result, str]]:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self.entries_left -= 1
                    if self.entries_left < 0 or time.monotonic() > self.deadline:
                        self.complete = False
                        return
                    # A file may go while it is looked at.
                    try:
                        yield entry.stat(follow_symlinks=False), entry.path
                    except OSError:
                        continue
        except OSError:
            return
