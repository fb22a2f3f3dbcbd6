"""The schedule: what is made, what is remembered of it, and who learns that it failed."""

import errno
import fcntl
from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.backup.appliance import MADE, Home
from tests.unit.backup.conftest import Make

from att.backup import recovery_key
from att.backup.decision import file_name
from att.backup.schema import Created, Last, Skipped
from att.backup.service import Backups
from att.backup.staging import Staging
from att.backup.switching import Switch
from att.kernel.errors import Conflict, Failed


@pytest.fixture
def here(home: Make, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = home("here")
    made.facts.paths.config.write_text("backup:\n  schedule: daily\n  keep: 1\n")
    monkeypatch.setattr(Backups, "_machine", lambda _self: made)
    return made


def test_one_is_made_a_day_and_remembered_for_everybody_to_read(here: Home) -> None:
    backups = Backups(here.facts, "root")
    made = backups.create(here.root / "kept")
    assert isinstance(made, Created)
    assert backups.last() == Last()
    here.facts.paths.backups.mkdir(exist_ok=True)
    (here.facts.paths.backups / "last.json").write_text(Last(at=MADE, good=MADE).model_dump_json())
    assert backups.create_scheduled(lambda: MADE + timedelta(hours=1)) == Skipped(
        reason="the last one was made at 2026-11-22 02:30 UTC"
    )


def test_one_that_fails_is_remembered_and_tried_again(here: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    backups = Backups(here.facts, "root")

    def fails(_self: Backups, _folder: Path | None = None) -> Created:
        raise Failed("disk_full", "cannot write to /mnt: full")

    with monkeypatch.context() as broken:
        broken.setattr(Backups, "create", fails)
        with pytest.raises(Failed):
            backups.create_scheduled(lambda: MADE)
    assert (backups.last().problem, backups.last().good) == ("cannot write to /mnt: full", None)
    assert (here.facts.paths.backups / "last.json").stat().st_mode & 0o444 == 0o444
    later = MADE + timedelta(minutes=1)
    made = backups.create(here.root / "kept")
    monkeypatch.setattr(Backups, "create", lambda _self: made)
    assert backups.create_scheduled(lambda: later) == made
    assert (backups.last().problem, backups.last().good) == ("", later)


def test_a_folder_that_cannot_be_read_is_remembered_too(here: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def stale(_self: Backups, _folder: Path | None = None) -> Created:
        raise OSError(errno.ESTALE, "Stale file handle", "/mnt")

    monkeypatch.setattr(Backups, "create", stale)
    backups = Backups(here.facts, "root")
    with pytest.raises(OSError, match="Stale"):
        backups.create_scheduled(lambda: MADE)
    assert "Stale file handle" in backups.last().problem


def test_none_is_made_of_an_appliance_that_a_restore_left_half_exchanged(here: Home) -> None:
    folders = Staging(here.facts, here).folders
    folders[0].mkdir(parents=True)
    Switch(folders).begin([])
    backups = Backups(here.facts, "root")
    with pytest.raises(Conflict, match="a restore was interrupted"):
        backups.create(here.root / "kept")
    assert not (here.root / "kept").exists()
    here.restoring().resume(held=False, proves=False)
    assert backups.create(here.root / "kept").parts


def test_the_newest_is_listed_first_whichever_appliance_made_it(here: Home) -> None:
    folder = here.root / "kept"
    folder.mkdir()
    names = [file_name(who, MADE + timedelta(days=day)) for day, who in enumerate(("att-9", "att-0", "att-5"))]
    for name in (*names, "att-backup-renamed.attbk"):
        (folder / name).write_bytes(b"no backup")
    listed = [Path(one.file).name for one in Backups(here.facts, "root").list(folder)]
    assert listed == [names[2], names[1], names[0], "att-backup-renamed.attbk"]


def test_the_key_stays_the_same_and_that_somebody_has_it_is_remembered(here: Home) -> None:
    backups = Backups(here.facts, "root")
    first = backups.key()
    assert backups.last().key_shown
    assert backups.key() == first


def test_two_who_need_the_key_at_once_get_the_same(here: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = here.facts.paths.secrets
    flock = fcntl.flock

    def late(fd: int, kind: int) -> None:
        """Another one held it until now, and has made the key."""
        (folder / recovery_key.FILE).write_text(recovery_key.file_text(theirs))
        flock(fd, kind)

    theirs = recovery_key.RecoveryKey(bytes(range(32)))
    monkeypatch.setattr(fcntl, "flock", late)
    assert recovery_key.load_or_make(folder) == theirs
