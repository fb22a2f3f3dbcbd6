import base64
import hashlib
import os
import stat
from pathlib import Path

import pytest
from tests.unit.workspace.conftest import Call

from att.kernel.errors import Conflict
from att.workspace.verbs.files import READ_BYTES_MAX, WRITE_BYTES_MAX


def names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_file_is_read_with_its_content_size_and_hash(root: Path, call: Call) -> None:
    (root / "a.txt").write_text("naïve\n")

    found = call("files.read", path="a.txt")

    data = "naïve\n".encode()
    assert found == {
        "path": "a.txt",
        "content": "naïve\n",
        "encoding": "utf-8",
        "bytes": len(data),
        "offset": 0,
        "truncated": False,
        "sha256": sha(data),
        "executable": False,
    }


def test_a_file_that_does_not_exist_is_not_found(refusal: Call) -> None:
    assert refusal("files.read", path="none.txt") == "file_unknown"


@pytest.mark.parametrize("data", [b"\xff\xfe\x00\x01", b"text with a zero\x00byte", b"M\xfcller"])
def test_what_is_no_text_is_read_as_base64(root: Path, call: Call, data: bytes) -> None:
    (root / "a.bin").write_bytes(data)

    found = call("files.read", path="a.bin")

    assert found["encoding"] == "base64"
    assert base64.b64decode(found["content"]) == data


def test_a_part_of_a_file_is_read_with_the_hash_of_the_whole(root: Path, call: Call) -> None:
    (root / "a.txt").write_text("0123456789")

    found = call("files.read", path="a.txt", offset=3, length=4)

    assert (found["content"], found["truncated"], found["bytes"]) == ("3456", True, 10)
    assert found["sha256"] == sha(b"0123456789")
    assert call("files.read", path="a.txt", offset=100)["content"] == ""


@pytest.mark.parametrize(("offset", "length"), [(-1, 1), (0, -1), (0, READ_BYTES_MAX + 1)])
def test_a_range_beyond_the_limits_is_refused(root: Path, refusal: Call, offset: int, length: int) -> None:
    (root / "a.txt").write_text("text")
    assert refusal("files.read", path="a.txt", offset=offset, length=length) == "invalid_input"


@pytest.mark.parametrize("path", ["../outside/secret", "a/../../outside/secret", "/etc/passwd", "//etc/passwd", ".."])
def test_a_path_outside_the_project_is_refused(refusal: Call, path: str) -> None:
    assert refusal("files.read", path=path) == "path_outside"
    assert refusal("files.write", path=path, content="x") == "path_outside"
    assert refusal("files.delete", path=path) == "path_outside"
    assert refusal("files.move", path=path, target="here") == "path_outside"


def test_a_link_that_leads_out_of_the_project_is_refused(root: Path, refusal: Call) -> None:
    (root / "mine").write_text("mine")
    (root / "file").symlink_to(root.parent / "outside" / "secret")
    (root / "folder").symlink_to("../outside")
    (root / "proc").symlink_to("/proc/self/root")

    for path in ("file", "folder/secret", "proc/etc/passwd"):
        assert refusal("files.read", path=path) == "path_outside"
        assert refusal("files.write", path=path, content="x") == "path_outside"
    assert refusal("files.write", path="folder/new", content="x") == "path_outside"
    assert refusal("files.delete", path="folder/secret") == "path_outside"
    assert refusal("files.move", path="mine", target="folder/mine") == "path_outside"
    assert (root.parent / "outside" / "secret").read_text() == "secret"
    assert names(root.parent / "outside") == ["secret"]


def test_links_that_stay_inside_are_followed(root: Path, call: Call) -> None:
    (root / "src").mkdir()
    (root / "src" / "a.txt").write_text("old")
    (root / "link").symlink_to("src/a.txt")
    (root / "folder").symlink_to("src")

    assert call("files.read", path="link")["content"] == "old"
    assert call("files.write", path="folder/a.txt", content="new")["path"] == "src/a.txt"
    assert (root / "link").is_symlink()
    assert call("files.read", path="link")["content"] == "new"


def test_a_link_to_nothing_is_not_written_through(root: Path, refusal: Call) -> None:
    (root / "link").symlink_to("nothing")
    assert refusal("files.write", path="link", content="x") == "path_invalid"


@pytest.mark.parametrize("path", ["a\0b", "x" * 256, "/".join(["d" * 200] * 30), "a\ud800"])
def test_a_path_that_no_file_can_have_is_refused(refusal: Call, path: str) -> None:
    assert refusal("files.read", path=path) == "path_invalid"
    assert refusal("files.write", path=path, content="x") == "path_invalid"


@pytest.mark.parametrize("path", ["", ".", "folder"])
def test_a_folder_is_no_file(root: Path, refusal: Call, path: str) -> None:
    (root / "folder").mkdir()
    assert refusal("files.read", path=path) == "file_kind"
    assert refusal("files.write", path=path, content="x") in ("file_kind", "path_invalid")


def test_a_pipe_in_place_of_a_file_holds_up_nobody(root: Path, refusal: Call) -> None:
    os.mkfifo(root / "pipe")
    assert refusal("files.read", path="pipe") == "file_kind"
    assert refusal("files.write", path="pipe", content="x") == "file_kind"


def test_a_new_file_is_made_with_the_folders_above_it(root: Path, call: Call) -> None:
    done = call("files.write", path="a/b/c.txt", content="new")

    assert done == {"path": "a/b/c.txt", "bytes": 3, "sha256": sha(b"new"), "created": True}
    assert (root / "a" / "b" / "c.txt").read_text() == "new"


def test_a_file_that_is_there_is_replaced_and_keeps_its_mode(root: Path, call: Call) -> None:
    (root / "run.sh").write_text("old")
    (root / "run.sh").chmod(0o750)

    assert call("files.write", path="run.sh", content="new")["created"] is False
    assert (root / "run.sh").read_text() == "new"
    assert stat.S_IMODE((root / "run.sh").stat().st_mode) == 0o750


def test_the_right_to_execute_is_set_and_taken(root: Path, call: Call) -> None:
    call("files.write", path="run.sh", content="x", executable=True)
    assert stat.S_IMODE((root / "run.sh").stat().st_mode) == 0o755
    call("files.write", path="run.sh", content="x", executable=False)
    assert stat.S_IMODE((root / "run.sh").stat().st_mode) == 0o644


def test_an_empty_file_may_be_written(root: Path, call: Call) -> None:
    assert call("files.write", path="empty", content="")["bytes"] == 0
    assert (root / "empty").read_bytes() == b""


def test_a_very_large_content_is_written_whole(root: Path, call: Call) -> None:
    content = "line of text\n" * (WRITE_BYTES_MAX // 13)
    assert call("files.write", path="large", content=content)["sha256"] == sha(content.encode())
    assert (root / "large").stat().st_size == len(content)


def test_a_content_above_the_limit_is_refused(root: Path, refusal: Call) -> None:
    assert refusal("files.write", path="large", content="x" * (WRITE_BYTES_MAX + 1)) == "file_too_large"
    assert names(root) == []


def test_binary_content_is_written_as_base64(root: Path, call: Call, refusal: Call) -> None:
    call("files.write", path="a.bin", content=base64.b64encode(b"\x00\xff").decode(), encoding="base64")
    assert (root / "a.bin").read_bytes() == b"\x00\xff"
    for wrong in ("not base64", "bäse64", "A"):
        assert refusal("files.write", path="a.bin", content=wrong, encoding="base64") == "invalid_input"
    assert refusal("files.write", path="a.bin", content="x", encoding="latin-1") == "invalid_input"


def test_a_write_that_expects_another_content_is_refused_with_the_actual_hash(root: Path, call: Call) -> None:
    (root / "a.txt").write_text("theirs")

    with pytest.raises(Conflict) as refused:
        call("files.write", path="a.txt", content="mine", expected=sha(b"before"))

    assert refused.value.code == "file_changed"
    assert refused.value.data == {"expected": sha(b"before"), "actual": sha(b"theirs")}
    assert (root / "a.txt").read_text() == "theirs"
    assert call("files.write", path="a.txt", content="mine", expected=sha(b"theirs"))["created"] is False


def test_a_write_that_expects_no_file_makes_one_once(call: Call, refusal: Call) -> None:
    assert call("files.write", path="a.txt", content="x", expected="absent")["created"] is True
    assert refusal("files.write", path="a.txt", content="y", expected="absent") == "file_changed"
    assert refusal("files.write", path="b.txt", content="y", expected=sha(b"")) == "file_changed"


def test_nothing_is_left_beside_a_file_that_could_not_be_written(root: Path, refusal: Call) -> None:
    (root / "folder" / "full").mkdir(parents=True)
    assert refusal("files.write", path="folder/full", content="x") == "file_kind"
    assert names(root / "folder") == ["full"]


@pytest.mark.parametrize("repository", [True, False])
def test_a_file_has_its_name_only_once_it_is_whole(
    root: Path, call: Call, monkeypatch: pytest.MonkeyPatch, *, repository: bool
) -> None:
    if repository:
        (root / ".git").mkdir()
    seen: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.extend(names(root)))

    call("files.write", path="a.txt", content="text")

    assert "a.txt" not in seen
    assert len(seen) == 1
    assert (seen == [".git"]) is repository
    assert sorted(names(root)) == ([".git"] if repository else []) + ["a.txt"]
    assert not repository or names(root / ".git") == []


@pytest.mark.parametrize("path", [".git/config", ".git", ".GIT/hooks/pre-commit", "./.git/config"])
def test_what_git_keeps_is_not_changed(root: Path, refusal: Call, path: str) -> None:
    (root / ".git").mkdir()
    (root / "a").write_text("a")
    assert refusal("files.write", path=path, content="x") == "path_reserved"
    assert refusal("files.delete", path=path, recursive=True) == "path_reserved"
    assert refusal("files.move", path=path, target="b") == "path_reserved"
    assert refusal("files.move", path="a", target=path) == "path_reserved"


def test_what_git_keeps_is_not_changed_through_a_link(root: Path, refusal: Call) -> None:
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("kept")
    (root / "link").symlink_to(".git")
    assert refusal("files.write", path="link/config", content="x") == "path_reserved"
    assert refusal("files.delete", path="link/config") == "path_reserved"


def test_a_file_is_moved_and_the_folders_above_its_new_place_are_made(root: Path, call: Call) -> None:
    (root / "a.txt").write_text("text")
    assert call("files.move", path="a.txt", target="x/y/b.txt") == {"path": "a.txt", "target": "x/y/b.txt"}
    assert (root / "x" / "y" / "b.txt").read_text() == "text"
    assert not (root / "a.txt").exists()


def test_a_move_replaces_nothing_unless_it_may(root: Path, call: Call, refusal: Call) -> None:
    (root / "a").write_text("a")
    (root / "b").write_text("b")
    assert refusal("files.move", path="a", target="b") == "file_exists"
    assert (root / "b").read_text() == "b"
    call("files.move", path="a", target="b", overwrite=True)
    assert (root / "b").read_text() == "a"


def test_a_move_of_nothing_makes_no_folder(root: Path, refusal: Call) -> None:
    assert refusal("files.move", path="none", target="x/y") == "file_unknown"
    assert names(root) == []


def test_a_folder_is_not_moved_into_itself(root: Path, refusal: Call) -> None:
    (root / "a").mkdir()
    assert refusal("files.move", path="a", target="a/b") == "path_invalid"


def test_a_link_is_moved_and_deleted_itself_not_what_it_names(root: Path, call: Call) -> None:
    (root / "file").write_text("kept")
    (root / "link").symlink_to("file")
    (root / "out").symlink_to(root.parent / "outside")
    call("files.move", path="link", target="moved")
    assert (root / "moved").is_symlink()
    call("files.delete", path="moved")
    call("files.delete", path="out", recursive=True)
    assert (root / "file").read_text() == "kept"
    assert (root.parent / "outside" / "secret").read_text() == "secret"


def test_a_folder_with_content_is_deleted_only_when_that_is_said(root: Path, call: Call, refusal: Call) -> None:
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "c").write_text("c")
    assert refusal("files.delete", path="a") == "folder_not_empty"
    call("files.delete", path="a", recursive=True)
    assert names(root) == []
    assert refusal("files.delete", path="a") == "file_unknown"


@pytest.mark.parametrize("arguments", [{}, {"path": 7}, {"path": "a", "offset": "1"}, {"path": "a", "length": True}])
def test_arguments_of_another_type_are_refused(refusal: Call, arguments: dict[str, object]) -> None:
    assert refusal("files.read", **arguments) == "invalid_input"
