"""What attctl says of backups where none can be made, and how it asks."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.backup.appliance import MADE, Home
from tests.unit.surfaces.cli.conftest import Attctl, Ran
from tests.where import ON_APPLIANCE

from att.appliance import Facts
from att.surfaces.cli import backup


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """attctl is root on this one."""
    made = Home(tmp_path / "here")
    made.furnish("here")
    monkeypatch.setattr(backup, "become_root", lambda _what: None)

    def here() -> Facts:
        return made.facts

    monkeypatch.setattr("att.appliance.facts", here)
    return made


def told(ran: Ran) -> Any:
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


@pytest.mark.skipif(ON_APPLIANCE, reason="this is one")
def test_where_there_is_no_appliance_it_says_so(attctl: Attctl) -> None:
    ran = attctl("backup", "create")
    assert (ran.code, "error[appliance_only]: cannot make a backup" in ran.err) == (4, True)


def test_the_key_goes_to_stdout_and_the_warning_does_not(home: Home, attctl: Attctl) -> None:
    ran = attctl("backup", "key")
    assert ran.code == 0
    assert ran.out.splitlines()[-1].startswith("AGE-SECRET-KEY-1")
    assert "keep it where this appliance is not" in ran.err
    assert attctl("backup", "key").out == ran.out
    assert "AGE-SECRET" not in (home.facts.paths.logs / "audit.log").read_text()


def test_a_backup_is_listed_shown_and_verified_with_the_appliances_own_key(
    home: Home, attctl: Attctl, tmp_path: Path
) -> None:
    made = home.backup(tmp_path / "kept")
    name = Path(made.file).name
    listed = attctl("--json", "backup", "list", "--folder", str(tmp_path / "kept"))
    assert [Path(one["file"]).name for one in told(listed)["backups"]] == [name]
    shown = told(attctl("--json", "backup", "show", made.file))
    assert (shown["release"], shown["appliance"]) == ("1.0.0", made.appliance)
    verified = attctl("--json", "backup", "verify", made.file)
    assert told(verified)["backups"][0]["parts"][0]["name"] == "api"
    assert "signed_by" in attctl("backup", "verify", made.file).out
    assert " % reading" in verified.err


def test_a_file_of_another_appliance_is_listed_with_what_it_needs(home: Home, attctl: Attctl, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    other.furnish("other")
    other.backup(tmp_path / "kept")
    attctl("backup", "key")
    (listed,) = told(attctl("--json", "backup", "list", "--folder", str(tmp_path / "kept")))["backups"]
    assert listed["problem"] == "cannot open the backup: it was made for another recovery key"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "nowhere.attbk"), "backup_unknown"),
        (("restore",), "invalid_input"),
        (("restore", "x", "--resume"), "invalid_input"),
    ],
)
def test_what_cannot_be_meant_is_refused(home: Home, attctl: Attctl, words: tuple[str, ...], code: str) -> None:
    assert f"error[{code}]" in attctl("backup", *words).err


def test_of_several_files_each_is_verified_and_one_that_is_damaged_is_named(
    home: Home, attctl: Attctl, tmp_path: Path
) -> None:
    names = [home.backup(tmp_path / "kept", now=MADE + timedelta(days=day)).file for day in range(3)]
    assert len(told(attctl("--json", "backup", "verify", *names))["backups"]) == 3
    Path(names[1]).write_bytes(Path(names[1]).read_bytes()[:-1])
    ran = attctl("--json", "backup", "verify", *names)
    assert (ran.code, "error[backup_damaged]" in ran.err) == (4, True)
    problems = [one.get("problem", "") for one in json.loads(ran.out)["backups"]]
    assert [bool(problem) for problem in problems] == [False, True, False]
    alone = attctl("backup", "verify", names[1])
    assert (alone.code, alone.out, "error[backup_damaged]" in alone.err) == (4, "", True)


def test_a_schedule_that_is_off_makes_nothing(home: Home, attctl: Attctl) -> None:
    ran = attctl("--json", "backup", "create", "--scheduled")
    assert (ran.code, told(ran)) == (0, {"created": False, "reason": "backup.schedule is off"})


def test_without_a_restore_there_is_nothing_to_resume(home: Home, attctl: Attctl) -> None:
    assert told(attctl("--json", "backup", "restore", "--resume")) == {"outcome": "nothing"}
