"""Which version a merge gets, and when a merge that was rolled back stands in its way."""

from dataclasses import dataclass

import pytest

from att.kernel.errors import Refused
from att.release.version import parse_version
from att.upgrade.approvals.lineage import built_of, demand_clean, next_version, still_held
from att.upgrade.approvals.schema import Held

TREE = "1" * 64


@dataclass(frozen=True)
class Commit:
    id: str
    parents: tuple[str, ...] = ()
    tree: str = "t"


def line(*ids: str) -> list[Commit]:
    """Commits on one line, the first without a parent that is known."""
    return [Commit(name, (before,), name) for before, name in zip(("x", *ids), ids, strict=False)]


MERGED = [Commit("B", ("x",), "old"), Commit("h1", ("B",), "mid"), Commit("h2", ("h1",), "new")]
MERGE = Commit("M", ("B", "h2"), "new")
HELD = Held(commit="c" * 40, number=7)


@pytest.mark.parametrize(
    ("running", "told"),
    [
        ("0.1.0.dev41+gabcdef012", "0.1.0.dev42+gM"),
        ("0.1.0.dev41+gabcdef012.lean", "0.1.0.dev42+gM.lean"),
        ("1.4.9", "1.4.10.dev1+gM"),
        ("1.4.9+gdev", "1.4.10.dev1+gM"),
    ],
)
def test_a_merge_counts_on_from_what_runs(running: str, told: str) -> None:
    assert next_version(running, [*MERGED, MERGE], base="B", merge="M") == told


def test_the_version_is_one_that_follows_the_running_one() -> None:
    merge = "f" * 40
    found = next_version("0.1.0.dev9+gabcdef012", [Commit("B"), Commit(merge, ("B",))], base="B", merge=merge)
    assert found == "0.1.0.dev10+gfffffffff"
    assert parse_version(found) > parse_version("0.1.0.dev9+gabcdef012")


def test_several_merges_count_each() -> None:
    assert next_version("0.1.0.dev1+ga", line("B", "M1", "M2", "M3"), base="B", merge="M3") == "0.1.0.dev4+gM3"


@pytest.mark.parametrize(
    "commits",
    [
        [Commit("B"), Commit("M", ("other", "B"))],
        [Commit("B"), Commit("M", ())],
        [Commit("B"), Commit("M", ("N",)), Commit("N", ("M",))],
        [Commit("B")],
    ],
    ids=["on another line", "without parents", "in a circle", "not there"],
)
def test_a_base_that_is_not_on_the_merges_own_line_is_refused(commits: list[Commit]) -> None:
    with pytest.raises(Refused) as caught:
        next_version("1.0.0", commits, base="B", merge="M")
    assert caught.value.code == "base_unrelated"


def test_what_runs_already_is_not_released_again() -> None:
    with pytest.raises(Refused) as caught:
        next_version("1.0.0", [Commit("B")], base="B", merge="B")
    assert caught.value.code == "merge_differs"


@pytest.mark.parametrize("version", ["0.1.0.dev4+gabcdef012.d12345678", "0.1.0.dev4+gabcdef012.d12345678.lean"])
def test_a_release_with_changes_that_no_commit_has_begins_nothing(version: str) -> None:
    with pytest.raises(Refused) as caught:
        demand_clean(version)
    assert caught.value.code == "release_unclean"


@pytest.mark.parametrize("version", ["1.0.0", "0.1.0.dev4+gabcdef012", "0.1.0.dev4+gd12345678.lean"])
def test_a_release_of_a_commit_may_go_on(version: str) -> None:
    demand_clean(version)


def test_a_merge_is_read_from_its_own_commit() -> None:
    merge = Commit("a" * 40, ("b" * 40, "c" * 40))
    assert built_of([merge], merge.id, TREE).parents == merge.parents
    with pytest.raises(Refused) as caught:
        built_of([merge], "d" * 40, TREE)
    assert caught.value.code == "merge_differs"


# -- main is held


M = HELD.commit
GOES_BAD = [Commit("B", ("x",), "good"), Commit("h", ("B",), "bad"), Commit(M, ("B", "h"), "bad")]


def held(*after: Commit, merge: str, base: str = "B", before: list[Commit] | None = None) -> bool:
    return still_held(HELD, [*(before or GOES_BAD), *after], base=base, merge=merge) is not None


def test_nothing_is_held_where_nothing_was_rolled_back() -> None:
    assert still_held(None, GOES_BAD, base="B", merge=M) is None


def test_the_merge_itself_and_what_is_built_on_it_are_held() -> None:
    assert held(merge=M)
    assert held(Commit("n", (M,), "bad and more"), merge="n")
    assert held(Commit("n", (M,), "bad and more"), Commit("N", (M, "n"), "bad and more"), merge="N")


def test_a_revert_that_is_merged_sets_main_free() -> None:
    revert = Commit("r", (M,), "good")
    assert not held(revert, Commit("R", (M, "r"), "good"), merge="R")
    assert not held(revert, Commit("n", ("r",), "better"), Commit("N", (M, "n"), "better"), merge="N")


def test_a_held_merge_that_took_back_another_one_is_taken_back_by_what_was_before_both() -> None:
    first = [Commit("B", ("x",), "good"), Commit("h", ("B",), "bad"), Commit("L", ("B", "h"), "bad")]
    both = [*first, Commit("r", ("L",), "good"), Commit("i", ("r",), "worse"), Commit(M, ("L", "i"), "worse")]
    assert held(Commit("n", (M,), "worse and more"), merge="n", before=both)
    assert not held(Commit("s", (M,), "good"), Commit("S", (M, "s"), "good"), merge="S", before=both)


def test_a_revert_that_lies_beside_the_merge_sets_nothing_free() -> None:
    beside = Commit("r", ("B",), "good")
    assert held(beside, Commit("n", (M,), "bad and more"), merge="n")
    assert held(beside, Commit("N", (M, "r"), "bad and more"), merge="N")


def test_a_revert_that_this_release_does_not_contain_sets_nothing_free() -> None:
    assert held(Commit("r", (M,), "good"), Commit("n", (M,), "bad and more"), merge="n")


def test_what_does_not_contain_the_held_merge_is_not_held() -> None:
    assert not held(Commit("n", ("B",), "other"), merge="n")
    assert not held(merge="B", before=[Commit("B", ("x",), "good")])


def test_a_held_merge_that_runs_by_now_holds_nothing() -> None:
    assert not held(Commit("n", (M,), "next"), merge="n", base=M)


def test_without_the_commit_before_it_the_held_merge_stays_held() -> None:
    alone = [Commit("B"), Commit(M, ("elsewhere", "B"), "bad")]
    assert held(Commit("n", (M,), "good"), merge="n", before=alone)
