"""Decides who logs in at the local door, when an app starts again, what state it is in: values in, verdict out."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from att.runtime.schema import AppState, Policy
from att.workspace.schema import Ending

OPERATORS = "att-operators"


@dataclass(frozen=True)
class Person:
    """A user of the machine: uid, login name, and the names of all groups the user is in."""

    uid: int
    name: str
    groups: frozenset[str]


def refusal(person: Person | None) -> str | None:
    """Return why `person` gets no token at the local door, None when they do; None stands for an unknown uid."""
    if person is None:
        return "the machine knows no such user"
    if person.uid == 0 or OPERATORS in person.groups:
        return None
    return f"user {person.name} is not in the group {OPERATORS}"


STABLE_SECONDS = 60.0
"""An app that lived this long was well: its next end is the first of a new row."""
BACKOFF_SECONDS, BACKOFF_SECONDS_MAX = 1.0, 60.0
FAILURES_MAX = 5
LOOK_SECONDS, LOOK_SECONDS_MAX = 0.05, 1.0
LOOK_TIMES = 5.0
PORT_FIRST, PORT_LAST = 8100, 8999


class Desired(StrEnum):
    """What somebody wants of an app. STARTING belongs to the job that starts it, RUNNING is kept so."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"


@dataclass(frozen=True)
class Life:
    """How an app's task ended: `failures` counts the ends in a row before this one that came too soon."""

    ending: Ending
    code: int | None
    lived_seconds: float
    failures: int


@dataclass(frozen=True)
class Verdict:
    """Start again `after_seconds`, or never when that is None; `gave_up` after too many failures in a row."""

    after_seconds: float | None
    failures: int
    gave_up: bool = False


def after_end(policy: Policy, *, autostart: bool, life: Life) -> Verdict:
    """Return what becomes of an app that is wanted and has ended.

    One that was lost, or stopped though it is wanted, went with its machine: power cut or shutdown. Whether it comes
    back is what `autostart` says, and it is no failure. (Who stops an app by its operation stops wanting it first.)
    """
    if life.ending is Ending.LOST:
        return Verdict(0.0 if autostart else None, life.failures)
    if life.ending is Ending.STOPPED:
        return Verdict(BACKOFF_SECONDS if autostart else None, life.failures)
    if policy is Policy.NEVER:
        return Verdict(None, life.failures)
    if policy is Policy.ON_FAILURE and is_clean(life.ending, life.code):
        return Verdict(None, life.failures)
    failures = (0 if life.lived_seconds >= STABLE_SECONDS else life.failures) + 1
    if failures > FAILURES_MAX:
        return Verdict(None, failures, gave_up=True)
    return Verdict(min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS * 2.0 ** (failures - 1)), failures)


def is_clean(ending: Ending, code: int | None) -> bool:
    """Whether an app ended by itself and without complaint."""
    return ending is Ending.EXITED and code == 0


def app_state(desired: Desired, *, alive: bool, healthy: bool, failed: bool, young: bool, waits: bool) -> AppState:
    """Return the state that people see. `young`: it may still become healthy for the first time."""
    if alive:
        if healthy:
            return AppState.RUNNING
        return AppState.STARTING if young or desired is Desired.STARTING else AppState.UNHEALTHY
    if waits:
        return AppState.WAITING
    return AppState.FAILED if failed else AppState.STOPPED


def pause_between_looks(took_seconds: float) -> float:
    """Return how long to wait before looking again whether an app is healthy, when the last look took that long.

    On a slow machine looking must not take the processor from what is looked for.
    """
    return min(LOOK_SECONDS_MAX, max(LOOK_SECONDS, LOOK_TIMES * took_seconds))


def free_port(wanted: int | None, before: int | None, taken: Collection[int]) -> int | None:
    """Return the port of an app: the pinned one, the one it had, else the first free one; None when there is none.

    `taken` holds the ports of all other apps that are wanted and, where they share a network, of other programs.
    """
    if wanted is not None:
        return None if wanted in taken else wanted
    candidates = [before] if before is not None else []
    return next((port for port in [*candidates, *range(PORT_FIRST, PORT_LAST + 1)] if port not in taken), None)
