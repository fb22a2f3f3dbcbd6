"""What a backup takes, what it leaves behind where it fails, and how many stay."""

import errno
import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.backup.appliance import MADE, Home
from tests.unit.backup.conftest import Make

from att.backup import age, reading, recovery_key
from att.kernel.errors import AttError, Failed
from att.upgrade.decision import Schema


def members(home: Home, file: str) -> dict[str, bytes]:
    found = {}
    key = recovery_key.load(home.facts.paths.secrets / recovery_key.FILE)
    with Path(file).open("rb") as opened:
        reading.read(opened.fileno(), key, lambda entry, content: found.update({entry.name: b"".join(content)}))
    return found


def test_it_holds_every_part_and_neither_caches_logs_uploads_nor_the_key_that_signs_releases(
    home: Make, tmp_path: Path
) -> None:
    old = home("old")
    made = old.backup(tmp_path / "kept")
    found = members(old, made.file)
    assert found["projects/p000/work/README.md"] == b"readme of old"
    assert found["forge/prj_1.git/objects/ab/cdef"] == b"object of old"
    assert found["config/secrets.d/sealing-key"] == b"sealed by old"
    assert found["config/secrets.d/backup-key"].startswith(b"# Recovery key")
    assert json.loads(found["engine/history.jsonl"])["id"] == "txn_1"
    left = ("tasks/", "uploads/", ".venv", ".cache/", "trust", "launcher", "api/db", "api/forge", ".backup-")
    assert not [name for name in found if any(part in name for part in left)]
    assert [part.name for part in made.parts] == [
        "api", "database", "forge", "projects", "services", "config", "engine",
    ]  # fmt: skip


def test_the_file_is_roots_alone_and_nothing_of_the_copying_stays(home: Make, tmp_path: Path) -> None:
    old = home("old")
    made = old.backup(tmp_path / "kept")
    assert Path(made.file).name.startswith("att-backup-")
    assert Path(made.file).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [Path(made.file).name]
    assert not list(old.facts.paths.api_state.glob(".backup-*"))


def test_nothing_that_is_secret_can_be_read_in_it(home: Make, tmp_path: Path) -> None:
    old = home("old")
    data = Path(old.backup(tmp_path / "kept").file).read_bytes()
    assert not [word for word in (b"sealed by", b"readme", b"sealing-key", b"AGE-SECRET") if word in data]


def test_the_same_key_opens_all_of_them_and_the_oldest_go(home: Make, tmp_path: Path) -> None:
    old = home("old")
    files = [old.backup(tmp_path / "kept", keep=2, now=MADE + timedelta(days=day)) for day in range(3)]
    assert files[2].removed == [Path(files[0].file).name]
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        Path(files[1].file).name,
        Path(files[2].file).name,
    ]


def test_a_backup_that_fails_leaves_no_file(home: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = home("old")

    def full(*_arguments: object, **_named: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(age.Writer, "close", full)
    with pytest.raises(AttError) as failed:
        old.backup(tmp_path / "kept")
    assert failed.value.code == "disk_full"
    assert list((tmp_path / "kept").iterdir()) == []
    assert not list(old.facts.paths.api_state.glob(".backup-*"))


def test_a_disk_that_is_too_small_is_told_before_anything_is_copied(
    home: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = home("old")
    block = os.statvfs(old.root).f_frsize

    class Small:
        f_bavail, f_frsize, f_files, f_favail = 1, block, 0, 0

    monkeypatch.setattr(os, "statvfs", lambda _path: Small)
    with pytest.raises(AttError) as refused:
        old.backup(tmp_path / "kept")
    assert (refused.value.code, old.asked) == ("disk_full", [])


def test_what_a_backup_that_was_killed_left_is_swept_by_the_next(home: Make, tmp_path: Path) -> None:
    old = home("old")
    left = old.facts.paths.api_state / ".backup-12ab/forge"
    left.mkdir(parents=True)
    old.backup(tmp_path / "kept")
    assert not left.exists()


def test_a_second_backup_leaves_the_copies_of_the_one_that_is_being_made(
    home: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = home("old")
    schema = Home.schema

    def meanwhile(self: Home, database: Path) -> Schema:
        monkeypatch.setattr(Home, "schema", schema)
        old.backup(tmp_path / "elsewhere")
        return schema(self, database)

    monkeypatch.setattr(Home, "schema", meanwhile)
    found = members(old, old.backup(tmp_path / "kept").file)
    assert {"database/att.db", "forge/prj_1.git/HEAD"} <= found.keys()
    assert not list(old.facts.paths.api_state.glob(".backup-*"))


def test_a_file_without_an_end_goes_with_the_next_backup_and_that_of_another_appliance_stays(
    home: Make, tmp_path: Path
) -> None:
    old = home("old")
    made = Path(old.backup(tmp_path / "kept").file)
    left, foreign = made.with_name(f".{made.name}.0a1b"), made.with_name(".att-backup-b-1-20261122T023000Z.attbk.0a1b")
    left.touch()
    foreign.touch()
    old.backup(tmp_path / "kept")
    assert sorted(path.name for path in made.parent.iterdir()) == [foreign.name, made.name]


def test_a_moment_that_cannot_be_taken_is_told(home: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = home("old")

    def torn(_self: Home, _stage: Path) -> None:
        raise Failed("backup_failed", "cannot make a backup: git finds prj_1.git incomplete")

    monkeypatch.setattr(Home, "moment", torn)
    with pytest.raises(Failed, match="incomplete"):
        old.backup(tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []
