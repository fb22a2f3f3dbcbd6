"""Good bundles for machines that cannot take them, and files that change after they were verified."""

import errno
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.crash.appliance import NEXT, Appliance
from tests.crash.hostile.kind import (
    INDEX,
    Kind,
    Make,
    Prepare,
    cut,
    exchanged,
    honest,
    raw,
    signed,
)
from tests.fakes.archives import entry


def fill(machine: Appliance, *, leaving: int) -> None:
    """Take all but `leaving` bytes of the machine's disk."""
    status = os.statvfs(machine.root)
    with _filler(machine).open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, status.f_bavail * status.f_frsize - leaving)


def crowd(machine: Appliance, *, leaving: int) -> None:
    """Take all but `leaving` inodes of the machine's disk."""
    _filler(machine).mkdir()
    for number in range(os.statvfs(machine.root).f_favail - leaving):
        (_filler(machine) / str(number)).touch()


def emptied(machine: Appliance, _bundle: Path) -> None:
    """Give the room back."""
    filler = _filler(machine)
    if filler.is_dir():
        for path in filler.iterdir():
            path.unlink()
        filler.rmdir()
    else:
        filler.unlink()


def _filler(machine: Appliance) -> Path:
    return machine.root.parent / "filler"


def writable(machine: Appliance, *, yes: bool) -> None:
    """Mount the machine's disk again."""
    how = "rw" if yes else "ro"
    subprocess.run(["mount", "-o", f"remount,{how}", str(machine.root.parent)], check=True, timeout=20)


def hooked(effect: str, act: Callable[[Appliance, Path], None]) -> Prepare:
    """Return what has `act` happen right before `effect`; it is told the spooled bundle."""

    def before(machine: Appliance, _bundle: Path) -> None:
        machine.hooks[effect] = lambda: act(machine, next(machine.layout.spool.iterdir()))

    return before


def swap(make: Make) -> Prepare:
    """Return what swaps the spooled bundle for another one once it was verified, in place."""

    def act(machine: Appliance, spooled: Path) -> None:
        folder = machine.root / "other"
        folder.mkdir()
        other = make(machine, folder)
        spooled.write_bytes(other.read_bytes())
        other.unlink()
        folder.rmdir()

    return hooked("unpack", act)


def failing(number: int) -> Prepare:
    """Return what has the disk answer with this error when the release is unpacked; the error is made up."""

    def act(_machine: Appliance, _spooled: Path) -> None:
        raise OSError(number, os.strerror(number))

    return hooked("unpack", act)


ROOMY, SMALL, CROWDED = "size=160m", "size=90m", "size=160m,nr_inodes=4000"
MARGIN = 64 << 20
MACHINES = {
    "no space for the file": Kind(
        "disk_full", honest, before=lambda machine, _: fill(machine, leaving=1 << 20), after=emptied, disk=SMALL
    ),
    "no space for what it unpacks to": Kind(
        "disk_full",
        signed(files={"data": os.urandom(1 << 20)}),
        before=lambda machine, bundle: fill(machine, leaving=MARGIN + bundle.stat().st_size + (2 << 20)),
        after=emptied,
        disk=SMALL,
    ),
    "space gone while it unpacks": Kind(
        "disk_full",
        honest,
        before=hooked("unpack", lambda machine, _: fill(machine, leaving=16 << 10)),
        after=emptied,
        disk=SMALL,
    ),
    "no inodes": Kind(
        "disk_inodes", honest, before=lambda machine, _: crowd(machine, leaving=900), after=emptied, disk=CROWDED
    ),
    "inodes gone while it unpacks": Kind(
        "disk_inodes",
        honest,
        before=hooked("unpack", lambda machine, _: crowd(machine, leaving=3)),
        after=emptied,
        disk=CROWDED,
    ),
    "a read-only target": Kind(
        "disk_read_only",
        honest,
        before=lambda machine, _: writable(machine, yes=False),
        after=lambda machine, _: writable(machine, yes=True),
        disk=ROOMY,
    ),
    "a target that becomes read-only": Kind("disk_read_only", honest, before=failing(errno.EROFS)),
    "a disk that fails": Kind("disk_failed", honest, before=failing(errno.EIO)),
    "swapped for another release after it was verified": Kind(
        "bundle_changed", honest, before=swap(signed(replace(NEXT, salt="swapped")))
    ),
    "a file swapped after it was verified": Kind(
        "bundle_file_mismatch", honest, before=swap(exchanged(INDEX, entry(INDEX, b"<!doctype hack>\n")))
    ),
    "cut after it was verified": Kind("bundle_truncated", honest, before=swap(raw(cut(0.6)))),
}
