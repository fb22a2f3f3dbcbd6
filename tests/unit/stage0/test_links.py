"""Links on a real file system."""

from pathlib import Path

import pytest

from att_stage0 import links


def test_a_link_is_switched_and_read(tmp_path: Path) -> None:
    link = tmp_path / "current"
    assert links.read(link) is None
    links.switch(link, "releases/1.0.0")
    links.switch(link, "releases/1.1.0")
    assert links.read(link) == "1.1.0"
    assert [path.name for path in tmp_path.iterdir()] == ["current"]


def test_temporaries_of_a_crash_are_swept_and_never_in_the_way(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f".switch-current-{number}").symlink_to("releases/0.0.1")
    (tmp_path / ".switch-not-a-link").touch()
    links.switch(tmp_path / "current", "releases/1.0.0")
    assert links.sweep(tmp_path) == 3
    assert {path.name for path in tmp_path.iterdir()} == {"current", ".switch-not-a-link"}


def test_a_removed_link_is_gone_and_stays_gone(tmp_path: Path) -> None:
    links.switch(tmp_path / "previous", "x")
    links.remove(tmp_path / "previous")
    links.remove(tmp_path / "previous")
    assert list(tmp_path.iterdir()) == []


def test_two_directories_change_names_at_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    links.exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a" / "b").exists()
    assert (tmp_path / "b" / "a").exists()
    with pytest.raises(OSError, match="No such file"):
        links.exchange(tmp_path / "a", tmp_path / "gone")
