import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.workspace.conftest import Call

Git = Callable[..., str]


def paths(found: dict[str, list[dict[str, str]]]) -> list[str]:
    return [entry["path"] for entry in found["entries"]]


@pytest.fixture
def files(root: Path, git: Git) -> Path:
    (root / "src" / "app").mkdir(parents=True)
    (root / "src" / "app" / "main.py").write_text("import os\n")
    (root / "empty").mkdir()
    (root / "build").mkdir()
    (root / "build" / "out.bin").write_text("x")
    (root / "notes.log").write_text("x")
    (root / ".gitignore").write_text("build/\n*.log\n")
    return root


def test_the_tree_lists_folders_before_their_content(files: Path, call: Call) -> None:
    found = call("tree.entries")

    assert found == {
        "entries": [
            {"path": "empty", "kind": "folder", "bytes": None},
            {"path": "src", "kind": "folder", "bytes": None},
            {"path": "src/app", "kind": "folder", "bytes": None},
            {"path": "src/app/main.py", "kind": "file", "bytes": 10},
        ],
        "truncated": False,
    }


def test_the_tree_respects_gitignore_unless_told_otherwise(files: Path, call: Call) -> None:
    assert "notes.log" not in paths(call("tree.entries"))
    everything = paths(call("tree.entries", ignored=True))
    assert {"notes.log", "build", "build/out.bin"} <= set(everything)


def test_an_ignored_file_that_git_knows_is_listed(files: Path, call: Call, git: Git) -> None:
    git("add", "-f", "notes.log")
    assert "notes.log" in paths(call("tree.entries"))


def test_hidden_files_are_listed_when_asked_for_and_git_s_own_never(files: Path, call: Call) -> None:
    assert ".gitignore" not in paths(call("tree.entries"))
    hidden = paths(call("tree.entries", hidden=True, ignored=True))
    assert ".gitignore" in hidden
    assert not [path for path in hidden if path.startswith(".git/") or path == ".git"]


def test_the_tree_of_a_folder_is_listed_alone(files: Path, call: Call) -> None:
    assert paths(call("tree.entries", path="src/app")) == ["src/app/main.py"]


def test_the_tree_is_cut_at_its_limit(files: Path, call: Call) -> None:
    found = call("tree.entries", limit=2)
    assert (len(found["entries"]), found["truncated"]) == (2, True)


def test_a_project_without_a_repository_has_a_tree_too(root: Path, call: Call) -> None:
    (root / "a").write_text("a")
    assert paths(call("tree.entries")) == ["a"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("../outside", "path_outside"),
        ("/", "path_outside"),
        ("out", "path_outside"),
        ("none", "file_unknown"),
        (".git", "path_reserved"),
        ("src/app/main.py", "file_unknown"),
    ],
)
def test_a_tree_begins_at_a_folder_of_the_project(files: Path, refusal: Call, path: str, code: str) -> None:
    (files / "out").symlink_to("../outside")
    assert refusal("tree.entries", path=path) == code
    assert refusal("search.lines", path=path, query="x") == code


def test_links_are_listed_and_not_entered(files: Path, call: Call) -> None:
    (files / "out").symlink_to("../outside")
    (files / "circle").symlink_to(".")
    found = {entry["path"]: entry["kind"] for entry in call("tree.entries")["entries"]}
    assert (found["out"], found["circle"]) == ("link", "link")
    assert not [path for path in found if path.startswith(("out/", "circle/"))]


def test_a_name_that_is_no_text_is_listed_with_escapes(root: Path, call: Call) -> None:
    (root / os.fsdecode(b"M\xfcller")).write_text("x")
    assert paths(call("tree.entries")) == ["M\\xfcller"]


def test_a_watch_begins_now_and_tells_what_changed_since(files: Path, call: Call) -> None:
    begin = call("tree.changes")
    assert begin["changes"] == []
    (files / "src" / "app" / "main.py").write_text("changed")
    (files / "src" / "new.py").write_text("new")

    found = call("tree.changes", cursor=begin["cursor"])

    changed = {change["path"]: change["kind"] for change in found["changes"]}
    assert changed == {"src": "folder", "src/app/main.py": "file", "src/new.py": "file"}
    assert call("tree.changes", cursor=found["cursor"])["changes"] == []


def test_a_file_that_was_deleted_shows_as_a_change_of_its_folder(files: Path, call: Call) -> None:
    begin = call("tree.changes")["cursor"]
    (files / "src" / "app" / "main.py").unlink()
    assert [change["path"] for change in call("tree.changes", cursor=begin)["changes"]] == ["src/app"]


def test_a_watch_goes_on_exactly_after_any_change(files: Path, call: Call) -> None:
    begin = call("tree.changes")["cursor"]
    for number in range(20):
        (files / f"file{number}").write_text("x")
    whole = call("tree.changes", cursor=begin)["changes"]

    one_by_one, cursor = [], begin
    while page := call("tree.changes", cursor=cursor, limit=1)["changes"]:
        one_by_one += page
        cursor = page[0]["cursor"]

    assert one_by_one == whole
    assert {f"file{number}" for number in range(20)} <= {change["path"] for change in whole}


@pytest.mark.parametrize("cursor", ["x", "12", ":a", "-1:a", "1" * 30 + ":"])
def test_a_cursor_of_something_else_is_refused(root: Path, refusal: Call, cursor: str) -> None:
    assert refusal("tree.changes", cursor=cursor) == "invalid_input"
