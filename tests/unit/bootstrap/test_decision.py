"""What is due in a cycle, fact by fact."""

from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.bootstrap.decision import (
    ALWAYS,
    CheckIdentity,
    CheckRun,
    CycleOutcome,
    Done,
    Facts,
    Proposed,
    Proven,
    Pull,
    Rules,
    Step,
    Undo,
    Verdict,
    Why,
    affected,
    dropped_tests,
    due,
    why_over,
)

IDENTITY = CheckIdentity("tree", "checks", "1.0.0")
PASSED = CheckRun("unit", "passed", IDENTITY)
READY = Facts(
    registered=True,
    local=True,
    head="head",
    fits=True,
    proven=Proven("head", passed=True),
    pull=Pull(7, "head", "open"),
    required=frozenset({"unit"}),
    wanted=IDENTITY,
    checks=(PASSED,),
    proposed=Proposed("head", approved=True),
)
MERGED = replace(READY, pull=Pull(7, "head", "merged"))
GONE = replace(MERGED, head=None, local=False)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(), Step.REGISTER),
        (Facts(registered=True), Step.BRANCH),
        (Facts(registered=True, local=True), Step.EDIT),
        (replace(READY, fits=False), Step.EDIT),
        (replace(READY, proven=None), Step.TEST),
        (replace(READY, pull=None), Step.PULL_REQUEST),
        (replace(READY, checks=()), Step.CHECKS),
        (replace(READY, checks=(replace(PASSED, state="running"),)), Step.CHECKS),
        (replace(READY, wanted=None, checks=()), Step.CHECKS),
        (replace(READY, proposed=None), Step.APPROVE),
        (replace(READY, proposed=Proposed("head", approved=False)), Step.APPROVE),
        (READY, Step.MERGE),
        (MERGED, Step.RELEASE),
        (replace(MERGED, verdict="running"), Step.HEALTH),
    ],
)
def test_the_first_step_whose_fact_is_missing_is_due(facts: Facts, expected: Step) -> None:
    assert due(facts, Rules()) is expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (replace(READY, proven=Proven("older", passed=True)), Step.TEST),
        (replace(READY, proven=Proven("older", passed=False)), Step.TEST),
        (replace(READY, pull=Pull(7, "older", "open")), Step.PULL_REQUEST),
        (replace(READY, proposed=Proposed("older", approved=True)), Step.APPROVE),
        (replace(READY, proposed=Proposed("older", approved=False, denied=True)), Step.APPROVE),
    ],
)
def test_a_fact_of_another_commit_counts_as_absent(facts: Facts, expected: Step) -> None:
    assert due(facts, Rules()) is expected


@pytest.mark.parametrize("other", [{"tree": "x"}, {"checks": "x"}, {"release": "x"}])
@pytest.mark.parametrize("state", ["passed", "failed"])
def test_a_result_of_another_tree_checks_file_or_release_counts_as_absent(
    state: Literal["passed", "failed"], other: dict[str, str]
) -> None:
    run = CheckRun("unit", state, replace(IDENTITY, **other))
    assert due(replace(READY, checks=(run,)), Rules()) is Step.CHECKS


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (replace(READY, failure=Why("edit_refused", "no")), "edit_refused"),
        (replace(READY, cancelled=True), "job_cancelled"),
        (replace(READY, held=3), "main_held"),
        (replace(READY, pull=Pull(7, "head", "closed")), "pr_ended"),
        (replace(READY, proven=Proven("head", passed=False)), "tests_failed"),
        (replace(READY, checks=(replace(PASSED, state="failed"),)), "checks_failed"),
        (replace(READY, required=frozenset()), "checks_missing"),
        (replace(READY, proposed=Proposed("head", approved=False, denied=True)), "approval_denied"),
    ],
)
def test_a_cycle_that_cannot_go_on_is_cleared_away_and_says_why(facts: Facts, code: str) -> None:
    if facts.pull is not None and facts.pull.state == "open":
        assert due(facts, Rules()) is Undo.PULL_REQUEST
        facts = replace(facts, pull=replace(facts.pull, state="closed"), failure=why_over(facts, Rules()))
    assert due(facts, Rules()) is Undo.BRANCH
    assert due(replace(facts, head=None), Rules()) is Undo.WORKTREE
    ended = due(replace(facts, head=None, local=False), Rules())
    assert isinstance(ended, Done)
    assert ended.why is not None
    assert (ended.outcome, ended.why.code) == (CycleOutcome.CANCELLED if facts.cancelled else CycleOutcome.FAILED, code)


@pytest.mark.parametrize("facts", [READY, replace(MERGED, cancelled=True), replace(GONE, verdict="rolled_back")])
def test_what_goes_on_or_has_merged_has_no_such_reason(facts: Facts) -> None:
    assert why_over(facts, Rules()) is None


def test_a_failed_check_that_is_not_required_stops_nothing() -> None:
    runs = (PASSED, CheckRun("style", "failed", IDENTITY))
    assert due(replace(READY, checks=runs), Rules()) is Step.MERGE


def test_a_failed_check_is_named_with_why_it_failed_where_its_exit_code_does_not_say_it() -> None:
    runs = (replace(PASSED, state="failed"), CheckRun("style", "failed", IDENTITY, "took too long"))
    over = why_over(replace(READY, checks=runs, required=frozenset({"unit", "style"})), Rules())
    assert over is not None
    assert over.detail == "required checks failed: style (took too long), unit"


def test_main_is_held_but_for_the_cycle_that_begins_with_the_revert() -> None:
    assert due(replace(READY, held=3), Rules(reverts=True)) is Step.MERGE


def test_without_a_release_a_merged_cycle_is_cleared_away_and_done() -> None:
    rules = Rules(releases=False)
    assert due(MERGED, rules) is Undo.BRANCH
    assert due(replace(MERGED, head=None), rules) is Undo.WORKTREE
    assert due(GONE, rules) == Done(CycleOutcome.MERGED)
    assert due(replace(GONE, cancelled=True), rules) == Done(CycleOutcome.MERGED)


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        (replace(MERGED, cancelled=True), CycleOutcome.CANCELLED),
        (replace(MERGED, failure=Why("build_failed", "no")), CycleOutcome.FAILED),
        (replace(MERGED, verdict="rolled_back"), CycleOutcome.ROLLED_BACK),
        (replace(MERGED, verdict="rolled_back", cancelled=True), CycleOutcome.ROLLED_BACK),
        (replace(MERGED, verdict="failed_safe"), CycleOutcome.FAILED),
        (replace(MERGED, verdict="refused"), CycleOutcome.FAILED),
    ],
)
def test_a_merge_that_is_not_what_runs_is_told_and_reverted(facts: Facts, outcome: CycleOutcome) -> None:
    assert due(facts, Rules()) is Undo.COMMENT
    facts = replace(facts, commented=True)
    assert due(facts, Rules()) is Undo.REVERT
    facts = replace(facts, reverted=True)
    assert due(facts, Rules()) is Undo.BRANCH
    ended = due(replace(facts, head=None, local=False), Rules())
    assert isinstance(ended, Done)
    assert ended.outcome is outcome


@pytest.mark.parametrize("stopped", [{}, {"cancelled": True}, {"failure": Why("git_failed", "no")}])
def test_once_the_release_is_kept_nothing_else_is_said(stopped: dict[str, object]) -> None:
    facts = replace(GONE, verdict="committed", **stopped)  # type: ignore[arg-type]  # fields of Facts
    assert due(facts, Rules()) == Done(CycleOutcome.RELEASED)
    assert due(replace(facts, local=True), Rules()) is Undo.WORKTREE


VERDICTS: list[Verdict | None] = [None, "running", "committed", "rolled_back", "failed_safe", "refused"]


@given(
    st.builds(
        Facts,
        registered=st.booleans(),
        cancelled=st.booleans(),
        failure=st.sampled_from([None, Why("git_failed", "no")]),
        held=st.sampled_from([None, 3]),
        local=st.booleans(),
        head=st.sampled_from([None, "head", "other"]),
        fits=st.booleans(),
        proven=st.sampled_from([None, Proven("head", passed=True), Proven("head", passed=False)]),
        pull=st.sampled_from([None, *(Pull(7, "head", state) for state in ("open", "merged", "closed"))]),
        required=st.sampled_from([frozenset[str](), frozenset({"unit"})]),
        wanted=st.sampled_from([None, IDENTITY]),
        checks=st.sampled_from([(), (PASSED,), (replace(PASSED, identity=replace(IDENTITY, tree="x")),)]),
        proposed=st.sampled_from([None, Proposed("head", approved=True), Proposed("other", approved=True)]),
        verdict=st.sampled_from(VERDICTS),
        commented=st.booleans(),
        reverted=st.booleans(),
    ),
    st.builds(Rules, releases=st.booleans(), reverts=st.booleans()),
)
def test_nothing_is_merged_unless_everything_said_of_this_very_head_is_yes(facts: Facts, rules: Rules) -> None:
    found = due(facts, rules)
    if found is Step.MERGE:
        assert facts.fits
        assert facts.proven == Proven("head", passed=True)
        assert facts.head == "head"
        assert facts.checks == (PASSED,)
        assert facts.required
        assert facts.proposed == Proposed("head", approved=True)
        assert not facts.cancelled
        assert facts.failure is None
    if found is Step.RELEASE:
        assert facts.pull == Pull(7, "head", "merged")
        assert facts.verdict is None


def test_tests_that_are_gone_are_named() -> None:
    assert dropped_tests(["a::x", "a::y", "b::z"], ["a::y", "c::n"]) == ("a::x", "b::z")
    assert dropped_tests(["a::x"], ["a::x", "a::y"]) == ()


def test_the_tests_of_the_rooms_that_changed_are_run_and_the_ground_s_always() -> None:
    present = {ALWAYS, "tests/unit/jobs", "tests/unit/git"}
    paths = ["src/att/jobs/runner.py", "src/att/nowhere/a.py", "tests/unit/git/test_a.py", "README.md", "src/att/x.py"]
    assert affected(paths, present) == ("tests/unit/git", "tests/unit/jobs", ALWAYS)
    assert affected(["docs/layout.md"], present) == (ALWAYS,)
