"""The seed of an image: the whole history of the commit that is built, on branch main, wherever the checkout is."""

from pathlib import Path

import pytest
from dev.bundle.identity import CannotBuild
from dev.bundle.seed import seed
from tests.fakes.repositories import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "repository").mkdir()
    found = Repository(tmp_path / "repository")
    found.commit({"a": b"1"}, "one")
    found.commit({"a": b"2"}, "two")
    return found


def test_a_clone_of_the_seed_is_on_main_with_every_commit(repository: Repository, tmp_path: Path) -> None:
    head = repository.git("rev-parse", "HEAD")
    repository.git("tag", "0.1.0", "HEAD~1")
    repository.git("switch", "-q", "-c", "elsewhere")
    repository.commit({"a": b"3"}, "not built")
    repository.git("tag", "9.9.9")
    made = seed(repository.folder, head, tmp_path / "seeds" / "att.bundle")
    repository.git("clone", "-q", str(made), str(tmp_path / "clone"))
    (clone := Repository.__new__(Repository)).folder = tmp_path / "clone"
    assert clone.git("symbolic-ref", "HEAD") == "refs/heads/main"
    assert clone.git("log", "--format=%s").split() == ["two", "one"]
    assert clone.git("rev-parse", "main") == head
    heads = {line.partition(" ")[2] for line in repository.git("bundle", "list-heads", str(made)).splitlines()}
    assert heads == {"HEAD", "refs/heads/main", "refs/tags/0.1.0"}
    assert [path.name for path in made.parent.iterdir()] == ["att.bundle"]


def test_the_same_commit_gives_the_same_seed(repository: Repository, tmp_path: Path) -> None:
    head = repository.git("rev-parse", "HEAD")
    one, two = (seed(repository.folder, head, tmp_path / name).read_bytes() for name in ("one", "two"))
    assert one == two


def test_of_a_shallow_clone_no_seed_is_made(repository: Repository, tmp_path: Path) -> None:
    repository.git("clone", "-q", "--depth", "1", f"file://{repository.folder}", str(tmp_path / "shallow"))
    with pytest.raises(CannotBuild, match="shallow"):
        seed(tmp_path / "shallow", repository.git("rev-parse", "HEAD"), tmp_path / "att.bundle")
    assert not (tmp_path / "att.bundle").exists()


@pytest.mark.parametrize("commit", ["0" * 40, "main~9", "HEAD:a"])
def test_of_what_is_no_commit_there_no_seed_is_made(repository: Repository, tmp_path: Path, commit: str) -> None:
    with pytest.raises(CannotBuild, match="cannot make the seed"):
        seed(repository.folder, commit, tmp_path / "att.bundle")
