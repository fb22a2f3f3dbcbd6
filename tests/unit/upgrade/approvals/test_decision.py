"""Who may say yes to a change of ATT by itself, and when enough was said."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.kernel.errors import AttError
from att.upgrade.approvals.decision import (
    approvals_problem,
    approving_problem,
    base_problem,
    counting,
    denial_of,
    proposal_problem,
    signing_problem,
)
from att.upgrade.approvals.schema import Approval, Built, Change, Denial, Difference, Held, Proposal

HEAD, OTHER, MERGE = "a" * 40, "b" * 40, "c" * 40
TREE, CHANGED = "1" * 64, "2" * 64
GATES, CHECKS = "upgrade/gates.toml", ".att/checks.yaml"
PLAIN = Change(commit=HEAD, tree=TREE)
GUARD = Change(commit=HEAD, tree=TREE, protected=(CHECKS, GATES))
FEWER = Change(commit=HEAD, tree=TREE, dropped=("tests/unit/test_a.py::test_b",))
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NO = Denial(number=7, commit=OTHER, tree=TREE, by="ann(uid 1000)", at=NOON, reason="too wide")
MERGED = Built(commit=MERGE, parents=(OTHER, HEAD), tree=TREE)


def said(by: str = "ann(uid 1000)", **changes: Any) -> Approval:
    values: dict[str, Any] = {"commit": HEAD, "tree": TREE, "by": by, "door": "ssh", "kind": "person", "at": NOON}
    return Approval(**{**values, **changes})


def code(found: AttError | None) -> str | None:
    return found.code if found else None


# -- who may say yes, and to what


@pytest.mark.parametrize(
    ("changes", "code_"),
    [
        ({}, None),
        ({"kind": "agent"}, "people_only"),
        ({"kind": "agent", "door": "api"}, "people_only"),
        ({"kind": ""}, "people_only"),
        ({"door": "api"}, "approval_door"),
        ({"door": "dev"}, "approval_door"),
        ({"door": ""}, "approval_door"),
        ({"commit": OTHER}, "approval_stale"),
        ({"tree": CHANGED}, "approval_stale"),
        ({"commit": HEAD[:12]}, "approval_stale"),
        ({"commit": TREE, "tree": HEAD}, "approval_stale"),
    ],
)
def test_a_person_at_the_ssh_door_approves_the_proposed_commit_and_tree_and_nothing_else(
    changes: dict[str, str], code_: str | None
) -> None:
    asked = {"commit": HEAD, "tree": TREE, "door": "ssh", "kind": "person", **changes}
    assert code(approving_problem(PLAIN, **asked)) == code_


# -- what is enough


@pytest.mark.parametrize(
    ("approvals", "code_"),
    [
        ([said()], None),
        ([said(), said("bea")], None),
        ([], "approval_missing"),
        ([said(commit=OTHER)], "approval_missing"),
        ([said(tree=CHANGED)], "approval_missing"),
        ([said(door="api")], "approval_missing"),
        ([said(door="dev")], "approval_missing"),
        ([said(kind="agent")], "approval_missing"),
        (
            [said(commit=OTHER), said(tree=CHANGED), said("bot", kind="agent"), said("web", door="api")],
            "approval_missing",
        ),
    ],
)
@pytest.mark.parametrize("change", [PLAIN, FEWER], ids=["plain", "fewer tests"])
def test_one_approval_that_counts_is_enough_for_plain_code(
    change: Change, approvals: list[Approval], code_: str | None
) -> None:
    assert code(approvals_problem(change, approvals, setting="required", operators=2)) == code_


NAMED: dict[str, Any] = {"protected": (GATES, CHECKS)}


@pytest.mark.parametrize(
    ("approvals", "operators", "code_"),
    [
        ([], 2, "approval_missing"),
        ([said()], 2, "approval_second"),
        ([said(**NAMED)], 2, "approval_second"),
        ([said(), said("bea")], 2, "approval_second"),
        ([said(), said("bea", **NAMED)], 2, None),
        ([said(**NAMED), said("bea")], 2, None),
        ([said(**NAMED), said("bea", **NAMED)], 2, None),
        ([said(), said("bea", protected=(GATES,))], 2, "approval_second"),
        ([said(), said("bea", protected=(GATES, CHECKS, "README.md"))], 2, "approval_second"),
        ([said(), said(**NAMED)], 2, "approval_second"),
        ([said(), said(**NAMED)], 1, None),
        ([said(**NAMED), said(**NAMED)], 1, "approval_second"),
        ([said(), said()], 1, "approval_second"),
        ([said(**NAMED)], 1, "approval_second"),
        ([said(), said("root(uid 0)", **NAMED)], 2, "approval_second"),
        ([said("root(uid 0)"), said(**NAMED)], 2, "approval_second"),
        ([said(**NAMED), said("root(uid 0)", **NAMED)], 1, "approval_second"),
        ([said(), said("root(uid 0)", **NAMED)], 1, None),
        ([said(), said("bea", commit=OTHER, **NAMED)], 2, "approval_second"),
        ([said(), said("bot", kind="agent", **NAMED)], 2, "approval_second"),
        ([said(), said("web", door="api", **NAMED)], 2, "approval_second"),
    ],
)
@pytest.mark.parametrize("setting", ["required", "auto"])
def test_what_judges_changes_needs_a_second_approval_that_names_it(
    approvals: list[Approval], operators: int, code_: str | None, setting: Any
) -> None:
    assert code(approvals_problem(GUARD, approvals, setting=setting, operators=operators)) == code_


def test_auto_lets_plain_code_through_and_nothing_that_loses_tests_or_touches_what_judges() -> None:
    assert approvals_problem(PLAIN, [], setting="auto", operators=1) is None
    assert code(approvals_problem(FEWER, [], setting="auto", operators=1)) == "approval_missing"
    assert code(approvals_problem(GUARD, [], setting="auto", operators=1)) == "approval_missing"
    assert approvals_problem(FEWER, [said()], setting="auto", operators=1) is None


def test_a_refusal_names_what_has_to_be_looked_at() -> None:
    missing = approvals_problem(PLAIN, [], setting="required", operators=1)
    assert missing is not None
    assert missing.data == {"commit": HEAD, "tree": TREE}
    assert "attctl bootstrap approve" in missing.hint
    second = approvals_problem(GUARD, [said()], setting="required", operators=2)
    assert second is not None
    assert (second.data, GATES in second.detail) == ({"paths": [CHECKS, GATES]}, True)


CHANGES = st.builds(
    Change,
    commit=st.sampled_from([HEAD, OTHER]),
    tree=st.sampled_from([TREE, CHANGED]),
    protected=st.sampled_from([(), (GATES,), (CHECKS, GATES)]),
    dropped=st.sampled_from([(), ("tests/test_a.py::test_b",)]),
)
SAID = st.builds(
    said,
    st.sampled_from(["ann", "bea"]),
    commit=st.sampled_from([HEAD, OTHER]),
    tree=st.sampled_from([TREE, CHANGED]),
    door=st.sampled_from(["ssh", "api", "dev"]),
    kind=st.sampled_from(["person", "agent"]),
    protected=st.sampled_from([(), (GATES,), (GATES, CHECKS)]),
)


@given(CHANGES, st.lists(SAID, max_size=6), st.sampled_from(["required", "auto"]), st.integers(1, 3))
def test_nothing_passes_without_a_person_at_the_ssh_door_who_saw_exactly_this(
    change: Change, approvals: list[Approval], setting: Any, operators: int
) -> None:
    if approvals_problem(change, approvals, setting=setting, operators=operators) is not None:
        return
    exact = [
        one
        for one in approvals
        if one.commit == change.commit and one.tree == change.tree and one.door == "ssh" and one.kind == "person"
    ]
    if setting == "required" or change.protected or change.dropped:
        assert exact
    if change.protected:
        assert len(exact) >= 2
        assert any(set(one.protected) == set(change.protected) for one in exact)
        assert len({one.by for one in exact}) >= min(2, operators)


@given(CHANGES, st.lists(SAID, max_size=6), st.lists(SAID, max_size=3), st.sampled_from(["required", "auto"]))
def test_more_approvals_never_undo_what_others_gave(
    change: Change, approvals: list[Approval], more: list[Approval], setting: Any
) -> None:
    if approvals_problem(change, approvals, setting=setting, operators=2) is None:
        assert approvals_problem(change, [*more, *approvals], setting=setting, operators=2) is None


def test_those_that_count_are_given_back_as_they_were() -> None:
    good, foreign = said(), said("web", door="api")
    assert list(counting(PLAIN, [foreign, good])) == [good]


# -- what may be proposed, what is signed


def test_what_the_image_owns_is_refused_unless_nothing_is_released() -> None:
    paths = tuple(f"appliance/{number}" for number in range(25))
    problem = proposal_problem(Change(commit=HEAD, tree=TREE, image=paths))
    assert problem is not None
    assert problem.code == "new_image_needed"
    assert "new image needed" in problem.detail
    assert problem.detail.endswith("appliance/19 and 5 more")
    assert proposal_problem(Change(commit=HEAD, tree=TREE, image=paths, releases=False)) is None
    assert proposal_problem(PLAIN) is None


def test_what_was_proposed_to_another_release_than_runs_counts_no_more() -> None:
    proposal = Proposal(number=7, base=OTHER, change=PLAIN, difference=Difference(), by="ann", at=NOON)
    problem = base_problem(proposal, MERGE)
    assert problem is not None
    assert (problem.code, problem.data) == ("approval_stale", {"number": 7})
    assert base_problem(proposal, OTHER) is None


@pytest.mark.parametrize(
    ("change", "built", "more", "code_"),
    [
        (PLAIN, MERGED, {}, None),
        (PLAIN, MERGED, {"paused": True}, "bootstrap_paused"),
        (PLAIN, MERGED, {"held": Held(commit=OTHER, number=7)}, "main_held"),
        (PLAIN, MERGED, {"denied": NO}, "bootstrap_denied"),
        (PLAIN, MERGED, {"approvals": []}, "approval_missing"),
        (PLAIN, MERGED, {"approvals": [said(commit=OTHER)]}, "approval_missing"),
        (PLAIN, MERGED.model_copy(update={"tree": CHANGED}), {}, "merge_differs"),
        (PLAIN, MERGED.model_copy(update={"parents": (OTHER,)}), {}, "merge_differs"),
        (PLAIN, MERGED.model_copy(update={"commit": HEAD, "parents": ()}), {}, "merge_differs"),
        (PLAIN.model_copy(update={"releases": False}), MERGED, {}, "release_none"),
        (PLAIN.model_copy(update={"image": ("appliance/x",)}), MERGED, {}, "new_image_needed"),
        (GUARD, MERGED, {}, "approval_second"),
    ],
)
def test_only_what_was_merged_as_it_was_approved_is_signed(
    change: Change, built: Built, more: dict[str, Any], code_: str | None
) -> None:
    given: dict[str, Any] = {
        "approvals": [said()], "setting": "required", "operators": 2, "paused": False, "held": None, "denied": None,
        **more,
    }  # fmt: skip
    approvals = given.pop("approvals")
    assert code(signing_problem(change, approvals, built, **given)) == code_


def test_a_no_holds_for_the_tree_in_whichever_commit_it_comes_again() -> None:
    elsewhere = NO.model_copy(update={"tree": CHANGED})
    newer = NO.model_copy(update={"number": 8})
    assert denial_of(PLAIN, [elsewhere]) is None
    assert denial_of(PLAIN, [NO, newer, elsewhere]) is newer
    assert denial_of(PLAIN.model_copy(update={"commit": OTHER}), [NO]) is NO


@pytest.mark.parametrize("more", [{"paused": True}, {"held": Held(commit=OTHER, number=7)}, {"denied": NO}])
def test_auto_signs_nothing_that_is_paused_held_or_denied(more: dict[str, Any]) -> None:
    given: dict[str, Any] = {"setting": "auto", "operators": 1, "paused": False, "held": None, "denied": None}
    assert signing_problem(PLAIN, [], MERGED, **given) is None
    assert signing_problem(PLAIN, [], MERGED, **{**given, **more}) is not None
