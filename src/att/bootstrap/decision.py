"""What is due in a cycle: facts in, step out. Nothing stores how far a cycle is, so it goes on after any death.

A fact that belongs to another commit than the head counts as absent: whatever moves the head has it all done again.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

ROOMS = "src/att/"
TESTS = "tests/unit/"
ALWAYS = "tests/unit/kernel"
_DEPTH = 3


class Step(StrEnum):
    """The ten steps, in their order."""

    REGISTER = "register"
    BRANCH = "branch"
    EDIT = "edit"
    TEST = "test"
    PULL_REQUEST = "pull_request"
    CHECKS = "checks"
    APPROVE = "approve"
    MERGE = "merge"
    RELEASE = "release"
    HEALTH = "health"


class Undo(StrEnum):
    """What an ended cycle must not leave behind; after a merge, what it must leave instead."""

    COMMENT = "comment"
    REVERT = "revert"
    PULL_REQUEST = "close_pull_request"
    BRANCH = "remove_branch"
    WORKTREE = "leave_worktree"


class CycleOutcome(StrEnum):
    """How a cycle ended; MERGED is one that was asked for without a release."""

    RELEASED = "released"
    MERGED = "merged"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    CANCELLED = "cancelled"


Verdict = Literal["running", "committed", "rolled_back", "failed_safe", "refused"]


@dataclass(frozen=True)
class Why:
    """Why a cycle does not go on."""

    code: str
    detail: str


@dataclass(frozen=True)
class Done:
    """Nothing is due any more."""

    outcome: CycleOutcome
    why: Why | None = None


@dataclass(frozen=True)
class CheckIdentity:
    """What the result of a check belongs to: digests of the tree and of the checks file, and the release it ran on."""

    tree: str
    checks: str
    release: str


@dataclass(frozen=True)
class CheckRun:
    """The last run of one check; `detail` says why it did not pass where its exit code does not."""

    name: str
    state: Literal["running", "passed", "failed"]
    identity: CheckIdentity
    detail: str = ""


@dataclass(frozen=True)
class Proven:
    """How the tests of one commit ended."""

    commit: str
    passed: bool


@dataclass(frozen=True)
class Pull:
    """The cycle's pull request."""

    number: int
    head: str
    state: Literal["open", "merged", "closed"]


@dataclass(frozen=True)
class Proposed:
    """What the engine says of the cycle's pull request; `problem` is what is missing of the yes it needs."""

    commit: str
    approved: bool
    denied: bool = False


@dataclass(frozen=True)
class Rules:
    """What was asked for: with a release or without, beginning with the revert of a held merge or not."""

    releases: bool = True
    reverts: bool = False


@dataclass(frozen=True)
class Facts:
    """Everything a cycle knows, asked anew each time.

    `head` is the tip of the cycle's branch in the forge, `fits` whether it contains the tip of `main`; `local` whether
    the worktree has the branch; `required` the checks that `main` demands and `wanted` what their results must belong
    to. `commented` and `reverted` are what is left after a merge that did not become the release.
    """

    registered: bool = False
    cancelled: bool = False
    failure: Why | None = None
    held: int | None = None
    local: bool = False
    head: str | None = None
    fits: bool = False
    proven: Proven | None = None
    pull: Pull | None = None
    required: frozenset[str] = frozenset()
    wanted: CheckIdentity | None = None
    checks: tuple[CheckRun, ...] = ()
    proposed: Proposed | None = None
    verdict: Verdict | None = None
    commented: bool = False
    reverted: bool = False


def due(facts: Facts, rules: Rules) -> Step | Undo | Done:
    """Return what is to be done next; from the begin of the engine's transaction on its verdict alone decides."""
    if facts.verdict is not None:
        return _by_verdict(facts, facts.verdict)
    if facts.pull is not None and facts.pull.state == "merged":
        return _after_merge(facts, rules)
    why = why_over(facts, rules)
    if why is not None:
        return _cleared(facts) or Done(CycleOutcome.CANCELLED if facts.cancelled else CycleOutcome.FAILED, why)
    return _next(facts)


def _by_verdict(facts: Facts, verdict: Verdict) -> Step | Undo | Done:
    if verdict == "running":
        return Step.HEALTH
    if verdict == "committed":
        return _cleared(facts) or Done(CycleOutcome.RELEASED)
    outcome = CycleOutcome.ROLLED_BACK if verdict == "rolled_back" else CycleOutcome.FAILED
    return _taken_back(facts) or _cleared(facts) or Done(outcome, Why("release_lost", f"the release was {verdict}"))


def _after_merge(facts: Facts, rules: Rules) -> Step | Undo | Done:
    if not rules.releases:
        return _cleared(facts) or Done(CycleOutcome.MERGED)
    why = _stopped(facts)
    if why is None:
        return Step.RELEASE
    outcome = CycleOutcome.CANCELLED if facts.cancelled else CycleOutcome.FAILED
    return _taken_back(facts) or _cleared(facts) or Done(outcome, why)


def _stopped(facts: Facts) -> Why | None:
    if facts.cancelled:
        return Why("job_cancelled", "it was cancelled")
    return facts.failure


def why_over(facts: Facts, rules: Rules) -> Why | None:
    """Return why a cycle does not go on, None while it does; once it has merged its end says more than this.

    Remember it as `failure` before anything is undone: what is undone may have been the reason.
    """
    if facts.verdict is not None or (facts.pull is not None and facts.pull.state == "merged"):
        return None
    if (stopped := _stopped(facts)) is not None:
        return stopped
    if facts.held is not None and not rules.reverts:
        return Why("main_held", f"pull request {facts.held} was merged and is not what runs: main waits for its revert")
    if facts.pull is not None and facts.pull.state == "closed":
        return Why("pr_ended", f"pull request {facts.pull.number} was closed")
    if facts.wanted is not None and not facts.required:
        return Why("checks_missing", "main demands no check: nothing would have looked at the change")
    if (proven := _proven(facts)) is not None and not proven.passed:
        return Why("tests_failed", "the tests failed")
    failed = [run for run in _counting(facts) if run.state == "failed" and run.name in facts.required]
    if failed:
        told = sorted(f"{run.name} ({run.detail})" if run.detail else run.name for run in failed)
        return Why("checks_failed", f"required checks failed: {', '.join(told)}")
    proposed = _proposed(facts)
    return Why("approval_denied", "an operator said no") if proposed is not None and proposed.denied else None


def _next(facts: Facts) -> Step:
    """Return the first step whose fact is missing."""
    proposed = _proposed(facts)
    passed = {run.name for run in _counting(facts) if run.state == "passed"}
    there = (
        (Step.REGISTER, facts.registered),
        (Step.BRANCH, facts.local),
        (Step.EDIT, facts.head is not None and facts.fits),
        (Step.TEST, _proven(facts) is not None),
        (Step.PULL_REQUEST, _pull(facts) is not None),
        (Step.CHECKS, facts.wanted is not None and passed >= facts.required),
        (Step.APPROVE, proposed is not None and proposed.approved),
    )
    return next((step for step, is_there in there if not is_there), Step.MERGE)


def _taken_back(facts: Facts) -> Undo | None:
    """Return what a merge that did not become the release still lacks."""
    if not facts.commented:
        return Undo.COMMENT
    return None if facts.reverted else Undo.REVERT


def _cleared(facts: Facts) -> Undo | None:
    """Return what a cycle that is over has left."""
    if facts.pull is not None and facts.pull.state == "open":
        return Undo.PULL_REQUEST
    if facts.head is not None:
        return Undo.BRANCH
    return Undo.WORKTREE if facts.local else None


def _proven(facts: Facts) -> Proven | None:
    return facts.proven if facts.proven is not None and facts.proven.commit == facts.head else None


def _pull(facts: Facts) -> Pull | None:
    return facts.pull if facts.pull is not None and facts.pull.head == facts.head else None


def _proposed(facts: Facts) -> Proposed | None:
    return facts.proposed if facts.proposed is not None and facts.proposed.commit == facts.head else None


def _counting(facts: Facts) -> Iterable[CheckRun]:
    """Yield the runs that belong to what would be merged now: all three of their identity are equal, or they do not."""
    return (run for run in facts.checks if run.identity == facts.wanted)


def dropped_tests(base: Collection[str], head: Collection[str]) -> tuple[str, ...]:
    """Return the ids of tests that `base` collects and `head` does not, sorted: they need a person's yes."""
    return tuple(sorted(set(base) - set(head)))


def affected(paths: Iterable[str], present: Collection[str]) -> tuple[str, ...]:
    """Return the tests that changed `paths` concern: of each room that changed its folder, else the changed file.

    `present` are the paths of the tests that there are; the ground's tests always run.
    """
    wanted = {ALWAYS}
    for path in paths:
        parts = path.split("/")
        if path.startswith(ROOMS) and len(parts) > _DEPTH:
            wanted.add(TESTS + parts[2])
        if path.startswith(TESTS) and len(parts) > _DEPTH:
            wanted.add("/".join(parts[:3]))
    return tuple(sorted(wanted & set(present)))
