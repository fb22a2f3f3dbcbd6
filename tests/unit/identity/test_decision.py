import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.identity.decision import (
    SESSION_IDLE_SECONDS,
    SESSION_SECONDS_MAX,
    Lifetime,
    account_problem,
    grant_expires,
    grant_problem,
    may_manage,
    session_expires,
    session_lives,
    worth_touching,
)
from att.identity.schema import TOKEN_DAYS
from att.kernel.operation import Caller, Role

DAY = 86_400.0
roles = st.sampled_from([Role.VIEWER, Role.DEVELOPER, Role.OPERATOR, Role.ADMIN])


def _caller(role: Role, kind: str = "person", token_id: str | None = None) -> Caller:
    return Caller(id="me", name="me", role=role, kind=kind, token_id=token_id)


@pytest.mark.parametrize(
    ("name", "password", "code", "field"),
    [
        ("ann", "correct horse battery", None, None),
        ("", "correct horse battery", "invalid_input", "name"),
        ("-ann", "correct horse battery", "invalid_input", "name"),
        ("a" * 65, "correct horse battery", "invalid_input", "name"),
        ("ann\n", "correct horse battery", "invalid_input", "name"),
        ("ann", "elevenchars", "password_weak", "password"),
        ("ann", "x" * 1025, "invalid_input", "password"),
        ("ann", "a" * 20, "password_weak", "password"),
        ("ann.the.admin", "ANN.the.admin", "password_weak", "password"),
    ],
)
def test_an_account_needs_a_name_and_twelve_characters(
    name: str, password: str, code: str | None, field: str | None
) -> None:
    problem = account_problem(name, password)
    assert (problem.code if problem else None, problem.field if problem else None) == (code, field)


@pytest.mark.parametrize(
    ("life", "lives"),
    [(Lifetime(None), True), (Lifetime(10.1), True), (Lifetime(10.0), False), (Lifetime(None, revoked=1.0), False)],
)
def test_a_credential_lives_until_it_expires_or_is_revoked(life: Lifetime, lives: bool) -> None:
    assert life.lives(10.0) is lives


@pytest.mark.parametrize(
    ("now", "lives"), [(0.0, True), (SESSION_IDLE_SECONDS, True), (SESSION_IDLE_SECONDS + 1, False), (DAY * 7, False)]
)
def test_a_session_ends_when_idle(now: float, lives: bool) -> None:
    assert session_lives(now, last_seen=0.0, expires=DAY * 7) is lives
    assert session_lives(-now, last_seen=0.0, expires=DAY * 7) is lives  # the clock went back
    assert not session_lives(DAY * 7, last_seen=DAY * 7, expires=DAY * 7)


def test_a_session_lives_seven_days_and_no_longer_than_its_token() -> None:
    assert session_expires(1.0, token_expires=None) == 1.0 + SESSION_SECONDS_MAX
    assert session_expires(1.0, token_expires=5.0) == 5.0
    assert session_expires(1.0, token_expires=DAY * 99) == 1.0 + SESSION_SECONDS_MAX


def test_use_is_noted_once_a_minute() -> None:
    assert worth_touching(0.0, None)
    assert not worth_touching(59.9, 0.0)
    assert worth_touching(60.0, 0.0)


@given(roles, roles, st.sampled_from(["person", "agent"]), st.sampled_from(["person", "agent"]))
def test_nobody_makes_a_token_that_may_more_than_they(own: Role, wanted: Role, kind: str, wanted_kind: str) -> None:
    problem = grant_problem(_caller(own, kind), None, role=wanted, kind=wanted_kind, expires=DAY, now=0.0)
    allowed = wanted <= own and not (kind == "agent" and wanted_kind == "person")
    assert (problem is None) is allowed


@given(st.none() | st.floats(min_value=1, max_value=DAY * 400), st.floats(min_value=1, max_value=DAY * 400))
def test_a_token_does_not_outlive_the_one_it_was_made_with(own: float | None, wanted: float) -> None:
    life = Lifetime(own)
    problem = grant_problem(_caller(Role.ADMIN), life, role=Role.VIEWER, kind="person", expires=wanted, now=0.0)
    assert (problem is None) is (own is None or wanted <= own)


@pytest.mark.parametrize(
    ("days", "own", "expires"),
    [
        (3, Lifetime(DAY), 3 * DAY),
        (None, None, TOKEN_DAYS * DAY),
        (None, Lifetime(None), TOKEN_DAYS * DAY),
        (None, Lifetime(DAY), DAY),
        (None, Lifetime(DAY * 9999), TOKEN_DAYS * DAY),
    ],
)
def test_a_token_lives_as_long_as_asked_for_else_no_longer_than_its_maker_s(
    days: int | None, own: Lifetime | None, expires: float
) -> None:
    assert grant_expires(0.0, days, own) == expires


def test_a_gate_caller_can_make_no_token() -> None:
    gate = Caller(id="gate", name="gate", role=Role.ANYONE, kind="gate")
    assert grant_problem(gate, None, role=Role.VIEWER, kind="agent", expires=DAY, now=0.0) is not None


@pytest.mark.parametrize(
    ("caller", "may"),
    [
        (_caller(Role.ADMIN), True),
        (Caller(id="owner", name="o", role=Role.VIEWER), True),
        (_caller(Role.OPERATOR, token_id="tok_1"), True),
        (_caller(Role.OPERATOR), False),
    ],
)
def test_tokens_are_managed_by_their_owner_their_holder_and_admins(caller: Caller, may: bool) -> None:
    assert may_manage(caller, owner="owner", token_id="tok_1") is may
