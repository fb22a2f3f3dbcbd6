"""Every cell of the rollback policy: failure class × context × target × override."""

from itertools import product

import pytest
from dev.rollback_policy import CELLS, EVIDENCE, cells, document

from att.health import decision as health
from att_stage0.policy.decision import (
    Context,
    Decision,
    FailureClass,
    Override,
    Status,
    Target,
    context_of,
    decide,
    failure_class_of,
    judge_target,
)

# With a usable target and without an override; nothing here is taken from the code.
PLAIN = {
    ("deploy_failure", "dev"): "allow",
    ("deploy_failure", "appliance"): "allow",
    ("deploy_failure", "production"): "allow",
    ("watchdog_failure", "dev"): "allow",
    ("watchdog_failure", "appliance"): "allow",
    ("watchdog_failure", "production"): "allow",
    ("health_failure", "dev"): "ask",
    ("health_failure", "appliance"): "allow",
    ("health_failure", "production"): "allow",
    ("interrupted", "dev"): "ask",
    ("interrupted", "appliance"): "allow",
    ("interrupted", "production"): "allow",
    ("operator", "dev"): "allow",
    ("operator", "appliance"): "allow",
    ("operator", "production"): "ask",
}
UNUSABLE = {
    "missing": "there is no complete release to go back to",
    "equals_deployed": "the target is what is deployed",
    "below_floor": "the target is below the security floor",
    "unreadable_data": "the target cannot read the data as they are now",
    "damaged": "the target's files are not those that were installed",
}
FAILURES = ("deploy_failure", "watchdog_failure", "health_failure", "interrupted", "operator")
WHOLE = list(product(FAILURES, ("dev", "appliance", "production"), ("valid", *UNUSABLE), ("none", "allow", "deny")))


def wanted(failure: str, context: str, target: str, override: str) -> str:
    if target != "valid":
        return "deny"
    return PLAIN[failure, context] if override == "none" else override


@pytest.mark.parametrize(("failure", "context", "target", "override"), WHOLE, ids=["-".join(cell) for cell in WHOLE])
def test_a_cell_is_decided_as_the_policy_says(failure: str, context: str, target: str, override: str) -> None:
    found = decide(FailureClass(failure), Context(context), Target(target), Override(override), release="1.0.0")
    assert (found.status, found.release) == (wanted(failure, context, target, override), "1.0.0")
    assert found.allowed is (found.status == "allow")
    assert found.values()["rollback_target_valid"] is (target == "valid")
    assert found.reason == UNUSABLE.get(target, found.reason) != ""


def test_no_cell_is_without_its_test() -> None:
    assert set(product(FailureClass, Context, Target, Override)) == set(WHOLE)
    assert [one.cell for one in cells()] == [tuple(cell) for cell in WHOLE]


def test_the_table_that_people_read_lists_every_cell_once() -> None:
    rows = [line for line in document().splitlines() if line.startswith("| `")]
    assert len(rows) == len(WHOLE) == CELLS
    assert EVIDENCE == "tests/evidence/rollback-policy.md"
    for failure, context, target, override in WHOLE:
        name = f"{failure}-{context}-{target}-{override}"
        (row,) = [line for line in rows if f"[{name}]`" in line]
        assert f"| {wanted(failure, context, target, override)} |" in row


@pytest.mark.parametrize("override", Override)
def test_no_override_opens_a_target_that_cannot_be_used(override: Override) -> None:
    for failure, context, target in product(FailureClass, Context, set(Target) - {Target.VALID}):
        assert decide(failure, context, target, override).status is Status.DENY


def test_nothing_that_fails_on_a_machine_without_people_waits_for_them() -> None:
    for failure, context in product(set(FailureClass) - {FailureClass.OPERATOR}, set(Context) - {Context.DEV}):
        assert decide(failure, context, Target.VALID).allowed


def test_a_decision_says_all_that_is_recorded_of_it() -> None:
    made = Decision(Status.DENY, "why", Target.DAMAGED, "1.2.3")
    assert made.values() == {
        "rollback_policy_status": "deny",
        "rollback_policy_reason": "why",
        "rollback_target_valid": False,
        "rollback_target_release_id": "1.2.3",
    }


@pytest.mark.parametrize(
    ("release", "more", "target"),
    [
        ("1.0.0", {}, "valid"),
        (None, {}, "missing"),
        ("", {}, "missing"),
        ("0.9.0", {}, "missing"),
        ("0.9.0", {"deployed": "0.9.0"}, "missing"),
        ("1.1.0", {}, "equals_deployed"),
        ("1.0.0", {"below_floor": True}, "below_floor"),
        ("1.0.0", {"reads_data": False}, "unreadable_data"),
        ("1.0.0", {"intact": False}, "damaged"),
        ("1.0.0", {"below_floor": True, "reads_data": False, "intact": False}, "below_floor"),
        ("1.0.0", {"reads_data": False, "intact": False}, "unreadable_data"),
    ],
)
def test_a_target_is_judged_by_what_is_known_of_it(release: str | None, more: dict[str, bool], target: str) -> None:
    given = {"deployed": "1.1.0", **more}
    assert judge_target(release, complete=("1.0.0", "1.1.0"), **given) == target  # type: ignore[arg-type]  # from a table


def test_the_gate_s_failures_are_the_policy_s() -> None:
    assert {one.value for one in health.FailureClass} < {one.value for one in FailureClass}


@pytest.mark.parametrize("text", ["nonsense", "", None, 7, []])
def test_what_a_journal_names_and_nobody_knows_is_the_careful_one(text: object) -> None:
    assert failure_class_of(text) is FailureClass.INTERRUPTED
    assert context_of(text) is Context.APPLIANCE


def test_what_a_journal_names_is_found_again() -> None:
    assert [failure_class_of(one.value) for one in FailureClass] == list(FailureClass)
    assert [context_of(one.value) for one in Context] == list(Context)
