"""Who logs in at the local door."""

from att.runtime.decision import OPERATORS, Person, refusal


def test_root_logs_in() -> None:
    assert refusal(Person(uid=0, name="root", groups=frozenset())) is None


def test_a_member_of_the_operators_logs_in() -> None:
    assert refusal(Person(uid=1000, name="alice", groups=frozenset({"users", OPERATORS}))) is None


def test_anybody_else_is_refused_by_name() -> None:
    reason = refusal(Person(uid=940, name="att", groups=frozenset({"att", "att-engine"})))
    assert reason == f"user att is not in the group {OPERATORS}"


def test_a_uid_that_the_machine_does_not_know_is_refused() -> None:
    assert refusal(None) == "the machine knows no such user"
