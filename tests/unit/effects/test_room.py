"""The room of a file system, and the codes of what a write there meets."""

import errno
import os
from pathlib import Path

import pytest

from att.effects import room
from att.effects.room import Room, code_of, lack_of, refusal_of, room_of


def test_the_room_of_a_folder_is_that_of_its_file_system(tmp_path: Path) -> None:
    found, use = room_of(tmp_path), os.statvfs(tmp_path)
    assert found is not None
    assert abs(found.free_bytes - use.f_bavail * use.f_frsize) < 1 << 30
    assert 0 <= found.used_percent <= 100
    assert 0 <= found.inodes_percent <= 100
    assert found.free_mb == found.free_bytes // 1_000_000
    assert room_of(tmp_path / "none") is None
    assert room_of(Path("/proc")) is None  # nothing to fill


@pytest.mark.parametrize(
    ("there", "code"),
    [
        (Room(100.0, 0, 10.0, 90), "disk_full"),
        (Room(10.0, 90, 100.0, 0), "disk_inodes"),
        (Room(100.0, 0, 0.0, None, read_only=True), "disk_read_only"),
        (Room(99.0, 1, 99.0, 1), None),
        (None, None),
    ],
)
def test_what_a_file_system_lacks_has_a_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: Room | None, code: str | None
) -> None:
    monkeypatch.setattr(room, "room_of", lambda path: there if path == tmp_path else None)
    assert lack_of(tmp_path / "a" / "b") == code


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EROFS, "disk_read_only"),
        (errno.EIO, "disk_failed"),
        (errno.EACCES, None),
    ],
)
def test_an_error_of_the_disk_has_a_code_and_others_have_none(tmp_path: Path, number: int, code: str | None) -> None:
    error = OSError(number, os.strerror(number), str(tmp_path / "a"))
    assert code_of(error, tmp_path) == code
    refusal = refusal_of(error, "do att.x")
    assert (None if refusal is None else refusal.code) == code
    if refusal is not None:
        assert (refusal.status, refusal.detail.startswith("cannot do att.x: the ")) == (503, True)


def test_a_write_that_found_no_inode_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "room_of", lambda _: Room(10.0, 90, 100.0, 0))
    assert code_of(OSError(errno.ENOSPC, "full"), tmp_path) == "disk_inodes"


@pytest.mark.parametrize(
    ("mount", "options", "read_only"),
    [
        ("rw,relatime", "rw,errors=remount-ro", False),
        ("ro,nosuid", "rw,errors=remount-ro", False),  # as a service sees what it may not write
        ("rw,relatime", "ro,errors=remount-ro", True),
        ("rw,relatime", "rw,errors=remount-ro,emergency_ro", True),
    ],
)
def test_a_file_system_is_read_only_when_nobody_may_write_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mount: str, options: str, read_only: bool
) -> None:
    device = tmp_path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    told = tmp_path / "mountinfo"
    told.write_text(
        f"1 0 0:999 / /a rw - ext4 /dev/a ro,emergency_ro\n2 0 {number} / /b {mount} shared:1 - ext4 /dev/b {options}\n"
    )
    monkeypatch.setattr(room, "_MOUNTS", told)
    found = room_of(tmp_path)
    assert found is not None
    assert found.read_only is read_only
    monkeypatch.setattr(room, "_MOUNTS", tmp_path / "none")
    found = room_of(tmp_path)
    assert found is not None
    assert not found.read_only
