"""From a commit to its files: what git can hold and a release cannot is refused, whoever made it."""

import io
from pathlib import Path

import pytest
from tests.fakes.repositories import Repository

from att.kernel.errors import Refused, TooLarge
from att.upgrade.approvals.tree import tree_digest
from att.upgrade.building import walking
from att.upgrade.building.store import ObjectStore
from att.upgrade.building.walking import commits_between, entries_of


def fill(store: ObjectStore, repository: Repository) -> ObjectStore:
    store.fill(io.BytesIO(repository.raw("cat-file", "--batch-all-objects", "--batch")))
    return store


def lines_of(repository: Repository, commit: str) -> list[str]:
    listed = repository.git("ls-tree", "-r", "-z", commit).split("\0")[:-1]
    return [" ".join(line.replace("\t", " ").split(" ")[i] for i in (0, 2, 3)) for line in listed]


def test_the_files_of_a_tree_are_those_that_git_lists(repository: Repository, store: ObjectStore) -> None:
    commit = repository.commit({"a.txt": b"1", "b/c.txt": b"22", "b/d/e": b""}, "one")
    (repository.folder / "b/link").symlink_to("../a.txt")
    (repository.folder / "off").symlink_to("/dev/null")
    (repository.folder / "a.txt").chmod(0o755)
    commit = repository.commit({}, "two")
    fill(store, repository)
    found = entries_of(store, store.commit(commit).tree)
    assert sorted(f"{entry.mode} {name} {path}" for path, (entry, name) in found.items()) == sorted(
        lines_of(repository, commit)
    )
    assert found["b/c.txt"][0].size == 2
    assert len(tree_digest(entry for entry, _ in found.values())) == 64


def test_the_tree_of_att_itself_can_become_a_release(store: ObjectStore) -> None:
    own = Repository.__new__(Repository)
    own.folder = Path(__file__).parents[4]
    ids = own.raw("rev-list", "--objects", "--no-walk", "HEAD").splitlines()
    listed = own.raw("cat-file", "--batch", input_bytes=b"\n".join(line.split(b" ")[0] for line in ids) + b"\n")
    store.fill(io.BytesIO(listed))
    head = own.git("rev-parse", "HEAD")
    found = entries_of(store, store.commit(head).tree)
    assert sorted(f"{entry.mode} {name} {path}" for path, (entry, name) in found.items()) == sorted(
        lines_of(own, "HEAD")
    )


ODD = {
    "160000 commit {0}\tmodule": "has the mode 160000",
    "100644 blob {1}\t..": "climbs out",
    "100644 blob {1}\t.git": "git's own folder",
    "100644 blob {1}\t.GIT": "git's own folder",
    "100644 blob {1}\tGIT~1": "git's own folder",
    "100644 blob {1}\t.git.": "git's own folder",
    "100644 blob {1}\t.git::$INDEX_ALLOCATION": "git's own folder",
    "100644 blob {1}\t.g\u200cit": "control or decomposed",
    "100644 blob {1}\ta\\b": "backslash",
    "100644 blob {1}\ta\nb": "control or decomposed",
    "100644 blob {1}\ta\x00100644 blob {1}\tA": "differ only in case",
    "100644 blob {1}\tcafe\u0301": "control or decomposed",
    "040000 tree {2}\ta\x00" + "100644 blob {1}\tA": "is a file and a folder",
    "120000 blob {1}\tlink": "leaves what the bundle lists",
    "120000 blob {3}\tlink": "leaves what the bundle lists",
    "120000 blob {4}\tlink": "no target that a link may have",
    "120000 blob {6}\tlink": "no target that a link may have",
}


@pytest.mark.parametrize("odd", ODD)
def test_what_no_release_may_hold_is_refused(repository: Repository, store: ObjectStore, odd: str) -> None:
    base = repository.commit({"inner/file": b"absent"}, "base")
    blobs = [
        repository.git("hash-object", "-w", "--stdin", input_bytes=content)
        for content in (b"absent", b"/etc/passwd", b"", b"/usr/bin/python3.13", b"a\0b")
    ]
    names = (base, blobs[0], repository.git("rev-parse", "HEAD:inner"), *blobs[1:])
    commit = repository.tree_of(odd.format(*names).encode() + b"\0")
    fill(store, repository)
    with pytest.raises(Refused, match=ODD[odd]) as refused:
        entries_of(store, store.commit(commit).tree)
    assert refused.value.code == "tree_hostile"


@pytest.mark.parametrize("target", [b"/usr/bin/python3.13", b"/usr/bin/python", b"../outside", b"../../x"])
def test_a_link_that_leaves_the_tree_is_refused(repository: Repository, store: ObjectStore, target: bytes) -> None:
    repository.commit({"bin/file": b""}, "base")
    (repository.folder / "bin/python").symlink_to(target.decode())
    commit = repository.commit({}, "link")
    fill(store, repository)
    with pytest.raises(Refused, match="leaves what"):
        entries_of(store, store.commit(commit).tree)


def test_a_name_that_is_no_text_is_refused(repository: Repository, store: ObjectStore) -> None:
    repository.commit({"file": b""}, "base")
    blob = repository.git("rev-parse", "HEAD:file")
    commit = repository.tree_of(f"100644 blob {blob}\t".encode() + b"\xff\xfe\0")
    fill(store, repository)
    with pytest.raises(Refused, match="not in UTF-8"):
        entries_of(store, store.commit(commit).tree)


def test_a_tree_that_lacks_an_object_is_refused(repository: Repository, store: ObjectStore) -> None:
    commit = repository.tree_of(b"100644 blob " + b"1" * 40 + b"\tfile\0")
    fill(store, repository)
    with pytest.raises(Refused, match="it lacks the blob 111111111111"):
        entries_of(store, store.commit(commit).tree)


@pytest.mark.parametrize(("limit", "most"), [("ENTRIES_MAX", 2), ("TREE_BYTES_MAX", 5), ("DEPTH_MAX", 1)])
def test_a_tree_has_limits(
    repository: Repository, store: ObjectStore, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    commit = repository.commit({"a": b"12", "b/c/d": b"34", "e": b"56"}, "one")
    fill(store, repository)
    monkeypatch.setattr(walking, limit, most)
    with pytest.raises(TooLarge) as refused:
        entries_of(store, store.commit(commit).tree)
    assert refused.value.code == "pack_too_large"


def test_commits_come_from_the_base_to_the_head_parents_first(repository: Repository, store: ObjectStore) -> None:
    older = repository.commit({"a": b"0"}, "older")
    base = repository.commit({"a": b"1"}, "base")
    repository.git("switch", "-q", "-c", "side", older)
    repository.commit({"b": b"1"}, "side one")
    side = repository.commit({"b": b"2"}, "side two")
    repository.git("switch", "-q", "main")
    repository.git("merge", "-q", "--no-ff", "-m", "merge", side)
    head = repository.commit({"a": b"3"}, "head")
    fill(store, repository)
    found = commits_between(store, base, head)
    ids = [commit.id for commit in found]
    assert (ids[0], ids[-1]) == (base, head)
    assert all(ids.index(parent) < at for at, one in enumerate(found) for parent in one.parents if parent in ids and at)
    assert [commit.id for commit in commits_between(store, base, base)] == [base]


def test_a_head_that_does_not_contain_the_base_is_refused(repository: Repository, store: ObjectStore) -> None:
    base = repository.commit({"a": b"1"}, "base")
    repository.git("switch", "-q", "--orphan", "other")
    other = repository.commit({"b": b"2"}, "other")
    with pytest.raises(Refused, match="does not contain") as refused:
        commits_between(fill(store, repository), base, other)
    assert refused.value.code == "base_unrelated"


def test_more_commits_than_a_cycle_has_are_refused(
    repository: Repository, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = repository.commit({}, "base")
    head = [repository.commit({}, str(number)) for number in range(4)][-1]
    monkeypatch.setattr(walking, "COMMITS_MAX", 2)
    with pytest.raises(TooLarge, match="more than 2 commits"):
        commits_between(fill(store, repository), base, head)
