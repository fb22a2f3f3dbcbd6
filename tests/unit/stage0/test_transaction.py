"""What the records of a journal say together."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from att_stage0.journal import Record
from att_stage0.policy.decision import Context
from att_stage0.transaction import Phase, State, fold


def record(number: int, state: str, phase: str, name: str = "txn_1", **values: Any) -> Record:
    body = {"state": state, "phase": phase, "at": float(number), "boot": "b", "attempt": number, "set": values}
    return Record(number, name, body)


BEGUN = record(1, "VERIFIED", "intent", kind="upgrade", context="production")
TRIAL = record(2, "PROBATION", "intent", target="1.1.0")
DECIDED = record(3, "PROBATION", "rollback_policy", rollback_policy_status="allow")


def test_a_decision_brings_its_values_and_moves_nothing() -> None:
    (before,) = fold([BEGUN, TRIAL])
    (after,) = fold([BEGUN, TRIAL, DECIDED])
    assert (after.state, after.phase, after.attempt, after.at) == (State.PROBATION, Phase.INTENT, 2, before.at)
    assert not before.policy_recorded
    assert after.policy_recorded
    assert after.context is Context.PRODUCTION


def test_a_decision_about_a_transaction_that_never_began_is_none() -> None:
    assert fold([DECIDED]) == ()
    (begun,) = fold([DECIDED, BEGUN])
    assert not begun.policy_recorded


def test_what_was_decided_first_is_replaced_by_what_was_decided_last() -> None:
    denied = record(4, "PROBATION", "rollback_policy", rollback_policy_status="deny")
    (found,) = fold([BEGUN, TRIAL, DECIDED, denied])
    assert found.values["rollback_policy_status"] == "deny"


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_record_of_an_unknown_kind_changes_nothing(state: str, phase: str) -> None:
    if phase in ("intent", "done", "rollback_policy"):
        return
    assert fold([BEGUN, record(2, state, phase, target="9")]) == fold([BEGUN])
