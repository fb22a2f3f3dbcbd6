import subprocess
from pathlib import Path

import pytest
from dev.bundle.identity import CannotBuild, identify, input_files, version_of

from att.release.version import parse_version

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def git(folder: Path, *words: str) -> str:
    author = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *author, *words], cwd=folder, check=True, capture_output=True, text=True, timeout=30)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("one = 1\n")
    (tmp_path / ".gitignore").write_text("*.log\n")
    commit(tmp_path)
    return tmp_path


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", "a change")


@pytest.mark.parametrize(
    ("tag", "behind", "changes", "version"),
    [
        (None, 5, "", "0.1.0.dev5+g012345678"),
        (None, 5, "feedfacecafe", "0.1.0.dev5+g012345678.dfeedface"),
        ("0.1.0", 0, "", "0.1.0"),
        ("0.1.0", 0, "feedfacecafe", "0.1.1.dev0+g012345678.dfeedface"),
        ("0.1.9", 3, "", "0.1.10.dev3+g012345678"),
    ],
)
def test_the_version_follows_tag_distance_and_changes(tag: str | None, behind: int, changes: str, version: str) -> None:
    assert version_of(tag, behind, commit=COMMIT, changes=changes) == version
    assert parse_version(version)


def test_a_build_without_nat_says_so_in_its_version() -> None:
    assert version_of("0.1.0", 0, commit=COMMIT, changes="", nat=False) == "0.1.1.dev0+g012345678.lean"
    version = version_of(None, 5, commit=COMMIT, changes="feedfacecafe", nat=False)
    assert version == "0.1.0.dev5+g012345678.dfeedface.lean"
    assert parse_version(version)


def test_nat_is_in_every_build_but_a_lean_one_which_is_no_release(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = identify(checkout, release=False)
    assert full.nat
    assert full.version == identify(checkout, release=True).version
    monkeypatch.setenv("ATT_LEAN", "1")
    assert not identify(checkout, release=False).nat
    assert identify(checkout, release=True).nat


def test_a_checkout_without_tag_counts_its_commits(checkout: Path) -> None:
    commit(checkout)
    found = identify(checkout, release=True)
    assert found.version == f"0.1.0.dev2+g{found.commit[:9]}"
    assert found.time == int(git(checkout, "log", "-1", "--format=%ct"))
    assert not found.dirty


def test_a_tagged_commit_has_the_tags_version(checkout: Path) -> None:
    git(checkout, "tag", "0.2.0")
    assert identify(checkout, release=True).version == "0.2.0"
    commit(checkout)
    assert identify(checkout, release=True).version.startswith("0.2.1.dev1+g")


def test_merged_commits_are_counted_once(checkout: Path) -> None:
    git(checkout, "tag", "0.2.0")
    git(checkout, "switch", "-q", "-c", "side")
    commit(checkout)
    commit(checkout)
    git(checkout, "switch", "-q", "main")
    git(checkout, "merge", "-q", "--no-ff", "-m", "merge", "side")
    assert identify(checkout, release=True).version.startswith("0.2.1.dev1+g")


def test_a_change_makes_another_version_and_going_back_the_same(checkout: Path) -> None:
    clean = identify(checkout, release=False)
    (checkout / "src" / "b.py").write_text("two = 2\n")
    first = identify(checkout, release=False)
    (checkout / "src" / "b.py").write_text("three = 3\n")
    second = identify(checkout, release=False)
    (checkout / "src" / "b.py").unlink()
    assert first.dirty
    assert len({clean.version, first.version, second.version}) == 3
    assert identify(checkout, release=False) == clean


def test_a_change_of_what_no_bundle_holds_makes_no_other_version(checkout: Path) -> None:
    clean = identify(checkout, release=False)
    (checkout / "notes.txt").write_text("hello\n")
    (checkout / "src" / "build.log").write_text("ignored\n")
    assert identify(checkout, release=False) == clean


def test_a_release_is_not_built_from_a_changed_checkout(checkout: Path) -> None:
    (checkout / "notes.txt").write_text("hello\n")
    with pytest.raises(CannotBuild, match="has changes"):
        identify(checkout, release=True)


def test_a_release_is_not_built_from_a_shallow_clone(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    commit(checkout)
    shallow = tmp_path_factory.mktemp("shallow")
    git(shallow, "clone", "-q", "--depth", "1", f"file://{checkout}", "clone")
    with pytest.raises(CannotBuild, match="shallow"):
        identify(shallow / "clone", release=True)


def test_what_git_does_not_know_cannot_be_built(tmp_path: Path) -> None:
    with pytest.raises(CannotBuild, match="cannot ask git"):
        identify(tmp_path, release=False)


def test_the_input_is_what_git_does_not_ignore(checkout: Path) -> None:
    (checkout / "src" / "b.py").write_text("")
    (checkout / "src" / "b.log").write_text("")
    (checkout / "other").mkdir()
    (checkout / "other" / "c.py").write_text("")
    assert input_files(checkout) == ["src/a.py", "src/b.py"]
