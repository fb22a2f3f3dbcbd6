"""Files that survive a power cut: write whole or not at all, make directory entries durable."""

import os
import secrets
from pathlib import Path


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644, owner: tuple[int, int] | None = None) -> None:
    """Replace `path` with `data` so that a reader or a power cut sees the old or the new content, never a part.

    `owner` is the uid and gid it has from the first moment under its name, else this process's. The temporary beside
    it has a random name and is gone when this returns or raises.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            made = os.fstat(fd)
            # A service may not even give a file to whom it belongs already: its system calls are filtered.
            if owner not in (None, (made.st_uid, made.st_gid)):
                os.fchown(fd, *owner)
            os.fchmod(fd, mode)
            os.fsync(fd)
        finally:
            os.close(fd)
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_file(path: Path) -> None:
    """Make the content of a file durable; what has its name but waits for others, a pipe, is no reason to wait."""
    _sync(path, os.O_NONBLOCK)


def sync_directory(path: Path) -> None:
    """Make the entries of a directory durable."""
    _sync(path, os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_file_system(fd: int) -> None:
    """Make durable all that the file system of `fd` holds; waits for what others write there too."""
    import ctypes  # few need it, and all import this

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syncfs(fd) != 0:
        raise OSError(ctypes.get_errno(), "syncfs failed")


def free_bytes(path: Path) -> int:
    """Bytes that a new file below `path` may take, without what is kept for root."""
    usage = os.statvfs(path)
    return usage.f_bavail * usage.f_frsize


def free_inodes(path: Path) -> int | None:
    """Files that may still be made below `path`; None where the file system has no such limit."""
    usage = os.statvfs(path)
    return usage.f_favail if usage.f_files else None
