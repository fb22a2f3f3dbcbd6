import pytest

from att.forge import decision
from att.forge.pktline import NOTHING, Command
from att.forge.records import moment
from att.forge.schema import Approval, Check, CheckState, Policy, PullState

A, B = "a" * 40, "b" * 40
RULES = Policy(protected=("main", "release/*"))


def approval(who: str, *, current: bool = True) -> Approval:
    return Approval(approver=who, approver_id=who, commit=A, current=current, time=moment(0))


def check(name: str, state: CheckState) -> Check:
    return Check(
        id="run_1", name=name, number=1, commit=A, required=True, state=state, code=None, detail="",
        created=moment(0), started=None, ended=None,
    )  # fmt: skip


def problem(**changes: object) -> str | None:
    values: dict[str, object] = {
        "state": PullState.OPEN,
        "approvals": [approval("bea")],
        "author_id": "ann",
        "policy": Policy(),
        "required": ["words"],
        "checks": {"words": check("words", CheckState.PASSED)},
        "conflicts": [],
        **changes,
    }
    found = decision.merge_problem(values.pop("state"), **values)  # type: ignore[arg-type]  # given by name
    return found.code if found else None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"state": PullState.CLOSED}, "pr_ended"),
        ({"conflicts": ["a"]}, "merge_conflict"),
        ({"checks": {}}, "checks_missing"),
        ({"checks": {"words": check("words", CheckState.RUNNING)}}, "checks_missing"),
        ({"checks": {"words": check("words", CheckState.FAILED)}}, "checks_failed"),
        ({"checks": {"words": check("words", CheckState.ERROR)}}, "checks_failed"),
        ({"required": [], "checks": {"words": check("words", CheckState.FAILED)}}, None),
        ({"approvals": []}, "approval_missing"),
        ({"approvals": [approval("bea", current=False)]}, "approval_missing"),
        ({"approvals": [approval("ann")]}, None),
        ({"approvals": [approval("ann")], "policy": Policy(author_may_approve=False)}, "approval_missing"),
        ({"approvals": [approval("bea"), approval("bea")], "policy": Policy(approvals=2)}, "approval_missing"),
        ({"approvals": [], "policy": Policy(approvals=0)}, None),
    ],
)
def test_a_merge_needs_all_that_the_rules_demand(changes: dict[str, object], code: str | None) -> None:
    assert problem(**changes) == code


@pytest.mark.parametrize(
    ("ref", "present", "refused"),
    [
        ("refs/heads/main", {"refs/heads/main"}, True),
        ("refs/heads/main", set(), False),
        ("refs/heads/release/1", {"refs/heads/release/1"}, True),
        ("refs/heads/towns", {"refs/heads/towns"}, False),
        ("refs/tags/v1", {"refs/tags/v1"}, False),
        ("refs/tags/main", {"refs/tags/main"}, False),
        ("refs/pull/1/head", set(), True),
        ("HEAD", set(), True),
    ],
)
def test_a_push_changes_branches_and_tags_that_nobody_protects(ref: str, present: set[str], refused: bool) -> None:
    found = decision.push_refusals([Command(NOTHING, A, ref)], present=present, policy=RULES)
    assert bool(found) is refused


def test_a_protected_branch_is_not_deleted() -> None:
    found = decision.push_refusals([Command(A, NOTHING, "refs/heads/main")], present={"refs/heads/main"}, policy=RULES)
    assert "refs/heads/main" in found


@pytest.mark.parametrize(
    ("state", "is_author", "own", "code"),
    [
        (PullState.OPEN, False, False, None),
        (PullState.OPEN, True, True, None),
        (PullState.OPEN, True, False, "approval_own"),
        (PullState.MERGED, False, True, "pr_ended"),
    ],
)
def test_who_may_approve(state: PullState, is_author: bool, own: bool, code: str | None) -> None:
    found = decision.approval_problem(state, is_author=is_author, policy=Policy(author_may_approve=own))
    assert (found.code if found else None) == code


@pytest.mark.parametrize(
    ("code", "tries", "pause"),
    [
        ("clone_unreachable", 1, 1.0),
        ("clone_unreachable", 3, 4.0),
        ("clone_unreachable", 4, None),
        ("branch_protected", 1, None),
        ("agent_unreachable", 2, 2.0),
        ("git_busy", 1, 1.0),
    ],
)
def test_only_what_failed_on_the_way_is_tried_again(code: str, tries: int, pause: float | None) -> None:
    assert decision.pause_before_retry(code, tries) == pause


@pytest.mark.parametrize(
    ("commit", "reached", "state"),
    [(A, True, PullState.MERGED), (A, False, PullState.OPEN), (None, True, PullState.OPEN)],
)
def test_an_interrupted_merge_is_what_the_base_proves(commit: str | None, reached: bool, state: PullState) -> None:
    assert decision.merge_proof(commit, reached=reached) is state
