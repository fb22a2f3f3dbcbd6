from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.workspace.conftest import Call

Git = Callable[..., str]


@pytest.fixture
def committed(root: Path, git: Git) -> Path:
    (root / "a.txt").write_text("one\ntwo\n")
    (root / "b.txt").write_text("old\n")
    (root / ".gitignore").write_text("*.log\n")
    git("add", "-A")
    git("commit", "-q", "-m", "first")
    return root


def test_a_diff_is_unified_and_counts_the_lines(committed: Path, call: Call) -> None:
    (committed / "a.txt").write_text("one\n2\n")

    found = call("diff.compare")

    assert "--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n" in found["diff"]
    assert found["files"] == [{"path": "a.txt", "old_path": None, "added": 1, "deleted": 1, "binary": False}]
    assert found["truncated"] is False


def test_a_new_file_shows_as_additions_and_the_index_stays_as_it_was(committed: Path, call: Call, git: Git) -> None:
    (committed / "new.txt").write_text("new\nfile\n")
    before = git("status", "--porcelain")

    found = call("diff.compare")

    assert "--- /dev/null\n+++ b/new.txt\n@@ -0,0 +1,2 @@\n+new\n+file\n" in found["diff"]
    assert git("status", "--porcelain") == before == "?? new.txt\n"


def test_a_deleted_file_shows_as_removals(committed: Path, call: Call) -> None:
    (committed / "b.txt").unlink()
    assert "--- a/b.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-old\n" in call("diff.compare")["diff"]


def test_no_change_gives_an_empty_diff(committed: Path, call: Call) -> None:
    (committed / "ignored.log").write_text("x")
    assert call("diff.compare") == {"diff": "", "files": [], "truncated": False}


def test_two_revisions_are_compared(committed: Path, call: Call, git: Git) -> None:
    (committed / "a.txt").write_text("second\n")
    git("commit", "-q", "-am", "second")
    (committed / "a.txt").write_text("third\n")

    assert "+second\n" in call("diff.compare", base="HEAD~1", head="HEAD")["diff"]
    assert "-one\n" in call("diff.compare", base="HEAD~1")["diff"]
    assert call("diff.compare", base="HEAD")["diff"] == call("diff.compare")["diff"]


def test_only_the_named_paths_are_compared(committed: Path, call: Call) -> None:
    (committed / "a.txt").write_text("x")
    (committed / "b.txt").write_text("x")
    assert [file["path"] for file in call("diff.compare", paths=["b.txt"])["files"]] == ["b.txt"]


def test_a_project_without_a_commit_shows_all_its_files_as_new(root: Path, call: Call, git: Git) -> None:
    (root / "a.txt").write_text("a\n")
    assert "+a\n" in call("diff.compare")["diff"]


def test_a_revision_that_is_none_and_a_project_without_a_repository_are_told(root: Path, refusal: Call) -> None:
    assert refusal("diff.compare") == "git_missing"


def test_a_revision_that_is_none_is_refused(committed: Path, refusal: Call) -> None:
    assert refusal("diff.compare", base="nowhere") not in ("ok", "internal")
    assert refusal("diff.compare", base="--output=/tmp/x") not in ("ok", "internal")


def test_a_comparison_runs_nothing_of_the_repository_s_configuration(committed: Path, call: Call, git: Git) -> None:
    witness = committed.parent / "ran"
    for name in ("core.fsmonitor", "diff.external", "diff.trap.textconv", "diff.trap.command"):
        git("config", name, f"touch {witness}; true")
    (committed / ".gitattributes").write_text("*.txt diff=trap\n")
    (committed / "a.txt").write_text("changed\n")
    call("diff.compare")
    call("tree.entries")
    assert not witness.exists()
