"""What runs as the building user: it ends with its reason in one file, within limits that it checks itself."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.repositories import Repository

from att.entrypoints import build
from att.kernel.errors import Failed, Refused
from att.upgrade.building import unpacking
from att.upgrade.building.bench import Bench
from att.upgrade.building.job import PACK, PROBLEM, RESULT, SOURCES, JobFailed, read_frames, write_frame

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\n"), min_size=1, max_size=80)


@given(st.lists(st.tuples(NAMES, st.binary(max_size=200)), max_size=6))
def test_files_come_out_of_frames_as_they_went_in(files: list[tuple[str, bytes]]) -> None:
    written = io.BytesIO()
    for name, content in files:
        write_frame(written, name, content)
    written.seek(0)
    assert list(read_frames(written, bytes_max=200)) == files


@pytest.mark.parametrize(
    "raw",
    [b"3 a\nxyz", b"3 a\nxy", b"3 a\nxyz\n\n", b"a\n", b"-1 a\n\n", b"300 a\n", b"1 \n\n", b"1 \xff\nx\n", b"0 a"],
)
def test_what_are_no_frames_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"list of files|codec"):
        list(read_frames(io.BytesIO(raw), bytes_max=200))


def test_a_job_without_anything_to_do_says_so(tmp_path: Path) -> None:
    assert build.main([str(tmp_path)]) == 1
    assert (tmp_path / PROBLEM).read_bytes() == b"there is nothing to do"


def test_sources_are_compiled_and_a_bad_one_is_named(tmp_path: Path) -> None:
    with (tmp_path / SOURCES).open("wb") as file:
        write_frame(file, "att/good.py", b"A = 1\n")
    assert build.main([str(tmp_path)]) == 0
    with (tmp_path / RESULT).open("rb") as result:
        assert [name for name, _ in read_frames(result, bytes_max=10_000)] == ["att/good.py"]
    with (tmp_path / SOURCES).open("ab") as file:
        write_frame(file, "att/bad.py", b"A = \n")
    assert build.main([str(tmp_path)]) == 1
    assert (tmp_path / PROBLEM).read_text().startswith("att/bad.py, line 1: ")


@pytest.mark.parametrize(("limit", "most"), [("OBJECTS_MAX", 2), ("ALL_BYTES_MAX", 20), ("OBJECT_BYTES_MAX", 8)])
def test_a_pack_that_unpacks_to_too_much_is_not_written_out(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    head = repository.commit({"a": b"0123456789" * 10}, "one")
    (tmp_path / PACK).write_bytes(repository.pack(head, head))
    monkeypatch.setattr(unpacking, limit, most)
    with pytest.raises(JobFailed, match="too much"):
        unpacking.unpack(tmp_path)
    assert not (tmp_path / RESULT).exists()


def test_a_pack_past_gits_own_limit_is_refused(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = repository.commit({"a": b"1"}, "one")
    (tmp_path / PACK).write_bytes(repository.pack(head, head))
    monkeypatch.setattr(unpacking, "PACK_BYTES_MAX", 40)
    with pytest.raises(JobFailed, match="pack exceeds maximum allowed size"):
        unpacking.unpack(tmp_path)


def test_a_git_that_cannot_be_started_or_does_not_end_has_its_own_word(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / PACK).write_bytes(b"")
    monkeypatch.setattr(unpacking, "_ENVIRONMENT", {"PATH": str(tmp_path)})
    with pytest.raises(JobFailed, match="git init: FileNotFoundError"):
        unpacking.unpack(tmp_path)


class Silent:
    """Jobs that fail without a word, or with words that no terminal should get."""

    def __init__(self, user: str | None, said: bytes) -> None:
        self.user = user
        self.said = said

    def run(self, folder: Path) -> bool:
        (folder / PROBLEM).write_bytes(self.said)
        return False


@pytest.mark.parametrize(
    ("said", "told"), [(b"", "its task did not say why"), (b"\x1b[31mbad\n\xff", "[31mbad \ufffd")], ids=["none", "odd"]
)
def test_a_failed_jobs_words_are_told_without_what_moves_a_terminal(tmp_path: Path, said: bytes, told: str) -> None:
    with pytest.raises(Refused) as refused, Bench(tmp_path, Silent(None, said)).done("try it", PACK, lambda _: None):
        pass
    assert refused.value.detail == f"cannot try it: {told}"
    assert list(tmp_path.iterdir()) == []


def test_without_its_user_no_job_begins(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Silent("att-nobody-here", b""))
    with pytest.raises(Failed, match="there is no user att-nobody-here"), bench.done("try", PACK, lambda _: None):
        pass
    assert list(tmp_path.iterdir()) == []
