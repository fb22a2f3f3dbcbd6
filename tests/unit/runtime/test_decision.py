"""Who logs in at the local door, when an app starts again, what state it is in, how often a start is looked at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.runtime.decision import (
    BACKOFF_SECONDS_MAX,
    FAILURES_MAX,
    OPERATORS,
    PORT_FIRST,
    PORT_LAST,
    STABLE_SECONDS,
    Desired,
    Life,
    Person,
    after_end,
    app_state,
    free_port,
    pause_between_looks,
    refusal,
)
from att.runtime.schema import AppState, Policy
from att.workspace.schema import Ending

LIVES = st.builds(
    Life,
    ending=st.sampled_from(Ending),
    code=st.none() | st.integers(-64, 255),
    lived_seconds=st.floats(0, 1e7),
    failures=st.integers(0, FAILURES_MAX + 3),
)
FLAGS = st.fixed_dictionaries(
    {name: st.booleans() for name in ("alive", "healthy", "failed", "young", "waits")},
)


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


@given(st.sampled_from(Policy), st.booleans(), LIVES)
def test_a_verdict_is_bounded_and_never_both_starts_and_gives_up(policy: Policy, autostart: bool, life: Life) -> None:
    verdict = after_end(policy, autostart=autostart, life=life)
    assert verdict.after_seconds is None or 0 <= verdict.after_seconds <= BACKOFF_SECONDS_MAX
    assert not (verdict.gave_up and verdict.after_seconds is not None)


@given(st.booleans(), LIVES)
def test_the_policy_never_starts_nothing_but_after_a_reboot(autostart: bool, life: Life) -> None:
    starts = after_end(Policy.NEVER, autostart=autostart, life=life).after_seconds is not None
    assert starts == (life.ending in (Ending.LOST, Ending.STOPPED) and autostart)


@given(st.sampled_from(Policy), st.booleans(), LIVES)
def test_a_wanted_app_that_a_shutdown_stopped_comes_back_if_it_starts_by_itself(
    policy: Policy, autostart: bool, life: Life
) -> None:
    stopped = Life(Ending.STOPPED, life.code, life.lived_seconds, life.failures)
    verdict = after_end(policy, autostart=autostart, life=stopped)
    assert (verdict.after_seconds is not None) == autostart
    assert verdict.failures == life.failures


@given(st.sampled_from([Ending.EXITED, Ending.KILLED, Ending.TIMED_OUT]), st.integers(1, 255))
def test_failures_in_a_row_wait_longer_each_time_and_end(ending: Ending, code: int) -> None:
    waits, failures = [], 0
    while True:
        verdict = after_end(Policy.ON_FAILURE, autostart=True, life=Life(ending, code, 0.1, failures))
        failures = verdict.failures
        if verdict.after_seconds is None:
            break
        waits.append(verdict.after_seconds)
    assert verdict.gave_up
    assert waits == [1, 2, 4, 8, 16]


def test_a_clean_end_is_started_again_only_by_the_policy_always() -> None:
    life = Life(Ending.EXITED, 0, 5, 0)
    assert after_end(Policy.ON_FAILURE, autostart=True, life=life).after_seconds is None
    assert after_end(Policy.ALWAYS, autostart=True, life=life).after_seconds == 1


def test_an_app_that_lived_long_begins_a_new_row_of_failures() -> None:
    verdict = after_end(Policy.ON_FAILURE, autostart=True, life=Life(Ending.EXITED, 1, STABLE_SECONDS, FAILURES_MAX))
    assert (verdict.failures, verdict.after_seconds) == (1, 1)


@given(st.sampled_from(Desired), FLAGS)
def test_an_app_that_lives_is_never_shown_as_stopped(desired: Desired, flags: dict[str, bool]) -> None:
    state = app_state(desired, **flags)
    assert (state in {AppState.RUNNING, AppState.STARTING, AppState.UNHEALTHY}) == flags["alive"]
    assert (state is AppState.RUNNING) == (flags["alive"] and flags["healthy"])


def test_an_app_that_does_not_answer_is_unhealthy_once_it_had_its_time() -> None:
    about = {"alive": True, "healthy": False, "failed": False, "waits": False}
    assert app_state(Desired.RUNNING, young=True, **about) is AppState.STARTING
    assert app_state(Desired.STARTING, young=False, **about) is AppState.STARTING
    assert app_state(Desired.RUNNING, young=False, **about) is AppState.UNHEALTHY


PORTS = st.integers(PORT_FIRST, PORT_LAST)


@given(st.none() | PORTS, st.none() | PORTS, st.sets(PORTS))
def test_a_port_is_never_given_twice_and_a_pinned_one_is_that_or_none(
    wanted: int | None, before: int | None, taken: set[int]
) -> None:
    port = free_port(wanted, before, taken)
    assert port is None or port not in taken
    if wanted is not None:
        assert port in (wanted, None)
    elif before is not None and before not in taken:
        assert port == before


def test_no_port_is_given_when_all_are_taken() -> None:
    assert free_port(None, None, set(range(PORT_FIRST, PORT_LAST + 1))) is None
