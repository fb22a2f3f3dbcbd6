"""The gate's verdicts, round by round."""

import pytest

from att.health.decision import Fail, FailureClass, Pass, Round, Trial, Undecided, Verdict, failed_checks, judge
from att.health.thresholds import CHECKS, Thresholds

LIMITS = Thresholds(successes=3, probation_seconds=5, ready_seconds=10, required=CHECKS[:5])
NEW = "1.1.0"


def trial(**changes: object) -> Trial:
    return Trial(began=0.0, target=NEW, former_process="run-1", **changes)  # type: ignore[arg-type]  # the keywords come from a table


def look(at: float, *, bad: str = "", by: str = NEW, process: str = "run-2", restarts: int = 0) -> Round:
    checks = {name: ("sick" if name in bad.split() else None) for name in CHECKS}
    return Round(at, checks, by, process, restarts)


def after(*rounds: Round, start: Trial | None = None) -> Verdict:
    now, verdict = start or trial(), None
    for one in rounds:
        now, verdict = judge(now, one, LIMITS)
    assert verdict is not None
    return verdict


def test_steady_health_over_the_probation_passes_and_tells_the_start_time() -> None:
    assert after(*(look(at) for at in (2, 3, 5, 7))) == Pass(start_seconds=2)


def test_enough_successes_are_not_enough_before_the_probation_ends() -> None:
    assert after(look(1), look(2), look(3), look(4)) == Undecided(60.0)


def test_the_probation_alone_is_not_enough_without_the_successes() -> None:
    assert isinstance(after(look(1), look(9)), Undecided)


def test_a_failed_round_begins_the_count_anew() -> None:
    assert after(look(1), look(2), look(3, bad="canary"), look(4), look(6.5), look(7)) == Undecided(60.0)


def test_the_former_process_that_still_answers_is_waited_for() -> None:
    assert after(look(1, bad="release", by="1.0.0", process="run-1")) == Undecided(0.0)


def test_a_new_process_of_another_release_fails_at_once() -> None:
    verdict = after(look(1, bad="release", by="9.9.9"))
    assert verdict == Fail(FailureClass.HEALTH, "release 9.9.9 answers instead of 1.1.0")


def test_a_process_replaced_in_probation_is_a_watchdog_failure() -> None:
    verdict = after(look(1), look(2, process="run-3"))
    assert isinstance(verdict, Fail)
    assert verdict.failure is FailureClass.WATCHDOG


def test_a_service_manager_that_does_not_answer_is_no_restart() -> None:
    assert isinstance(after(look(1), look(2, process="")), Undecided)


def test_a_restart_counter_that_rises_in_probation_is_a_watchdog_failure() -> None:
    verdict = after(look(1), look(2, restarts=1))
    assert isinstance(verdict, Fail)
    assert verdict.failure is FailureClass.WATCHDOG


def test_crashes_before_readiness_are_a_deploy_failure() -> None:
    verdict = after(look(1, bad="ready", by="", restarts=6))
    assert isinstance(verdict, Fail)
    assert verdict.failure is FailureClass.DEPLOY


def test_nobody_who_answers_until_the_deadline_is_a_deploy_failure() -> None:
    verdict = after(look(11, bad="ready", by=""))
    assert isinstance(verdict, Fail)
    assert verdict.failure is FailureClass.DEPLOY


def test_a_release_that_answers_but_is_never_ready_is_a_health_failure() -> None:
    assert after(look(9, bad="ready")) == Undecided(0.0)
    assert after(look(9, bad="ready"), look(11, bad="ready")) == Fail(
        FailureClass.HEALTH, "not healthy after 11 s: ready: sick"
    )


@pytest.mark.parametrize("bad", ["", "canary"])
def test_health_that_never_lasts_ends_with_the_whole_deadline(bad: str) -> None:
    rounds = [look(at, bad="" if at % 2 else "canary") for at in range(1, 25)]
    verdict = after(*rounds, look(26, bad=bad))
    assert isinstance(verdict, Fail)
    assert verdict.failure is FailureClass.HEALTH
    assert "not steadily healthy" in verdict.detail


def test_own_checks_that_were_accepted_as_failing_do_not_count_but_others_do() -> None:
    checks = {"ready": "503", "ready.disk": "full", "ready.database": None}
    sick = Round(1.0, checks, NEW, "run-2", 0)
    assert failed_checks(sick, ("ready",), ("disk",)) == []
    assert failed_checks(sick, ("ready",), ()) == ["ready: 503"]
    worse = Round(1.0, {**checks, "ready.database": "gone"}, NEW, "run-2", 0)
    assert failed_checks(worse, ("ready",), ("disk",)) == ["ready: 503"]
    silent = Round(1.0, {"ready": "no answer"}, "", "run-2", 0)
    assert failed_checks(silent, ("ready",), ("disk",)) == ["ready: no answer"]


def test_a_check_that_was_not_asked_has_not_passed() -> None:
    assert failed_checks(Round(1.0, {}, NEW, "", 0), ("canary",), ()) == ["canary: was not asked"]
