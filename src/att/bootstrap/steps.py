"""The ten steps: each looks at what is there, does what is missing, and may be done again after any death.

Every step goes through the service that the public operation of the same name uses. A step returns whether to wait
before looking again.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from att.bootstrap.decision import Step
from att.bootstrap.part import Part
from att.bootstrap.ports import Proposals
from att.bootstrap.probing import Course, Seen
from att.bootstrap.project import MAIN, SelfProject
from att.bootstrap.proposing import Proposer
from att.bootstrap.source import Source
from att.bootstrap.trying import Trial
from att.bootstrap.working import Workbench
from att.forge.ports import PullRequests
from att.forge.repositories import BareRepositories
from att.forge.schema import CheckState, PullState
from att.kernel.errors import Conflict, Failed
from att.upgrade.approvals.lineage import demand_clean

Doing = Callable[[Course, Seen], Awaitable[bool]]


@dataclass(frozen=True)
class Steps:
    """What is done in each step."""

    project: SelfProject
    source: Source
    bench: Workbench
    trial: Trial
    pulls: PullRequests
    repositories: BareRepositories
    proposer: Proposer
    engine: Proposals
    release: str

    async def take(self, step: Step, course: Course, seen: Seen) -> bool:
        """Do one step; raises whatever the services raise."""
        doing: Mapping[Step, Doing] = {
            Step.REGISTER: self._register,
            Step.BRANCH: self._branch,
            Step.EDIT: self._edit,
            Step.TEST: self._test,
            Step.PULL_REQUEST: self._pull_request,
            Step.CHECKS: self._checks,
            Step.APPROVE: self._approve,
            Step.MERGE: self._merge,
            Step.RELEASE: self._release,
            Step.HEALTH: self._health,
        }
        return await doing[step](course, seen)

    async def _register(self, course: Course, _: Seen) -> bool:
        await course.progress.log(f"project att lies in {(await self.project.register()).folder.name}")
        return False

    async def _branch(self, course: Course, seen: Seen) -> bool:
        """Refuse what could never be released before anything is done."""
        if course.rules.releases:
            demand_clean(self.release)
            running = await self.engine.busy()
            # One whose verdict is known has its cleaning up to do: that of the change before this one.
            if running is not None and running.verdict == "running":
                who = f"{running.id}, asked for by {running.by or 'an operator'}"
                raise Conflict("upgrade_running", f"cannot begin: {who} is running", data={"transaction": running.id})
        base = seen.status.base if seen.status is not None else ""
        await self.source.demand_base(base)
        await self.bench.begin(course, held=seen.facts.held)
        return False

    async def _edit(self, course: Course, seen: Seen) -> bool:
        if seen.facts.head is None:
            await self.bench.edit(course)
        else:
            await self.bench.catch_up(course)
        return False

    async def _test(self, course: Course, seen: Seen) -> bool:
        head = _head(seen)
        await self.bench.stand(course, head)
        tested = await self.trial.run(course, base=seen.main, head=head)
        await self.bench.demand_at(head)
        await course.progress.remember(tested=tested)
        return False

    async def _pull_request(self, course: Course, seen: Seen) -> bool:
        place = await self.project.place()
        request = course.request
        if seen.pull is None and request is not None:
            await self.pulls.create(
                place, course.caller, head=course.branch, base=MAIN, title=request.title, body=request.message
            )
        else:
            await self.repositories.pushed(place.project_id)
        return False

    async def _checks(self, course: Course, seen: Seen) -> bool:
        """Have those run again that count no more or could not run; else wait."""
        place, number = await self.project.place(), _number(seen)
        stale = {run.name for run in seen.facts.checks if run.identity != seen.facts.wanted and run.state != "running"}
        errors = {one.name for one in seen.runs if one.state is CheckState.ERROR}
        missing = set(seen.facts.required) - {one.name for one in seen.runs}
        again = sorted((stale | errors | missing) & seen.facts.required)
        if not again:
            return True
        if errors & set(again):
            await course.progress.remember(reruns=int(seen.memory.get("reruns", 0)) + 1)
        await course.progress.log(f"runs again: {', '.join(again)}")
        await self.pulls.rerun(place, number, again)
        return True

    async def _approve(self, course: Course, seen: Seen) -> bool:
        """Show the engine the change, then wait for what operators say."""
        if seen.facts.proposed is not None:
            return True
        number, head = _number(seen), _head(seen)
        standing = await self.proposer.propose(
            number, head, releases=course.rules.releases, subject=seen.pull.title if seen.pull else ""
        )
        missing = f": {standing.problem.detail}" if standing.problem else ""
        await course.progress.log(f"proposed pull request {number} with tree {standing.tree[:12]}{missing}")
        return False

    async def _merge(self, course: Course, seen: Seen) -> bool:
        place = await self.project.place()
        passed = sorted(run.name for run in seen.facts.checks if run.state == "passed")
        await course.progress.remember(checks=passed)
        merged = await self.pulls.merge(place, course.caller, _number(seen), message=None)
        await course.progress.log(f"merged as {merged.merge_commit}")
        if seen.facts.held is not None:
            await self._close_revert(seen.facts.held)
        return False

    async def _close_revert(self, held: int) -> None:
        """The revert is in main by this merge: its own pull request has nothing left to ask."""
        place = await self.project.place()
        for one in await self.pulls.page(place, state=PullState.OPEN, limit=200, before=None):
            if one.head == f"revert/{held}":
                await self.pulls.close(place, one.number)

    async def _release(self, course: Course, seen: Seen) -> bool:
        pull = seen.pull
        if pull is None or pull.merge_commit is None or seen.status is None:
            raise Failed("internal", "cannot release: nothing was merged")
        if seen.status.paused is not None or await self.engine.busy() is not None:
            return True
        checks = [str(name) for name in seen.memory.get("checks", ())]
        async with self.source.pack(seen.status.base, pull.merge_commit) as pack:
            transaction = await self.engine.release(
                pack, number=pull.number, commit=pull.merge_commit, job=course.job_id, checks=checks
            )
        await course.progress.log(f"the upgrade {transaction} has begun")
        return False

    async def _health(self, course: Course, seen: Seen) -> bool:
        if seen.transaction is not None:
            told = " ".join(part for part in (seen.transaction.state, seen.transaction.notes or "") if part)
            await _say(Part(course.progress, "health"), told, percent=seen.transaction.percent)
        return True


async def _say(part: Part, told: str, *, percent: float | None) -> None:
    """Log what is new."""
    if (await part.state()).get("told") != told:
        await part.log(told if percent is None else f"{told} {percent:g} %", told=told)


def evidence_of(step: Step, seen: Seen) -> dict[str, Any]:
    """Return what speaks for a step that was due and is so no more."""
    pull, transaction = seen.pull, seen.transaction
    found: dict[Step, dict[str, Any]] = {
        Step.BRANCH: {"main": seen.main},
        Step.EDIT: {"commit": seen.facts.head},
        Step.TEST: dict(seen.memory.get("tested", {})),
        Step.PULL_REQUEST: {"number": pull.number, "url": pull.url} if pull else {},
        Step.CHECKS: {"runs": {one.name: one.id for one in seen.runs}, **_identity(seen)},
        Step.APPROVE: _approvals(seen),
        Step.MERGE: {"commit": pull.merge_commit} if pull else {},
        Step.RELEASE: {"transaction": transaction.id} if transaction else {},
        Step.HEALTH: {"verdict": transaction.verdict, "log": transaction.log} if transaction else {},
    }
    return {name: value for name, value in found.get(step, {}).items() if value is not None}


def _identity(seen: Seen) -> dict[str, str]:
    wanted = seen.facts.wanted
    return {"tree": wanted.tree, "checks": wanted.checks, "release": wanted.release} if wanted else {}


def _approvals(seen: Seen) -> dict[str, Any]:
    standing = seen.standing
    if standing is None:
        return {}
    said = [{"by": one.by, "door": one.door, "at": one.at.isoformat()} for one in standing.approvals]
    return {"commit": standing.commit, "tree": standing.tree, "approvals": said}


def _head(seen: Seen) -> str:
    if seen.facts.head is None:
        raise Failed("internal", "cannot go on: the cycle's branch is gone")
    return seen.facts.head


def _number(seen: Seen) -> int:
    if seen.pull is None:
        raise Failed("internal", "cannot go on: the cycle's pull request is gone")
    return seen.pull.number
