"""Who logs in at the local door, and how often a start is looked at."""

import pytest

from att.runtime.decision import OPERATORS, Person, pause_between_looks, refusal


def test_root_logs_in() -> None:
    assert refusal(Person(uid=0, name="root", groups=frozenset())) is None


def test_a_member_of_the_operators_logs_in() -> None:
    assert refusal(Person(uid=1000, name="alice", groups=frozenset({"users", OPERATORS}))) is None


def test_anybody_else_is_refused_by_name() -> None:
    reason = refusal(Person(uid=940, name="att", groups=frozenset({"att", "att-engine"})))
    assert reason == f"user att is not in the group {OPERATORS}"


def test_a_uid_that_the_machine_does_not_know_is_refused() -> None:
    assert refusal(None) == "the machine knows no such user"


@pytest.mark.parametrize(("took", "pause"), [(0.0, 0.05), (0.002, 0.05), (0.04, 0.2), (5.0, 1.0)])
def test_a_slow_look_is_followed_by_a_longer_pause_within_a_second(took: float, pause: float) -> None:
    assert pause_between_looks(took) == pytest.approx(pause)
