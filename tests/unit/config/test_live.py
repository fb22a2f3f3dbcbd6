"""Live settings: taken up within a second, never worse than before."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from att.config.live import LiveSettings
from att.config.store import previous_of


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "att.yaml"


def write(path: Path, text: str) -> None:
    """Replace the file as `apply` does, so that its inode changes."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def test_without_a_file_the_defaults_hold(path: Path, clock: Clock) -> None:
    assert LiveSettings(path, {}, clock).current().disk.warn_percent == 85


def test_a_new_file_holds_a_second_later_and_not_before(path: Path, clock: Clock) -> None:
    live = LiveSettings(path, {}, clock)
    write(path, "disk: {warn_percent: 50}")
    clock.seconds += 0.9
    assert live.current().disk.warn_percent == 85
    clock.seconds += 0.2
    assert live.current().disk.warn_percent == 50


def test_the_environment_stays_above_the_file(path: Path, clock: Clock) -> None:
    write(path, "disk: {warn_percent: 50}")
    assert LiveSettings(path, {"ATT_DISK_WARN_PERCENT": "40"}, clock).current().disk.warn_percent == 40


def test_a_file_that_does_not_validate_changes_nothing_and_is_told_until_mended(path: Path, clock: Clock) -> None:
    write(path, "disk: {warn_percent: 50}")
    live = LiveSettings(path, {}, clock)
    write(path, "disk: {warn_percent: 5000}")
    clock.seconds += 1
    with capture_logs() as logs:
        assert live.current().disk.warn_percent == 50
    assert [one["event"] for one in logs] == ["config_invalid"]
    assert "warn_percent" in str(live.problems[0])
    write(path, "disk: {warn_percent: 51}")
    clock.seconds += 1
    assert live.current().disk.warn_percent == 51
    assert live.problems == []


def test_at_start_the_former_file_stands_in_for_a_broken_one(path: Path, clock: Clock) -> None:
    write(path, "disk: [")
    previous_of(path).write_text("disk: {warn_percent: 60}")
    with capture_logs():
        live = LiveSettings(path, {}, clock)
    assert live.current().disk.warn_percent == 60
    assert live.problems


def test_at_start_the_defaults_stand_in_when_both_are_broken(path: Path, clock: Clock) -> None:
    write(path, "disk: [")
    previous_of(path).write_text("also: [")
    with capture_logs():
        live = LiveSettings(path, {}, clock)
    assert live.current().disk.warn_percent == 85
    assert live.problems[0].place is not None


def test_an_unreadable_file_changes_nothing(path: Path, clock: Clock) -> None:
    path.mkdir(parents=True)
    with capture_logs():
        assert LiveSettings(path, {}, clock).current().disk.warn_percent == 85
