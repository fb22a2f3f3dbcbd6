"""Worktrees taken in from archives and given out as archives: whole, and nothing outside, however hostile they are."""

import io
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.agents import InProcessAgents
from tests.unit.projects.world import archive

from att.kernel.errors import AttError, InvalidInput, TooLarge, Unavailable
from att.projects.transfer import give_out, pieces, take_in
from att.workspace.place import Place
from att.workspace.verbs.archive import usage
from att.workspace.verbs.unpacking import members, unpack

pytestmark = pytest.mark.anyio
BYTES_MAX, FILES_MAX = 1_000_000, 100


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place("prj_1", "bot", tmp_path / "prj_1")
    for folder in (made.work, made.home):
        folder.mkdir(parents=True)
    return made


async def _take_in(place: Place, data: bytes, *, bytes_max: int = BYTES_MAX) -> str:
    try:
        await take_in(InProcessAgents(), place, pieces(data), bytes_max=bytes_max, files_max=FILES_MAX)
    except AttError as error:
        return error.code
    return "ok"


async def _give_out(place: Place, *, history: bool = False) -> bytes:
    return b"".join([chunk async for chunk in give_out(InProcessAgents(), place, history=history)])


def _files(place: Place) -> dict[str, str]:
    paths = (path for path in sorted(place.work.rglob("*")) if path.is_file())
    return {path.relative_to(place.work).as_posix(): path.read_text() for path in paths}


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _tar(*entries: tarfile.TarInfo, mode: str = "w:xz") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as tar:  # type: ignore[call-overload]  # the mode is a variable
        for entry in entries:
            tar.addfile(entry, io.BytesIO(b"x" * entry.size))
    return packed.getvalue()


def _entry(name: str, kind: bytes = tarfile.REGTYPE, *, target: str = "", size: int = 1) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = kind, target, size if kind == tarfile.REGTYPE else 0
    return entry


def _zip(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100755 << 16
            made.writestr(info, data)
        for name, target in (links or {}).items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o120777 << 16
            made.writestr(info, target)
    return packed.getvalue()


async def test_a_worktree_goes_out_and_comes_in_as_it_was(place: Place, tmp_path: Path) -> None:
    (place.work / "src").mkdir()
    (place.work / "src/main.py").write_text("print()\n" * 100_000)
    (place.work / "run.sh").write_text("#!/bin/sh\n")
    (place.work / "run.sh").chmod(0o755)
    (place.work / "link").symlink_to("src/main.py")
    packed = await _give_out(place)
    other = Place("prj_2", "other", tmp_path / "prj_2")
    other.work.mkdir(parents=True)
    (other.work / "stale").write_text("from before")
    assert await _take_in(other, packed) == "ok"
    assert _files(other) == _files(place)
    assert (other.work / "link").readlink() == Path("src/main.py")
    assert os.access(other.work / "run.sh", os.X_OK)
    assert not os.access(other.work / "src/main.py", os.X_OK)


async def test_history_goes_out_when_wished_and_comes_in_without_what_could_run(place: Place) -> None:
    for name in (".git/HEAD", ".git/config", ".git/hooks/post-checkout", ".git/objects/ab/cd", "a", "sub/.git/config"):
        (place.work / name).parent.mkdir(parents=True, exist_ok=True)
        (place.work / name).write_text(name)
    without, with_it = await _give_out(place), await _give_out(place, history=True)
    assert await _take_in(place, without) == "ok"
    assert set(_files(place)) == {"a"}
    assert await _take_in(place, with_it) == "ok"
    assert set(_files(place)) == {"a", ".git/HEAD", ".git/objects/ab/cd"}


async def test_what_can_be_made_again_is_not_exported(place: Place) -> None:
    for name in ("a", ".venv/bin/python", "node_modules/x/y.js", "src/__pycache__/a.pyc"):
        (place.work / name).parent.mkdir(parents=True, exist_ok=True)
        (place.work / name).write_text(name)
    os.mkfifo(place.work / "pipe")
    assert await _take_in(place, await _give_out(place)) == "ok"
    assert set(_files(place)) == {"a"}


async def test_a_single_folder_around_everything_is_left_out(place: Place) -> None:
    assert await _take_in(place, archive({"bot-1.0/a": "1", "bot-1.0/b/c": "2"})) == "ok"
    assert _files(place) == {"a": "1", "b/c": "2"}


async def test_a_zip_is_taken_in_with_its_links_and_modes(place: Place) -> None:
    assert await _take_in(place, _zip({"a/run": b"1", "b": b"2"}, {"link": "b"})) == "ok"
    assert _files(place) == {"a/run": "1", "b": "2", "link": "2"}
    assert os.access(place.work / "a/run", os.X_OK)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "absolute": lambda: _tar(_entry("/tmp/att-out")),
    "climbing": lambda: _tar(_entry("a"), _entry("../../att-out")),
    "climbing zip": lambda: _zip({"a": b"1", "../att-out": b"1"}),
    "hard link": lambda: _tar(_entry("a"), _entry("b", tarfile.LNKTYPE, target="/etc/passwd")),
    "device": lambda: _tar(_entry("a"), _entry("b", tarfile.CHRTYPE)),
    "fifo": lambda: _tar(_entry("a"), _entry("b", tarfile.FIFOTYPE)),
    "twice": lambda: _tar(_entry("a"), _entry("a")),
    "file as folder": lambda: _tar(_entry("a"), _entry("a/b")),
    "link without a target": lambda: _tar(_entry("a"), _entry("b", tarfile.SYMTYPE)),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_archive_is_refused_and_writes_nothing_outside(
    place: Place, tmp_path: Path, data: Callable[[], bytes]
) -> None:
    assert await _take_in(place, data()) == "archive_hostile"
    assert _names(tmp_path) == ["prj_1"]
    assert _names(place.folder) == ["home", "work"]


async def test_nothing_is_written_through_a_link_of_the_archive(place: Place, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    through = _tar(_entry("x"), _entry("out", tarfile.SYMTYPE, target=str(outside)), _entry("out/file"))
    assert await _take_in(place, through) == "archive_hostile"
    assert _names(outside) == []
    kept = _tar(_entry("x"), _entry("out", tarfile.SYMTYPE, target=str(outside)))
    assert await _take_in(place, kept) == "ok"
    assert (place.work / "out").readlink() == outside


@pytest.mark.parametrize(
    "data",
    [b"", b"no archive at all", archive({"a": "1" * 9000})[:-40], b"PK\x03\x04 no zip", b"\x1f\x8b\x08 no gzip"],
    ids=["empty", "text", "cut short", "no zip", "no gzip"],
)
async def test_what_is_no_archive_is_refused(place: Place, data: bytes) -> None:
    assert await _take_in(place, data) == "archive_unreadable"


async def test_an_archive_larger_than_agreed_is_refused_whatever_it_declares(place: Place) -> None:
    assert await _take_in(place, archive({"a": "0" * 20_000}), bytes_max=10_000) == "archive_too_large"
    assert await _take_in(place, os.urandom(20_000), bytes_max=10_000) == "archive_too_large"
    assert await _take_in(place, archive({f"f{n}": "" for n in range(FILES_MAX + 1)})) == "archive_too_large"
    liar = bytearray(_zip({"a": b"0" * 20_000, "b": b"1"}))
    end = liar.rindex(b"PK\x01\x02", 0, liar.rindex(b"PK\x01\x02"))
    liar[end + 24 : end + 28] = (10).to_bytes(4, "little")
    assert await _take_in(place, bytes(liar), bytes_max=10_000) in ("archive_too_large", "archive_unreadable")


async def test_a_sender_that_breaks_off_is_no_end_of_the_archive(place: Place) -> None:
    data = archive({"a": "1"})

    def breaking() -> Iterator[bytes]:
        yield data[:10]
        raise ConnectionResetError

    (place.work / "kept").write_text("x")
    with pytest.raises(Unavailable, match="connection"):
        await take_in(InProcessAgents(), place, breaking(), bytes_max=BYTES_MAX, files_max=FILES_MAX)
    assert set(_files(place)) == {"kept"}


@given(st.binary(max_size=3000))
def test_no_bytes_break_the_unpacking(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    top, codes = os.open(folder, os.O_PATH | os.O_DIRECTORY), set[str]()
    try:
        unpack(top, members(io.BytesIO(data), BYTES_MAX, FILES_MAX), BYTES_MAX)
    except InvalidInput as error:
        codes = {error.code}
    except TooLarge as error:
        codes = {error.code}
    finally:
        os.close(top)
    assert codes <= {"archive_unreadable", "archive_hostile", "archive_too_large"}


def test_usage_counts_each_part_once(place: Place) -> None:
    (place.work / "a").write_bytes(b"x" * 40_000)
    os.link(place.work / "a", place.work / "b")
    (place.home / "link").symlink_to("/usr")
    found = usage(place.work, {})
    assert found["complete"] is True
    assert 40_000 <= found["parts"]["work"] < 60_000
    assert found["parts"]["home"] < 10_000
