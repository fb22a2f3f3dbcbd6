"""Folders that change while they are read, and members that want to be written elsewhere."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.where import ON_APPLIANCE

from att.backup.entry import Entry
from att.backup.places import is_rebuilt, left_of_slots
from att.backup.tree import Placer, Walk
from att.kernel.errors import Refused


def names(walk: Walk) -> list[str]:
    return [entry.name for entry, _ in walk.entries()]


def made(folder: Path, *files: str) -> Path:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_refs_are_read_before_objects_and_loose_objects_before_packs(tmp_path: Path) -> None:
    git = ("objects/pack/a.pack", "objects/ab/cd", "packed-refs", "refs/heads/main", "HEAD", "index")
    found = names(Walk(made(tmp_path, *git), "p"))
    order = ["p/HEAD", "p/index", "p/refs/heads/main", "p/packed-refs", "p/objects/ab/cd", "p/objects/pack/a.pack"]
    assert [name for name in found if name in order] == order


def test_a_folder_that_becomes_a_link_is_not_followed(tmp_path: Path) -> None:
    made(tmp_path / "secret", "key")
    walk = Walk(made(tmp_path / "work", "a/file", "b/file"), "work")
    found = []
    for entry, _ in walk.entries():
        found.append(entry.name)
        if entry.name == "work/a/file":
            (tmp_path / "work/b/file").unlink()
            (tmp_path / "work/b").rmdir()
            (tmp_path / "work/b").symlink_to(tmp_path / "secret")
    assert "work/b" in found
    assert not [name for name in found if "key" in name]


def test_a_link_that_becomes_a_file_does_not_end_the_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (made(tmp_path, "z") / "link").symlink_to("z")
    lstat = os.lstat

    def meanwhile(name: str, *, dir_fd: int | None = None) -> os.stat_result:
        found = lstat(name, dir_fd=dir_fd)
        if name == "link" and (tmp_path / name).is_symlink():
            (tmp_path / name).unlink()
            (tmp_path / name).touch()
        return found

    walk = Walk(tmp_path, "w")
    with monkeypatch.context() as racing:
        racing.setattr(os, "lstat", meanwhile)
        assert names(walk) == ["w", "w/z"]
    assert walk.missed == 1


def test_a_file_that_shrinks_or_grows_meanwhile_has_the_length_it_had(tmp_path: Path) -> None:
    made(tmp_path, "grows", "shrinks")
    for entry, content in Walk(tmp_path, "w").entries():
        if entry.name == "w/grows":
            (tmp_path / "grows").write_text("much longer than before")
        if entry.name == "w/shrinks":
            os.truncate(tmp_path / "shrinks", 2)
        assert sum(map(len, content)) == entry.size


def test_what_comes_while_something_else_goes_is_taken_too(tmp_path: Path) -> None:
    walk = Walk(made(tmp_path, "objects/ab", "objects/cd"), "w")
    found = []
    for entry, _ in walk.entries():
        found.append(entry.name)
        if entry.name == "w/objects/ab":
            (tmp_path / "objects/cd").rename(tmp_path / "objects/aa")
    assert ("w/objects/aa" in found, walk.missed) == (True, 1)


def test_fifos_are_passed_over_and_links_kept(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/anywhere")
    assert names(Walk(tmp_path, "w")) == ["w", "w/link"]


def test_a_name_that_is_no_utf_8_comes_through(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"x\xe9")).write_text("x")
    assert names(Walk(tmp_path, "w"))[1] == "w/x\udce9"


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("p000/work/src/app.py", False),
        ("p000/tasks", False),
        ("p000/tasks/task_1/log", True),
        ("p000/work/tasks/notes.md", False),
        ("p000/home/.cache/pip", True),
        ("p000/home/.bashrc", False),
        ("p000/work/src/__pycache__", True),
    ],
)
def test_what_can_be_made_again_is_left_out(path: str, left: bool) -> None:
    assert left_of_slots(path) is left


def test_environments_and_caches_are_known_by_their_marks() -> None:
    assert is_rebuilt({"bin", "pyvenv.cfg"})
    assert is_rebuilt({"CACHEDIR.TAG"})
    assert not is_rebuilt({"src", "README.md"})


def nothing() -> Iterator[bytes]:
    return iter(())


@given(st.text(st.sampled_from("./a\0b"), max_size=12))
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    placer = Placer(Path("/nonexistent"), chown=False)
    entry = Entry(name, "file", 0o644, "root", "root")
    # A plain name gets as far as the disk, where there is no such folder.
    plain = bool(name) and not set(name) & set("/\0") and name not in (".", "..")
    with pytest.raises(FileNotFoundError if plain else Refused):
        placer.place(entry, nothing(), name)


def test_nothing_is_written_through_a_link_or_twice(tmp_path: Path) -> None:
    placer = Placer(tmp_path, chown=False)
    placer.place(Entry("l", "link", 0o777, "root", "root", target="/tmp"), nothing(), "l")
    file = Entry("f", "file", 0o644, "root", "root")
    for name in ("l/file", "absent/file"):
        with pytest.raises(Refused):
            placer.place(file, nothing(), name)
    placer.place(Entry("d", "folder", 0o755, "root", "root"), nothing(), "d")
    with pytest.raises(Refused):
        placer.place(Entry("d", "folder", 0o755, "root", "root"), nothing(), "d")


@pytest.mark.skipif(ON_APPLIANCE, reason="a sandbox sets no set-group bits")
def test_modes_and_times_come_back(tmp_path: Path) -> None:
    placer = Placer(tmp_path / "to", chown=False)
    (tmp_path / "to").mkdir()
    source = made(tmp_path / "from", "tasks/file")
    (source / "tasks").chmod(0o2770)
    (source / "tasks/file").chmod(0o640)
    os.utime(source / "tasks", (7, 7))
    for entry, content in Walk(source, "w").entries():
        placer.place(entry, content, entry.name)
    placer.finish()
    folder = (tmp_path / "to/w/tasks").stat()
    assert (folder.st_mode & 0o7777, folder.st_mtime) == (0o2770, 7)
    assert (tmp_path / "to/w/tasks/file").stat().st_mode & 0o7777 == 0o640
