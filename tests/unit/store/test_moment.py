"""The database and the forge of one moment: nobody writes while the repositories get their second name."""

import os
import sqlite3
from pathlib import Path

import pytest

from att.store import file
from att.store.repositories import copy_repositories


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _fd: None)


def test_nobody_writes_at_that_moment_and_everybody_right_after(tmp_path: Path) -> None:
    database, copy = tmp_path / "db", tmp_path / "copy"
    writer = file.connect(database, create=True, busy_seconds=0)
    writer.execute("CREATE TABLE rows (name TEXT)")
    writer.execute("INSERT INTO rows VALUES ('before')")
    said = []

    def meanwhile() -> None:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            writer.execute("INSERT INTO rows VALUES ('meanwhile')")
        said.append("locked")

    def progress(_done: int, _total: int) -> None:
        writer.execute("INSERT INTO rows VALUES ('after')")

    file.snapshot(database, copy, progress, meanwhile)
    writer.close()
    assert said == ["locked"]
    found = sqlite3.connect(copy / "att.db")
    assert found.execute("SELECT name FROM rows").fetchall() == [("before",)]
    found.close()


def repository(folder: Path) -> Path:
    made = folder / "prj_1.git"
    for name in ("HEAD", "config", "refs/heads/main", "objects/ab/cd", "objects/pack/a.pack", "logs/HEAD"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name)
    return made


def test_objects_are_linked_and_what_is_written_again_is_copied(tmp_path: Path) -> None:
    source = repository(tmp_path / "forge")
    for name in ("refs/heads/main.lock", "objects/tmp_obj_1", "objects/incoming-1/x"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text("unfinished")
    copy_repositories(tmp_path / "forge", tmp_path / "copy")
    made = tmp_path / "copy/prj_1.git"
    assert (made / "objects/ab/cd").samefile(source / "objects/ab/cd")
    for name in ("refs/heads/main", "logs/HEAD", "HEAD"):
        assert (made / name).read_text() == name
        assert not (made / name).samefile(source / name)
    assert not [path for path in made.rglob("*") if "tmp_" in path.name or path.suffix == ".lock" or "inc" in path.name]


def test_an_object_that_moves_into_a_pack_meanwhile_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = repository(tmp_path / "forge")
    link = os.link

    def packing(origin: Path, target: Path, **named: bool) -> None:
        loose = source / "objects/ab/cd"
        if loose.exists():
            loose.unlink()
            (source / "objects/pack/b.pack").write_text("with cd")
        link(origin, target, **named)

    monkeypatch.setattr(os, "link", packing)
    copy_repositories(tmp_path / "forge", tmp_path / "copy")
    assert (tmp_path / "copy/prj_1.git/objects/pack/b.pack").read_text() == "with cd"


def test_a_ref_that_is_packed_meanwhile_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = repository(tmp_path / "forge")
    seen = []
    iterdir = Path.iterdir

    def packing(self: Path):  # type: ignore[no-untyped-def]  # of pathlib's own type
        found = list(iterdir(self))
        seen.append(self.name)
        if self.name == "heads" and (source / "refs/heads/main").exists():
            (source / "packed-refs").write_text("main")
            (source / "refs/heads/main").unlink()
        return iter(found)

    (source / "packed-refs").write_text("nothing")
    monkeypatch.setattr(Path, "iterdir", packing)
    copy_repositories(tmp_path / "forge", tmp_path / "copy")
    assert (tmp_path / "copy/prj_1.git/packed-refs").read_text() == "main"


def test_without_a_forge_there_is_an_empty_one(tmp_path: Path) -> None:
    copy_repositories(tmp_path / "absent", tmp_path / "copy")
    assert list((tmp_path / "copy").iterdir()) == []
