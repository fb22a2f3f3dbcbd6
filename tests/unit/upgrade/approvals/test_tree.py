"""The digest of a whole tree."""

import hashlib
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.upgrade.approvals.tree import MODES, Entry, tree_digest

A, B = hashlib.sha256(b"a").hexdigest(), hashlib.sha256(b"b").hexdigest()
ENTRIES = st.lists(
    st.builds(Entry, st.sampled_from(MODES), st.text("ab/ \n", min_size=1, max_size=6), st.sampled_from([A, B])),
    max_size=6,
    unique_by=lambda one: one.path,
)


def test_the_digest_is_that_of_its_lines() -> None:
    lines = f"100644 README.md\0{A}\n100755 bin/x\0{B}\n".encode()
    entries = [Entry("100755", "bin/x", B), Entry("100644", "README.md", A)]
    assert tree_digest(entries) == hashlib.sha256(lines).hexdigest()


@given(ENTRIES, st.randoms(use_true_random=False))
def test_the_order_of_the_files_changes_nothing(entries: list[Entry], random: Random) -> None:
    shuffled = list(entries)
    random.shuffle(shuffled)
    assert tree_digest(shuffled) == tree_digest(entries)


@given(ENTRIES, ENTRIES)
def test_two_trees_have_one_digest_only_when_they_are_the_same(one: list[Entry], other: list[Entry]) -> None:
    key = lambda entry: entry.path  # noqa: E731 -- one word for two sorts
    assert (tree_digest(one) == tree_digest(other)) == (sorted(one, key=key) == sorted(other, key=key))


@pytest.mark.parametrize(
    "entries",
    [
        [Entry("100644", "a", A), Entry("100755", "a", B)],
        [Entry("160000", "module", A)],
        [Entry("40000", "folder", A)],
        [Entry("100644", "", A)],
        [Entry("100644", "a\0b", A)],
        [Entry("100644", "a", A[:40])],
    ],
    ids=["a path twice", "a submodule", "a folder", "no path", "a NUL", "another digest"],
)
def test_what_is_no_plain_tree_has_no_digest(entries: list[Entry]) -> None:
    with pytest.raises(ValueError, match="not a"):
        tree_digest(entries)


def test_a_name_that_is_no_text_has_its_place() -> None:
    raw = b"x\xe9".decode(errors="surrogateescape")
    assert tree_digest([Entry("100644", raw, A)]) == hashlib.sha256(b"100644 x\xe9\0" + A.encode() + b"\n").hexdigest()
