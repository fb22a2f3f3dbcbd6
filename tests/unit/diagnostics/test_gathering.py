"""Each source is read within its bounds, and none keeps the others from being read."""

import os
import threading
from pathlib import Path

import pytest

from att.appliance import facts
from att.diagnostics import gathering
from att.diagnostics.gathering import gather
from att.diagnostics.reading import Material, read
from att.diagnostics.sources import TOTAL_BYTES_MAX, TOTAL_SECONDS_MAX, Asked, Command, Files, Source, Tellers, sources
from att.kernel.errors import Unavailable


def text_of(how: Asked | Command | Files, bytes_max: int = 1000, seconds_max: float = 10.0) -> Material:
    return read(Source("one", how, bytes_max, seconds_max))


class Steps:
    """A clock that goes on by `seconds` whenever it is asked."""

    def __init__(self, seconds: float) -> None:
        self._now, self._seconds = 0.0, seconds

    def __call__(self) -> float:
        self._now += self._seconds
        return self._now


def test_a_source_that_hangs_is_named_and_the_next_one_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MARGIN_SECONDS", 0.02)
    release = threading.Event()

    def ask(source: Source) -> Material:
        if source.name == "dead":
            release.wait(30)
        return Material("well")

    asked = [Source("dead", Asked(str), seconds_max=0.01), Source("alive", Asked(str))]
    found = list(gather(asked, ask, Steps(0)))
    release.set()
    assert [(one.source.name, one.material.text) for one in found] == [("dead", ""), ("alive", "well")]
    assert found[0].material.problem.startswith("hangs: ")


def test_what_comes_after_all_time_and_all_space_is_named_as_left_out() -> None:
    asked = [Source(name, Asked(str)) for name in "abc"]
    slow = list(gather(asked, lambda _: Material("well"), Steps(TOTAL_SECONDS_MAX / 3)))
    assert [one.material.problem[:8] for one in slow] == ["", "", "left out"]
    large = list(gather(asked, lambda _: Material("x" * TOTAL_BYTES_MAX), Steps(0)))
    assert [one.material.problem[:8] for one in large] == ["", "left out", "left out"]


def test_a_command_that_fails_is_told_with_what_it_printed() -> None:
    found = text_of(Command(("sh", "-c", "echo half; echo why >&2; exit 3")))
    assert (found.text, found.problem) == ("half\n", "sh ended with 3: why")
    assert "cannot start" in text_of(Command(("/nowhere",))).problem


def test_a_command_that_does_not_end_is_stopped_at_its_bound() -> None:
    found = text_of(Command(("sh", "-c", "echo half; sleep 60")), seconds_max=0.3)
    assert (found.text, found.problem) == ("half\n", "sh did not end within 0 s")


def test_of_a_long_output_the_last_whole_lines_are_kept() -> None:
    found = text_of(Command(("seq", "1000")), bytes_max=20)
    assert (found.text, found.cut) == ("997\n998\n999\n1000\n", True)


def test_of_a_long_file_the_last_whole_lines_are_kept(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a secret that is cut\nsecond\nthird\n")
    assert text_of(Files(tmp_path, "log"), 16) == Material("second\nthird\n", cut=True)
    assert text_of(Files(tmp_path, "log"), 5) == Material("", cut=True)
    assert text_of(Files(tmp_path, "none")).problem == "there is no such file"
    assert "FileNotFoundError" in text_of(Files(tmp_path / "none", "log")).problem


def test_the_newest_files_come_first_each_with_its_name(tmp_path: Path) -> None:
    for at, name in enumerate(("old", "older", "new")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log.txt").write_text(name)
        os.utime(tmp_path / name / "log.txt", (0, (5, 1, 9)[at]))
    assert text_of(Files(tmp_path, "*/log*", 2)).text == "==> new/log.txt <==\nnew\n==> old/log.txt <==\nold\n"


def test_no_link_is_followed_and_nothing_but_a_file_is_read(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    (inside / "p1").mkdir(parents=True)
    outside.mkdir()
    (outside / "config.yml").write_text("root's own")
    (inside / "p2").symlink_to(outside)
    (inside / "p1" / "config.yml").symlink_to(outside / "config.yml")
    os.mkfifo(inside / "p1" / "config.yaml")
    assert text_of(Files(inside, "p*/config.*", 9)).problem == "there is no such file"


def test_what_a_part_of_att_refuses_to_tell_is_named() -> None:
    def refuse() -> str:
        raise Unavailable("unreachable", "cannot ask: nobody is there")

    assert text_of(Asked(refuse)).problem == "cannot ask: nobody is there"
    assert text_of(Asked(lambda: "1\n2\n3\n"), 4) == Material("3\n", cut=True)


def test_the_table_names_each_source_once_with_its_bounds() -> None:
    table = list(sources(facts(), Tellers(*[str] * 5)))
    names = [one.name for one in table]
    assert len(set(names)) == len(names)
    assert all(not name.startswith("/") and ".." not in name for name in names)
    assert all(0 < one.bytes_max <= TOTAL_BYTES_MAX and 0 < one.seconds_max <= 60 for one in table)
    logs = {f"services/{unit.name}.log" for unit in facts().units}
    assert {"status.json", "config/att.yaml", "machine/permissions.json", "audit.jsonl", *logs} <= set(names)


def test_no_source_is_a_place_of_secrets() -> None:
    paths = facts().paths
    for one in sources(facts(), Tellers(*[str] * 5)):
        if isinstance(one.how, Files):
            folder = one.how.folder
            assert not any(folder.is_relative_to(place) for place in (paths.secrets, paths.tls, paths.launch)), one.name
