"""Carries one course to its end: asks what is due, does it, says so, asks again. A death costs nothing but time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import anyio

from att.bootstrap.decision import CycleOutcome, Done, Step, Undo, Why, due, why_over
from att.bootstrap.ports import Bus, Proposals
from att.bootstrap.probing import Course, Prober, Seen
from att.bootstrap.steps import Steps, evidence_of
from att.bootstrap.undoing import Undoing
from att.events.schema import EventType
from att.kernel.codes import CODES
from att.kernel.errors import AttError, Refused, Unavailable
from att.projects.decision import SELF_SLUG
from att.upgrade.schema import ReleaseIds

POLL_SECONDS = 1.0
TRIES, PAUSES_MAX = 60, 10
"""How often in a row something may fail that time may mend, waiting a pause longer each time up to so many."""
STEPS_KEPT = 100
_ORDER = list(Step)
FENCED = "write_fenced"
MENDED_BY_TIME = frozenset({"base_moves", "git_busy", "agent_unreachable", "too_many_tasks"})


@dataclass(frozen=True)
class Runner:
    """Drives courses; nothing of one is kept here."""

    prober: Prober
    steps: Steps
    undoing: Undoing
    engine: Proposals
    bus: Bus
    clock: Callable[[], float]
    poll_seconds: float = POLL_SECONDS

    async def run(self, course: Course) -> Done:
        """Return how it ended: nothing is left then that should not be. Raises AttError where that could not be done.

        Once somebody wants it stopped, or a step failed, what it has done is undone before it ends.
        """
        tries = 0
        while True:
            what: Step | Undo | Done | None = None
            try:
                seen = await self.prober.look(course)
                what = due(seen.facts, course.rules)
                await self._tell(course, seen, what)
                if isinstance(what, Done):
                    await self._tell_end(course, seen, what)
                    return what
                wait = await self._do(course, seen, what)
                tries = 0
            except AttError as error:
                if error.code == FENCED:
                    raise  # the job begins again when writes are taken: all facts are still there
                tries += 1
                if tries > TRIES or not mended_by_time(error):
                    if not isinstance(what, Step):
                        raise
                    await self._failed(course, error)
                    tries = 0
                wait = True
            if wait:
                await anyio.sleep(self.poll_seconds * min(max(1, tries), PAUSES_MAX))

    async def _do(self, course: Course, seen: Seen, what: Step | Undo) -> bool:
        if isinstance(what, Step):
            return await self.steps.take(what, course, seen)
        why = why_over(seen.facts, course.rules)
        if why is not None and seen.facts.failure is None and not seen.facts.cancelled:
            await self._failed(course, why)
        await self.undoing.undo(what, course, seen)
        return False

    async def _failed(self, course: Course, error: AttError | Why) -> None:
        told = error if isinstance(error, AttError) else Refused(error.code, f"cannot go on: {error.detail}")
        failure = {"code": told.code, "detail": told.detail, "hint": told.hint, "data": told.data}
        await course.progress.log(f"{told.code}: {told.detail}", failure=failure)

    async def _tell(self, course: Course, seen: Seen, what: Step | Undo | Done) -> None:
        """Write down the step that begins, what speaks for the one before, and those that had nothing left to do."""
        told: list[dict[str, Any]] = list(seen.memory.get("steps", []))
        last = told[-1] if told else None
        name = "" if isinstance(what, Done) else what.value
        now = datetime.fromtimestamp(self.clock(), UTC).isoformat()
        if seen.memory.get("doing") == name:
            return
        if last is not None and last["ended"] is None:
            told[-1] = {**last, "ended": now, "evidence": evidence_of(Step(last["step"]), seen)}
        former = _ORDER.index(Step(last["step"])) + 1 if last is not None else 0
        for step in _ORDER[former : _reached(seen, what)]:
            told.append({"step": step.value, "began": now, "ended": now, "evidence": evidence_of(step, seen)})
        if isinstance(what, Step):
            told.append({"step": name, "began": now, "ended": None, "evidence": {}})
        number = seen.pull.number if seen.pull else None
        found = {"head": seen.facts.head or _head_of(seen), **({} if number is None else {"number": number})}
        await course.progress.remember(doing=name, steps=told[-STEPS_KEPT:], **found)
        if name:
            await course.progress.step(name)
            self._publish(EventType.BOOTSTRAP_STEP, {"job_id": course.job_id, "step": name, "number": number}, seen)

    async def _tell_end(self, course: Course, seen: Seen, done: Done) -> None:
        ids = await self._ids(seen)
        pull, begun = seen.pull, seen.transaction
        end = {
            "outcome": done.outcome.value,
            "ids": ids.release_ids(),
            "merge_commit": pull.merge_commit if pull else None,
            "transaction": begun.id if begun else None,
        }
        await course.progress.log(f"ended: {done.outcome.value}", end=end)
        why = {"code": done.why.code, "detail": done.why.detail} if done.why else None
        number = pull.number if pull else None
        told = {"job_id": course.job_id, "number": number, "why": why, **end, **ids.release_ids()}
        self._publish(EventType.BOOTSTRAP_ENDED, told, seen)

    async def _ids(self, seen: Seen) -> ReleaseIds:
        if seen.transaction is not None:
            return ReleaseIds.model_validate(seen.transaction.release_ids())
        return await self.engine.ids()

    def _publish(self, event: EventType, told: dict[str, Any], seen: Seen) -> None:
        self.bus.publish(event, told, project_id=seen.place.project_id if seen.place else SELF_SLUG)


def mended_by_time(error: AttError) -> bool:
    """Whether the same may go well a moment later."""
    return isinstance(error, Unavailable) or error.code in MENDED_BY_TIME


def refusal_of(done: Done, memory: dict[str, Any]) -> AttError:
    """Return the error of a course that ended before anything was released."""
    failure = memory.get("failure")
    if failure and done.why is not None and failure["code"] == done.why.code:
        return Refused(failure["code"], failure["detail"], hint=failure["hint"], data=failure["data"])
    code = done.why.code if done.why is not None and done.why.code in CODES else "internal"
    detail = done.why.detail if done.why is not None else "it ended without a reason"
    return Refused(code, f"cannot finish the cycle: {detail}")


def is_kept(outcome: CycleOutcome) -> bool:
    """Whether what was asked for is there."""
    return outcome in (CycleOutcome.RELEASED, CycleOutcome.MERGED)


def _reached(seen: Seen, what: Step | Undo | Done) -> int:
    """Return how many of the steps have their facts, now that this is due."""
    if isinstance(what, Step):
        return _ORDER.index(what)
    if seen.facts.verdict is not None:
        return len(_ORDER)
    merged = seen.facts.pull is not None and seen.facts.pull.state == "merged"
    return _ORDER.index(Step.RELEASE) if merged else 0


def _head_of(seen: Seen) -> str | None:
    return seen.pull.head_commit if seen.pull else None
