"""Judges the rounds of the health gate: pure, one round in, a verdict out.

A trial passes when the required checks held several rounds in a row and all of them over the probation time, in one
and the same process. A round that fails begins the count anew; a process that was replaced or another release that
answers ends the trial at once, and so does the deadline.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from att.health.thresholds import Thresholds

CRASHES_MAX = 5


class FailureClass(StrEnum):
    """What kind of failure ends a trial."""

    DEPLOY = "deploy_failure"
    WATCHDOG = "watchdog_failure"
    HEALTH = "health_failure"


@dataclass(frozen=True)
class Round:
    """One look from outside. `checks` maps each check to None (passed) or why not; `at` is monotonic seconds.

    `answered_by` is the release that answered, empty where none did; `process` names the run of the API that is up.
    """

    at: float
    checks: Mapping[str, str | None]
    answered_by: str
    process: str
    restarts: int


@dataclass(frozen=True)
class Trial:
    """What the gate remembers between rounds."""

    began: float
    target: str
    former_process: str
    accepted: frozenset[str] = frozenset()
    successes: int = 0
    good_since: float | None = None
    process: str = ""
    restarts_before: int = 0
    last: str = "nobody answered yet"


@dataclass(frozen=True)
class Pass:
    """Healthy. `start_seconds` is how long the release took to its first good round."""

    start_seconds: float


@dataclass(frozen=True)
class Fail:
    """Not healthy."""

    failure: FailureClass
    detail: str


@dataclass(frozen=True)
class Undecided:
    """Look again; `percent` of the probation is done."""

    percent: float


Verdict = Pass | Fail | Undecided


def judge(trial: Trial, look: Round, thresholds: Thresholds) -> tuple[Trial, Verdict]:
    """Take one round into the trial and say how it stands."""
    failing = failed_checks(look, thresholds.required, trial.accepted)
    ended = _ended(trial, look)
    if ended is not None:
        return trial, ended
    if failing:
        trial = replace(trial, successes=0, good_since=None, last="; ".join(failing))
        return trial, _late(trial, look, thresholds) or Undecided(0.0)
    since = look.at if trial.good_since is None else trial.good_since
    trial = replace(
        trial, successes=trial.successes + 1, good_since=since, process=look.process, restarts_before=look.restarts
    )
    proven = look.at - since
    if trial.successes >= thresholds.successes and proven >= thresholds.probation_seconds:
        return trial, Pass(max(0.0, since - trial.began))
    percent = 100.0 * min(1.0, proven / thresholds.probation_seconds, trial.successes / thresholds.successes)
    return trial, _late(trial, look, thresholds) or Undecided(percent)


def failed_checks(look: Round, required: Collection[str], accepted: Collection[str]) -> list[str]:
    """Say of every required check that did not pass why not. `accepted` names own checks of the service that were
    accepted as failing before: when no other fails, `ready` counts as passed.
    """
    return [f"{name}: {why}" for name in required if (why := _why_failed(name, look, accepted)) is not None]


def _why_failed(name: str, look: Round, accepted: Collection[str]) -> str | None:
    why = look.checks.get(name, "was not asked")
    if name == "ready" and why is not None:
        own = {check.removeprefix("ready.") for check, bad in look.checks.items() if check.startswith("ready.") and bad}
        if own and own <= set(accepted):
            return None
    return why


def deadline_seconds(thresholds: Thresholds) -> float:
    """Seconds that a whole trial may take: to the first good round, then thrice the probation for rounds that fail."""
    return thresholds.ready_seconds + 3 * thresholds.probation_seconds


def crash_loop(restarts: int) -> str | None:
    """Say that a service which was never well does not come up, None while it still may."""
    return f"the service crashes again and again ({restarts} restarts)" if restarts > CRASHES_MAX else None


def _ended(trial: Trial, look: Round) -> Fail | None:
    new_process = look.process not in ("", trial.former_process)
    if trial.process and look.process not in ("", trial.process):
        return Fail(FailureClass.WATCHDOG, "the service was restarted while it was proving itself")
    if trial.process and look.restarts > trial.restarts_before:
        return Fail(FailureClass.WATCHDOG, f"the service crashed in its probation ({look.restarts} restarts)")
    if not trial.process and (said := crash_loop(look.restarts)) is not None:
        return Fail(FailureClass.DEPLOY, said)
    if new_process and look.answered_by not in ("", trial.target):
        return Fail(FailureClass.HEALTH, f"release {look.answered_by} answers instead of {trial.target}")
    return None


def _late(trial: Trial, look: Round, thresholds: Thresholds) -> Fail | None:
    spent = look.at - trial.began
    if trial.good_since is None and spent > thresholds.ready_seconds and not trial.process:
        failure = FailureClass.HEALTH if look.answered_by == trial.target else FailureClass.DEPLOY
        return Fail(failure, f"not healthy after {spent:.0f} s: {trial.last}")
    if spent > deadline_seconds(thresholds):
        return Fail(FailureClass.HEALTH, f"not steadily healthy after {spent:.0f} s: {trial.last}")
    return None
