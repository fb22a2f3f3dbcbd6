"""Applying a settings file: all or nothing, the former kept, the door respected."""

import errno
import os
import stat
from pathlib import Path

import pytest

from att.appliance import Facts, facts
from att.config.store import apply, current_text, holding, previous_of
from att.kernel.errors import Failed, Forbidden, InvalidInput

GOOD = "disk:\n  warn_percent: 70\n"


@pytest.fixture
def rooted(tmp_path: Path) -> Facts:
    return facts().rooted(tmp_path)


def files_below(path: Path) -> list[str]:
    return sorted(found.name for found in path.rglob("*") if found.is_file())


def test_a_first_file_is_written_and_nothing_is_kept(rooted: Facts) -> None:
    applied = apply(GOOD, rooted, "api")
    assert applied.changed
    assert applied.live == ("disk.warn_percent",)
    assert applied.previous is None
    assert rooted.paths.config.read_text() == GOOD
    assert stat.S_IMODE(rooted.paths.config.stat().st_mode) == 0o644


def test_the_former_file_is_kept_with_its_bytes_and_mode(rooted: Facts) -> None:
    apply(GOOD, rooted, "api")
    rooted.paths.config.chmod(0o640)
    applied = apply("jobs:\n  running_max: 2\n", rooted, "api")
    assert applied.previous == previous_of(rooted.paths.config)
    assert applied.previous.read_text() == GOOD
    assert applied.restart == ("att-api",)
    assert {one.path for one in applied.changes} == {"disk.warn_percent", "jobs.running_max"}
    assert stat.S_IMODE(rooted.paths.config.stat().st_mode) == 0o640
    assert files_below(rooted.root) == ["att.yaml", "att.yaml.previous"]


def test_the_same_text_again_changes_nothing_and_keeps_the_older_former(rooted: Facts) -> None:
    apply("# first\n", rooted, "api")
    apply(GOOD, rooted, "api")
    before = rooted.paths.config.stat().st_ino
    applied = apply(GOOD, rooted, "api")
    assert not applied.changed
    assert applied.as_json()["previous"] is None
    assert rooted.paths.config.stat().st_ino == before
    assert previous_of(rooted.paths.config).read_text() == "# first\n"


def test_an_invalid_text_changes_nothing(rooted: Facts) -> None:
    apply(GOOD, rooted, "api")
    with pytest.raises(InvalidInput, match=r"disk\.warn_percent \(line 2, column 3\)") as raised:
        apply("disk:\n  warn_percent: 700\n", rooted, "ssh")
    assert raised.value.code == "config_invalid"
    assert raised.value.field == "disk.warn_percent"
    assert rooted.paths.config.read_text() == GOOD
    assert files_below(rooted.root) == ["att.yaml"]


@pytest.mark.parametrize("door", ["api", ""])
def test_a_setting_of_the_ssh_door_is_refused_from_elsewhere(rooted: Facts, door: str) -> None:
    with pytest.raises(Forbidden, match=r"upgrade\.approval") as raised:
        apply("upgrade:\n  approval: auto\n", rooted, door)
    assert raised.value.code == "config_door"
    assert not rooted.paths.config.exists()


def test_a_setting_of_the_ssh_door_is_taken_from_an_operator_and_stays_when_others_change_the_rest(
    rooted: Facts,
) -> None:
    apply("upgrade:\n  approval: auto\n", rooted, "ssh")
    apply("upgrade:\n  approval: auto\ndisk:\n  free_mb_min: 1\n", rooted, "api")
    with pytest.raises(Forbidden):
        apply("disk:\n  free_mb_min: 1\n", rooted, "api")
    assert holding(rooted.paths.config).values["upgrade"]["approval"] == "auto"


def test_a_broken_file_on_disk_can_be_replaced(rooted: Facts) -> None:
    rooted.paths.config.parent.mkdir(parents=True)
    rooted.paths.config.write_text("disk: [")
    assert apply(GOOD, rooted, "api").changed
    assert current_text(rooted.paths.config) == GOOD


@pytest.mark.parametrize("name", ["fsync", "link", "fchmod"])
def test_a_full_disk_at_any_step_leaves_the_former_file_and_nothing_beside_it(
    rooted: Facts, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    apply(GOOD, rooted, "api")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, name, full)
    with pytest.raises(Failed, match="No space left") as raised:
        apply("", rooted, "api")
    assert raised.value.code == "disk_full"
    assert rooted.paths.config.read_text() == GOOD
    assert files_below(rooted.root) == ["att.yaml"]


def test_a_file_of_an_earlier_version_is_applied_in_todays_form_and_says_so(rooted: Facts) -> None:
    applied = apply("version: 1\n# mine\njobs:\n  log_mb_max: 4\n  running_max: 2\n", rooted, "ssh")
    assert rooted.paths.config.read_text() == "version: 2\n# mine\njobs:\n  running_max: 2\n"
    assert applied.as_json()["notes"] == [
        "jobs.log_mb_max (line 4): no setting any more and left out: the log of a job has a fixed bound",
        "version: 1 became 2",
    ]
    assert apply("jobs:\n  running_max: 3\n", rooted, "ssh").notes == ()


def test_a_file_of_a_later_version_is_refused_and_changes_nothing(rooted: Facts) -> None:
    apply(GOOD, rooted, "ssh")
    with pytest.raises(InvalidInput, match="is newer than what this release reads") as told:
        apply("version: 99\n", rooted, "ssh")
    assert told.value.field == "version"
    assert rooted.paths.config.read_text() == GOOD
