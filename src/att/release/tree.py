"""Writes files below one folder, never above it: every step is taken from an open folder, no link is followed.

An error of the disk becomes an error with the code that says which: full, out of inodes, read-only, or sick.
"""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from att.effects.filesystem import sync_file_system
from att.effects.room import code_of
from att.kernel.errors import Failed, Refused

FOLDER_MODE = 0o755
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_SYNC_EVERY_BYTES = 16 << 20
# Too many names for one file, another file system, one that has no hard links, or no /proc.
_CANNOT_SHARE = (errno.EMLINK, errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOENT)


class Tree:
    """A new folder being filled. Use as a context manager; `seal` makes all of it durable."""

    def __init__(self, target: Path) -> None:
        self._target = target
        with disk_errors(target):
            target.mkdir(FOLDER_MODE)
            self._open: list[tuple[str, int]] = [("", os.open(target, _FOLDER))]
        self._folders = {""}
        self._unsynced_bytes = 0

    def __enter__(self) -> "Tree":
        return self

    def __exit__(self, *_: object) -> None:
        for _path, fd in self._open:
            os.close(fd)
        self._open.clear()

    def write(self, path: str, pieces: Iterable[bytes], *, mode: int, mtime: int) -> None:
        """Write a new file at the relative `path`, with mode and modification time (Unix seconds)."""
        with disk_errors(self._target / path):
            folder, name = self._enter(path)
            fd = os.open(name, _FILE, 0o600, dir_fd=folder)
            try:
                for piece in pieces:
                    _write_all(fd, piece)
                    self._wrote(len(piece))
                os.fchmod(fd, mode)
                os.utime(fd, (mtime, mtime))
            finally:
                os.close(fd)

    def share(self, path: str, source: int) -> bool:
        """Give the open file `source` one more name at the relative `path`; False when its file system cannot."""
        with disk_errors(self._target / path):
            folder, name = self._enter(path)
            try:
                os.link(f"/proc/self/fd/{source}", name, dst_dir_fd=folder)
            except OSError as error:
                if error.errno in _CANNOT_SHARE:
                    return False
                raise
        return True

    def link(self, path: str, target: str) -> None:
        """Make a symbolic link at the relative `path`."""
        with disk_errors(self._target / path):
            folder, name = self._enter(path)
            os.symlink(target, name, dir_fd=folder)

    def seal(self) -> None:
        """Make every file, link and folder durable."""
        with disk_errors(self._target):
            # The one call that costs as much as there is to write: an fsync of each of thousands of files and folders
            # is a flush of the disk each, also of those long written, and whoever else commits waits behind them. The
            # descriptor is as old as the tree, so an error of writing any of it back is reported here (Linux 5.8).
            sync_file_system(self._open[0][1])

    def _wrote(self, size: int) -> None:
        """Write back now and then, so that a commit of somebody else never waits for all of it."""
        self._unsynced_bytes += size
        if self._unsynced_bytes >= _SYNC_EVERY_BYTES:
            sync_file_system(self._open[0][1])
            self._unsynced_bytes = 0

    def _enter(self, path: str) -> tuple[int, str]:
        """Return the open folder of `path` and its last name; folders on the way are made."""
        *parts, name = path.split("/")
        depth = 0
        while depth < len(parts) and depth + 1 < len(self._open) and self._open[depth + 1][0] == parts[depth]:
            depth += 1
        while len(self._open) > depth + 1:
            os.close(self._open.pop()[1])
        for index in range(depth, len(parts)):
            self._descend(parts[index], "/".join(parts[: index + 1]))
        return self._open[-1][1], name

    def _descend(self, part: str, path: str) -> None:
        above = self._open[-1][1]
        if path not in self._folders:
            os.mkdir(part, FOLDER_MODE, dir_fd=above)
            self._folders.add(path)
        fd = os.open(part, _FOLDER, dir_fd=above)
        self._open.append((part, fd))
        os.fchmod(fd, FOLDER_MODE)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an OSError of writing at `path` into the error whose code says what the disk lacks."""
    try:
        yield
    except OSError as error:
        raise disk_error(path, error) from error


def require_space(folder: Path, *, size_bytes: int, files: int) -> None:
    """Raise Refused with `disk_full` or `disk_inodes` when `folder`'s file system cannot take that much."""
    with disk_errors(folder):
        status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    if free < size_bytes:
        raise Refused("disk_full", f"cannot write to {folder}: {size_bytes} bytes needed, {free} free")
    # File systems without a fixed number of inodes report 0 of 0.
    if status.f_files and status.f_favail < files:
        raise Refused("disk_inodes", f"cannot write to {folder}: {files} inodes needed, {status.f_favail} free")


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    with disk_errors(path):
        fd = os.open(path, _FOLDER)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _write_all(fd: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(fd, view) :]


def disk_error(path: Path, error: OSError) -> Refused | Failed:
    """Return the error for what writing at `path` met: `disk_full`, `disk_inodes`, `disk_read_only`, `disk_failed`."""
    code = code_of(error, path)
    match code:
        case "disk_full" | "disk_inodes":
            return Refused(code, f"cannot write {path}: {error.strerror}")
        case "disk_read_only":
            return Refused(code, f"cannot write {path}: the file system is read-only")
        case _:
            return Failed("disk_failed", f"cannot write {path}: {error.strerror or error}")
