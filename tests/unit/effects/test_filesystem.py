"""Atomic writes on a real file system."""

import os
from pathlib import Path

import pytest

from att.effects import filesystem


def test_a_file_is_replaced_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(b"old")
    filesystem.write_atomically(path, b"new", mode=0o600)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["state.json"]  # noqa: PTH208 -- hidden files count here


def test_a_failed_write_leaves_old_content_and_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "taken"
    path.mkdir()
    (path / "child").touch()
    with pytest.raises(OSError, match="taken"):
        filesystem.write_atomically(path, b"new")
    assert os.listdir(tmp_path) == ["taken"]  # noqa: PTH208


def test_a_service_that_may_not_change_owners_replaces_its_own_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "fchown", refused)
    filesystem.write_atomically(tmp_path / "key", b"new", owner=(os.geteuid(), os.getegid()))
    assert (tmp_path / "key").read_bytes() == b"new"
    with pytest.raises(PermissionError):
        filesystem.write_atomically(tmp_path / "other", b"new", owner=(12345, 12345))


def test_space_and_inodes_are_told(tmp_path: Path) -> None:
    assert filesystem.free_bytes(tmp_path) > 0
    inodes = filesystem.free_inodes(tmp_path)
    assert inodes is None or inodes > 0
    assert filesystem.free_inodes(Path("/proc")) is None
