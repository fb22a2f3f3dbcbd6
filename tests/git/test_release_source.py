"""Releases by git: the tip of a repository and its first parent."""

from pathlib import Path

from tests.fakes.forging import plain_git as git

from att.upgrade.release_sources import GitSource, commits_in


def test_the_tip_is_deployed_and_its_first_parent_is_the_way_back(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    source = GitSource(commits_in(tmp_path))
    assert source.read() is None
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    first = git(tmp_path, "rev-parse", "HEAD").strip()
    alone = source.read()
    assert alone is not None
    assert (alone.deployed_release_id, alone.rollback_release_id) == (first, None)
    git(tmp_path, "checkout", "-q", "-b", "side")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "beside")
    git(tmp_path, "checkout", "-q", "main")
    git(tmp_path, "merge", "-q", "--no-ff", "-m", "second", "side")
    found = source.read()
    assert found is not None
    assert found.deployed_release_id == git(tmp_path, "rev-parse", "HEAD").strip()
    assert (found.rollback_release_id, found.previous_release_id) == (first, first)
    assert (found.release_metadata_source, found.requested_release_id) == ("git", None)


def test_a_folder_without_a_repository_knows_nothing(tmp_path: Path) -> None:
    assert GitSource(commits_in(tmp_path / "nothing")).read() is None
