"""The engine's own copy of a bundle: what its owner does to the file later does not matter."""

import os
import time
from pathlib import Path

from att.effects.filesystem import free_bytes, sync_directory
from att.kernel.errors import InvalidInput, TooLarge, Unavailable
from att.release.tree import disk_errors
from att.upgrade.decision import SPACE_MARGIN_BYTES

_CHUNK_BYTES = 1 << 20


def spool(fd: int, directory: Path, bytes_max: int) -> tuple[Path, int]:
    """Copy the regular file `fd` into `directory`, durably, and return the copy's path and open descriptor.

    No byte is read past the size that the file has now. What the engine needs to end a transaction stays free.
    TooLarge(bundle_too_large), InvalidInput(bundle_unreadable), Unavailable(disk_full) and the other errors of a disk;
    on each the copy is gone.
    """
    size = os.fstat(fd).st_size
    if size > bytes_max:
        raise TooLarge("bundle_too_large", f"cannot take the bundle: {size} bytes", field="upload")
    with disk_errors(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = free_bytes(directory)
    if free < size + SPACE_MARGIN_BYTES:
        what = f"{size} bytes and {SPACE_MARGIN_BYTES} to work with, {free} are free"
        raise Unavailable("disk_full", f"cannot take the bundle: {what}")
    path = directory / f"bundle-{time.monotonic_ns()}"
    with disk_errors(path):
        spooled = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _copy(fd, spooled, size)
            os.fsync(spooled)
            sync_directory(directory)
        except BaseException:
            os.close(spooled)
            path.unlink(missing_ok=True)
            raise
    return path, spooled


def _copy(source: int, target: int, size: int) -> None:
    offset = 0
    while offset < size and (chunk := _read(source, min(_CHUNK_BYTES, size - offset), offset)):
        offset += len(chunk)
        view = memoryview(chunk)
        while view:
            view = view[os.write(target, view) :]


def _read(source: int, size: int, offset: int) -> bytes:
    try:
        return os.pread(source, size, offset)
    except OSError as error:
        raise InvalidInput("bundle_unreadable", f"cannot read the bundle: {error.strerror}", field="upload") from error
