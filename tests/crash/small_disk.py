"""A real file system of a few megabytes, to be filled to its last block or inode, or turned read-only."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

MEGABYTES = 64
INODES = 2_048
_CHUNKS = (1 << 20, 1 << 12, 1)


@dataclass
class SmallDisk:
    """An ext4 in the file `image`, mounted at `folder`; nothing of it is kept for root."""

    image: Path
    folder: Path

    def fill(self) -> Path:
        """Fill it to the last block and return the file that does."""
        path = self.folder / "big"
        with path.open("ab", buffering=0) as file:
            for chunk in _CHUNKS:
                with suppress(OSError):
                    while file.write(b"x" * chunk):
                        pass
            with suppress(OSError):
                os.fsync(file.fileno())
        # What was reserved for blocks that came later than told is free again.
        with path.open("ab", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        assert os.statvfs(self.folder).f_bavail == 0
        return path

    def take_inodes(self) -> Path:
        """Take every inode and return the folder that has them."""
        path = self.folder / "many"
        path.mkdir()
        with suppress(OSError):
            for number in range(INODES):
                (path / str(number)).touch()
        assert os.statvfs(self.folder).f_favail == 0
        return path

    def sync(self) -> None:
        """Make durable what a machine would have had for long."""
        _run("sync", "--file-system", str(self.folder))

    def break_it(self) -> None:
        """Have the kernel find an error: it lets nobody write any more, as the disk was mounted."""
        name = Path(_run("findmnt", "--noheadings", "--output", "SOURCE", str(self.folder)).strip()).name
        Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("1")
        with pytest.raises(OSError, match="Read-only"):
            (self.folder / "no").touch()

    def mend(self) -> None:
        """Do what a boot does: check it, and mount it again. Nobody may have a file of it open.

        What is checked and mounted is a copy: whoever made a mount namespace meanwhile (a container of another test)
        keeps the file system mounted there, and so broken.
        """
        _run("umount", str(self.folder))
        self.image = Path(shutil.copy2(self.image, self.image.with_suffix(".mended")))
        checked = subprocess.run(["e2fsck", "-p", str(self.image)], capture_output=True, timeout=60, check=False)
        assert checked.returncode in (0, 1), checked.stdout
        _mount(self.image, self.folder)


@contextmanager
def small_disk(
    folder: Path, at: Path | None = None, *, megabytes: int = MEGABYTES, inodes: int = INODES
) -> Iterator[SmallDisk]:
    """Make one in `folder` and mount it there, or `at` another place; needs root."""
    disk = SmallDisk(folder / "disk.img", at or folder / "disk")
    folder.mkdir(parents=True, exist_ok=True)
    with disk.image.open("wb") as file:
        file.truncate(megabytes << 20)
    _run("mkfs.ext4", "-q", "-m", "0", "-N", str(inodes), str(disk.image))
    with mounted(disk.image, disk.folder):
        yield disk


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """Mount a file system, what was cut short in its journal done first; needs root."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount(image, folder)
    try:
        yield folder
    finally:
        _run("umount", "--lazy", str(folder))


def _mount(image: Path, folder: Path) -> None:
    _run("mount", "-o", "loop,errors=remount-ro", str(image), str(folder))


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout
