"""Symlinks that switch at once and last: unique temporary name, rename, fsync of the directory."""

import os
import secrets
from pathlib import Path

from att_stage0.journal import sync_directory

_MARK = ".switch-"
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def read(link: Path) -> str | None:
    """The name a link points to (its last component), None where there is no link."""
    try:
        return link.readlink().name
    except OSError:
        return None


def switch(link: Path, target: str) -> None:
    """Point `link` at `target` (relative to it): readers see the old or the new one, and it survives a power cut."""
    temporary = link.with_name(f"{_MARK}{link.name}-{secrets.token_hex(6)}")
    temporary.symlink_to(target)
    temporary.replace(link)
    sync_directory(link.parent)


def remove(link: Path) -> None:
    """Take a link away."""
    link.unlink(missing_ok=True)
    sync_directory(link.parent)


def sweep(directory: Path) -> int:
    """Remove temporaries that a crash between symlink and rename left; return how many."""
    stray = [path for path in directory.glob(f"{_MARK}*") if path.is_symlink()]
    for path in stray:
        path.unlink(missing_ok=True)
    return len(stray)


def exchange(first: Path, second: Path) -> None:
    """Swap two directories at once; OSError where the file system cannot."""
    import ctypes  # loads libffi: only where it is needed

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(first))
    sync_directory(first.parent)
    sync_directory(second.parent)
