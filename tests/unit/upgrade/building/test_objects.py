"""Ids, commits and trees are git's own, whatever their bytes."""

import io
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.repositories import Repository

from att.kernel.errors import Refused, TooLarge
from att.upgrade.building import store as storing
from att.upgrade.building.objects import object_id, read_commit, read_tree
from att.upgrade.building.store import ObjectStore

COMMIT = b"tree %s\nparent %s\nauthor A <a@att.test> 1 +0000\ncommitter A <a@att.test> 7 +0200\n\nwords\n"
ONE, TWO = b"1" * 40, b"2" * 40


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("repository"))


@given(content=st.binary(max_size=2000))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_id_of_any_bytes_is_gits(shared: Repository, content: bytes) -> None:
    assert object_id("blob", content) == shared.git("hash-object", "-t", "blob", "--stdin", input_bytes=content)


NAMES = st.text(st.characters(exclude_categories=["C"], exclude_characters="/"), min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..") and ".git" not in name.lower()
)


@given(names=st.sets(NAMES, max_size=8))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_tree_is_read_as_git_lists_it(shared: Repository, names: set[str]) -> None:
    blob = shared.git("hash-object", "-w", "--stdin", input_bytes=b"x")
    lines = b"".join(f"100644 blob {blob}\t{name}\0".encode() for name in names)
    tree = shared.git("mktree", "-z", input_bytes=lines)
    raw = shared.raw("cat-file", "tree", tree)
    assert object_id("tree", raw) == tree
    listed = shared.raw("ls-tree", "-z", tree).split(b"\0")[:-1]
    assert [f"{item.mode} blob {item.id}\t".encode() + item.name for item in read_tree(tree, raw)] == listed


def test_a_commit_is_read_with_its_parents_tree_and_time(repository: Repository) -> None:
    first = repository.commit({"a.txt": b"one"}, "one")
    second = repository.commit({"a.txt": b"two"}, "two")
    raw = repository.raw("cat-file", "commit", second)
    found = read_commit(second, raw)
    assert object_id("commit", raw) == second
    assert found.parents == (first,)
    assert found.tree == repository.git("rev-parse", f"{second}^{{tree}}")
    assert found.time == int(repository.git("log", "-1", "--format=%ct", second))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        COMMIT.replace(b"tree ", b"TREE ") % (ONE, TWO),
        COMMIT.replace(b"committer", b"author") % (ONE, TWO),
        COMMIT.replace(b" 7 +0200", b" 7e9 +0200") % (ONE, TWO),
        COMMIT % (ONE[:-1], TWO),
        COMMIT.replace(b"author", b"parent " + TWO + b"\nauthor") % (ONE, TWO),
    ],
)
def test_what_is_no_commit_is_refused(content: bytes) -> None:
    assert read_commit("c", COMMIT % (ONE, TWO)).time == 7
    with pytest.raises(Refused, match="cannot use the pack") as refused:
        read_commit("c", content)
    assert refused.value.code == "pack_damaged"


@pytest.mark.parametrize(
    "content",
    [
        b"100644 a\0" + bytes(19),
        b"100644 a/b\0" + bytes(20),
        b"100644 \0" + bytes(20),
        b"1006449 a\0" + bytes(20),
        b"100644a\0" + bytes(20),
        (b"100644 a\0" + bytes(20)) * 2,
    ],
)
def test_what_is_no_tree_is_refused(content: bytes) -> None:
    assert read_tree("t", b"100644 a\0" + bytes(20))
    with pytest.raises(Refused, match="is no tree"):
        read_tree("t", content)


def frame(kind: str, content: bytes, name: str = "") -> bytes:
    return f"{name or object_id(kind, content)} {kind} {len(content)}\n".encode() + content + b"\n"


def test_objects_come_back_by_their_ids(store: ObjectStore, tmp_path: Path) -> None:
    blob, tree = object_id("blob", b"a\nb"), object_id("tree", b"")
    store.fill(io.BytesIO(frame("blob", b"a\nb") + frame("tree", b"")))
    assert store.content(blob) == b"a\nb"
    assert store.tree(tree) == ()
    assert store.file(blob)[1] == 3
    for ask in (lambda: store.commit(blob), lambda: store.content(tree), lambda: store.content("0" * 40)):
        with pytest.raises(Refused, match="it lacks the"):
            ask()
    assert list((tmp_path / "store").iterdir()) == []


@pytest.mark.parametrize(
    "stream",
    [
        frame("blob", b"a", object_id("blob", b"b")),
        frame("blob", b"a", object_id("tree", b"a")),
        frame("blob", b"a") * 2,
        frame("blob", b"a")[:-1],
        frame("blob", b"abc")[:-3],
        frame("tag", b"a"),
        b"0" * 40 + b" missing\n",
        frame("blob", b"a").replace(b"\n", b" \n", 1),
        b"x" * 5000,
    ],
)
def test_what_is_no_list_of_objects_or_lies_about_an_id_is_refused(store: ObjectStore, stream: bytes) -> None:
    with pytest.raises(Refused) as refused:
        store.fill(io.BytesIO(stream))
    assert refused.value.code == "pack_damaged"


@pytest.mark.parametrize(("limit", "most"), [("OBJECTS_MAX", 1), ("OBJECT_BYTES_MAX", 2), ("ALL_BYTES_MAX", 5)])
def test_limits_hold_before_anything_is_read(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(storing, limit, most)
    with pytest.raises(TooLarge, match="too much"):
        store.fill(io.BytesIO(frame("blob", b"abc") + frame("blob", b"def")))


def test_git_lists_nothing_that_is_not_believed_here(repository: Repository, store: ObjectStore) -> None:
    head = repository.commit({"b/c.txt": b"three"}, "three")
    listed = repository.raw("cat-file", "--batch-all-objects", "--batch")
    store.fill(io.BytesIO(listed))
    assert store.commit(head).id == head
    count = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch-check"],
        cwd=repository.folder,
        capture_output=True,
        check=True,
    )
    assert all(store.has(line[:40].decode()) for line in count.stdout.splitlines())
