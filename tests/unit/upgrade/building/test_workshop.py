"""Packs taken apart by the real git in a process of its own, and what comes back judged."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.building import ProcessTasks
from tests.fakes.repositories import Repository

from att.appliance import Facts, facts
from att.kernel.errors import AttError, InvalidInput, Refused, TooLarge, Unavailable
from att.upgrade.building import workshop as workshops
from att.upgrade.building.job import PACK, RESULT
from att.upgrade.building.sources import Sources
from att.upgrade.building.workshop import Workshop


def at(folder: Path) -> Facts:
    found = facts().rooted(folder / "root")
    found.paths.upgrade_state.mkdir(parents=True, exist_ok=True)
    return found


class Interfering:
    """A building user who was taken over: whatever it is given, it writes what it likes."""

    user: str | None = None

    def __init__(self, change: Callable[[Path], bool]) -> None:
        self.change = change

    def run(self, folder: Path) -> bool:
        return ProcessTasks().run(folder) and self.change(folder)


@pytest.fixture
def two(repository: Repository) -> tuple[str, str]:
    """Base and head; a commit before the base, and one between, are there too."""
    repository.commit({"old": b"0"}, "before")
    base = repository.commit({"a": b"1", "b/c": b"2"}, "base")
    repository.commit({"a": b"2", "gone": b"3"}, "between")
    return base, repository.commit({"a": b"4", "gone": None, "b/d": b"5"}, "head")


def unpacked(workshop: Workshop, pack: bytes, base: str, head: str, folder: Path) -> Sources:
    (folder / "sent").write_bytes(pack)
    fd = os.open(folder / "sent", os.O_RDONLY)
    try:
        return workshop.unpack(fd, base=base, head=head)
    finally:
        os.close(fd)


def test_commits_and_files_of_base_and_head_come_out_of_a_pack(
    repository: Repository, two: tuple[str, str], tmp_path: Path
) -> None:
    base, head = two
    sources = unpacked(Workshop(at(tmp_path), ProcessTasks()), repository.pack(base, head), base, head, tmp_path)
    assert [commit.id for commit in sources.commits] == [base, repository.git("rev-parse", "HEAD~1"), head]
    assert {entry.path: sources.read(entry.path) for entry in sources.tree} == {
        "a": b"4",
        "b/c": b"2",
        "b/d": b"5",
        "old": b"0",
    }
    assert {entry.path: sources.read_base(entry.path) for entry in sources.base} == {
        "a": b"1",
        "b/c": b"2",
        "old": b"0",
    }
    with pytest.raises(KeyError):
        sources.read("gone")
    sources.close()
    assert list((at(tmp_path).paths.upgrade_state / "building").iterdir()) == []


def test_a_commit_of_another_name_than_its_content_cannot_be_asked_for(
    repository: Repository, two: tuple[str, str], tmp_path: Path
) -> None:
    base, head = two
    other = head[:-1] + ("0" if head[-1] != "0" else "1")
    with pytest.raises(Refused, match=f"it lacks the commit {head[:12]}"):
        unpacked(Workshop(at(tmp_path), ProcessTasks()), repository.pack(base, head), base, other, tmp_path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pack: pack[: len(pack) // 2],
        lambda pack: pack[:40] + bytes([pack[40] ^ 1]) + pack[41:],
        lambda pack: pack + b"more",
        lambda pack: b"",
        lambda pack: b"# v2 git bundle\n\n" + pack,
    ],
    ids=["half", "flipped", "longer", "empty", "another form"],
)
def test_what_git_does_not_take_is_refused_in_its_words(
    repository: Repository, two: tuple[str, str], tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    base, head = two
    with pytest.raises(Refused, match="cannot unpack the pack: git index-pack: ") as refused:
        unpacked(Workshop(at(tmp_path), ProcessTasks()), spoil(repository.pack(base, head)), base, head, tmp_path)
    assert refused.value.code == "build_refused"
    assert list((at(tmp_path).paths.upgrade_state / "building").iterdir()) == []


def test_a_pack_without_the_bases_files_is_refused(
    repository: Repository, two: tuple[str, str], tmp_path: Path
) -> None:
    base, head = two
    names = repository.raw("rev-list", "--objects", head, f"^{base}").splitlines()
    ids = b"\n".join([base.encode(), *(name.split(b" ")[0] for name in names)]) + b"\n"
    pack = repository.raw("pack-objects", "--stdout", "-q", input_bytes=ids)
    with pytest.raises(Refused, match="it lacks the"):
        unpacked(Workshop(at(tmp_path), ProcessTasks()), pack, base, head, tmp_path)


def _swap(folder: Path) -> bool:
    raw = (folder / RESULT).read_bytes()
    (folder / RESULT).write_bytes(raw.replace(b" blob 1\n4", b" blob 1\n6"))
    return raw != (folder / RESULT).read_bytes()


def _cut(folder: Path) -> bool:
    os.truncate(folder / RESULT, (folder / RESULT).stat().st_size - 3)
    return True


def _empty(folder: Path) -> bool:
    os.truncate(folder / RESULT, 0)
    return True


@pytest.mark.parametrize("change", [_swap, _cut, _empty])
def test_a_result_that_somebody_changed_is_refused(
    repository: Repository, two: tuple[str, str], tmp_path: Path, change: Callable[[Path], bool]
) -> None:
    base, head = two
    workshop = Workshop(at(tmp_path), Interfering(change))
    with pytest.raises(Refused) as refused:
        unpacked(workshop, repository.pack(base, head), base, head, tmp_path)
    assert refused.value.code == "pack_damaged"
    assert list((at(tmp_path).paths.upgrade_state / "building").iterdir()) == []


def test_a_link_in_place_of_the_result_is_not_followed(
    repository: Repository, two: tuple[str, str], tmp_path: Path
) -> None:
    base, head = two
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")

    def link(folder: Path) -> bool:
        (folder / RESULT).unlink()
        (folder / RESULT).symlink_to(secret)
        return True

    with pytest.raises(OSError, match="symbolic links"):
        unpacked(Workshop(at(tmp_path), Interfering(link)), repository.pack(base, head), base, head, tmp_path)


def test_a_pack_past_the_limit_is_refused_before_anybody_reads_it(
    repository: Repository, two: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, head = two
    monkeypatch.setattr(workshops, "PACK_BYTES_MAX", 20)
    with pytest.raises(TooLarge, match="more than 20 bytes"):
        unpacked(Workshop(at(tmp_path), ProcessTasks()), repository.pack(base, head), base, head, tmp_path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    read, write = os.pipe()
    try:
        with pytest.raises(InvalidInput, match="no regular file"):
            Workshop(at(tmp_path), ProcessTasks()).unpack(read, base="0" * 40, head="1" * 40)
    finally:
        os.close(read)
        os.close(write)


def test_what_an_engine_that_died_left_is_removed_by_the_next(tmp_path: Path) -> None:
    left = at(tmp_path).paths.upgrade_state / "building" / "build_1"
    left.mkdir(parents=True)
    (left / PACK).write_bytes(b"x")
    Workshop(at(tmp_path), ProcessTasks())
    assert list((at(tmp_path).paths.upgrade_state / "building").iterdir()) == []


def test_without_a_launcher_nothing_is_left_and_the_error_is_its_own(tmp_path: Path, repository: Repository) -> None:
    def away(folder: Path) -> bool:
        raise Unavailable("launcher_unavailable", "cannot reach the launcher: away")

    head = repository.commit({"a": b""}, "one")
    with pytest.raises(AttError, match="cannot reach the launcher"):
        unpacked(Workshop(at(tmp_path), Interfering(away)), repository.pack(head, head), head, head, tmp_path)
    assert list((at(tmp_path).paths.upgrade_state / "building").iterdir()) == []
