"""How much room a file system has left for services, and which code says what a write there met."""

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from att.effects.filesystem import write_atomically
from att.kernel.errors import Unavailable

MEGABYTE = 1_000_000
MARGIN_PERCENT = 2
HELD_FILE = "api/disk-full"
"""In the run folder: the devices of the file systems that the API only reads until they are less full, a line each."""
_MOUNTS = Path("/proc/self/mountinfo")
# The second since Linux 6.15.
_READ_ONLY = frozenset({"ro", "emergency_ro"})
_LACKS = {
    "disk_full": "the disk is full",
    "disk_inodes": "the file system has no free inodes",
    "disk_read_only": "the file system is read-only",
    "disk_failed": "the disk answers with errors",
}


@dataclass(frozen=True)
class Room:
    """One file system. What is kept for root counts as used, for no service can have it; `free_inodes` is None, and
    `inodes_percent` 0, where their number has no limit.
    """

    used_percent: float
    free_bytes: int
    inodes_percent: float = 0.0
    free_inodes: int | None = None
    read_only: bool = False

    @property
    def free_mb(self) -> int:
        """Free megabytes."""
        return self.free_bytes // MEGABYTE


def room_of(path: Path) -> Room | None:
    """Return the room of the file system that holds `path`, None when there is no such path, or nothing to fill."""
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    usable = found.f_blocks - found.f_bfree + found.f_bavail
    if usable <= 0:
        return None
    return Room(
        used_percent=round(100 * (1 - found.f_bavail / usable), 1),
        free_bytes=found.f_bavail * found.f_frsize,
        # File systems without a fixed number of inodes report 0 of 0.
        inodes_percent=round(100 * (1 - found.f_favail / found.f_files), 1) if found.f_files else 0.0,
        free_inodes=found.f_favail if found.f_files else None,
        read_only=_is_read_only(path),
    )


def left_below(percent: int) -> float:
    """Return below how many percent a level is left that began at `percent`: a disk around it changes it but once."""
    return max(percent - MARGIN_PERCENT, percent / 2)


def tell_held(run: Path, folders: Iterable[Path]) -> None:
    """Tell everybody which file systems, those of `folders`, are only read now; raises OSError."""
    path = run / HELD_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, "".join(f"{folder.stat().st_dev}\n" for folder in folders).encode())


def is_held(run: Path, folder: Path) -> bool:
    """Whether the API said last that it only reads the file system of `folder`."""
    try:
        return str(folder.stat().st_dev) in (run / HELD_FILE).read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return False


def _is_read_only(path: Path) -> bool:
    """Whether nobody may write to the file system, or the kernel lets nobody write to it after an error.

    The options of the file system say so, not those of a mount: a service sees most of the machine read-only.
    """
    try:
        device = path.stat().st_dev
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    number = f"{os.major(device)}:{os.minor(device)}"
    options = (line.rpartition(" ")[2].split(",") for line in mounts if line.split()[2] == number)
    return any(not _READ_ONLY.isdisjoint(found) for found in options)


def code_of(error: OSError, path: Path) -> str | None:
    """Return `disk_full`, `disk_inodes`, `disk_read_only` or `disk_failed` for what a write at `path` met.

    None where it was not the disk.
    """
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "disk_inodes" if lack_of(path) == "disk_inodes" else "disk_full"
        case errno.EROFS:
            return "disk_read_only"
        case errno.EIO:
            return "disk_failed"
        case _:
            return None


def lack_of(path: Path) -> str | None:
    """Return what keeps anybody from writing at `path` now: `disk_read_only`, `disk_inodes`, `disk_full` or None."""
    room = next((found for folder in (path, *path.parents) if (found := room_of(folder)) is not None), None)
    if room is None:
        return None
    if room.read_only:
        return "disk_read_only"
    if room.free_inodes == 0:
        return "disk_inodes"
    return "disk_full" if room.free_bytes == 0 else None


def no_room(code: str, what: str) -> Unavailable:
    """Return the error of a write that the disk refused, as `code_of` or `lack_of` name it; "cannot <what>: why"."""
    return Unavailable(code, f"cannot {what}: {_LACKS[code]}")


def refusal_of(error: OSError, what: str) -> Unavailable | None:
    """Return the error for an OSError that nobody foresaw; None where it was not the disk."""
    code = code_of(error, Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else Path())
    return None if code is None else no_room(code, what)
