"""Asks the world for the facts of a cycle: the forge, the worktree, the engine, and what the job remembers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from att.bootstrap.decision import CheckIdentity, CheckRun, Facts, Proposed, Proven, Pull, Rules, Why
from att.bootstrap.guarding import approval_of
from att.bootstrap.ports import Proposals
from att.bootstrap.project import SelfProject, pull_of
from att.bootstrap.schema import BootstrapRun
from att.bootstrap.source import Source
from att.forge.bare import HEADS, Bare
from att.forge.ports import PullRequests
from att.forge.schema import Check, CheckState, PullRequest, PullState
from att.git.service import Git
from att.kernel.errors import NotFound
from att.kernel.operation import Caller, Progress
from att.projects.decision import SELF_SLUG
from att.upgrade.approvals.standing import Standing, Status
from att.upgrade.schema import Transaction
from att.workspace.place import Place

REVERTS = "revert/"
PULLS_MAX = 200
RERUNS_MAX = 2
"""How often a check that could not run is asked for again before that counts as a no."""


@dataclass(frozen=True)
class Course:
    """What one job is about: a change from its beginning, or with `number` the release of what was merged by hand."""

    job_id: str
    caller: Caller
    progress: Progress
    rules: Rules
    request: BootstrapRun | None = None
    number: int | None = None

    @property
    def branch(self) -> str:
        """The branch that is the cycle's own, in the worktree and in the forge."""
        return f"bootstrap/{self.job_id}"


@dataclass(frozen=True)
class Seen:
    """The facts, and what they were read from; `runs` are the checks of the pull request's head."""

    facts: Facts
    place: Place | None = None
    main: str = ""
    pull: PullRequest | None = None
    runs: tuple[Check, ...] = ()
    status: Status | None = None
    standing: Standing | None = None
    transaction: Transaction | None = None
    memory: Mapping[str, Any] = field(default_factory=dict)


class Prober:
    """Looks; changes nothing. `since` is when `release`, which runs, became the one that tasks start with."""

    def __init__(
        self,
        project: SelfProject,
        source: Source,
        git: Git,
        pulls: PullRequests,
        engine: Proposals,
        *,
        release: str,
        since: Callable[[], datetime],
    ) -> None:
        self._project = project
        self._source = source
        self._git = git
        self._pulls = pulls
        self._engine = engine
        self._release = release
        self._since = since

    async def look(self, course: Course) -> Seen:
        """Return everything that decides what is due."""
        memory = await course.progress.state()
        failure = memory.get("failure")
        facts = Facts(
            cancelled=await course.progress.cancelled(),
            failure=Why(failure["code"], failure["detail"]) if failure else None,
        )
        try:
            place = await self._project.place()
        except NotFound:
            return Seen(facts, memory=memory)
        bare, main, status = await self._source.bare(), await self._source.main(), await self._engine.status()
        newest = await self._pulls.page(place, state=None, limit=PULLS_MAX, before=None)
        pull = await self._pull(place, course, memory, newest)
        facts = replace(
            facts, registered=True, held=await self._held(bare, main, status, newest), proven=_proven(memory)
        )
        if course.request is not None:
            head = await bare.commit_of(HEADS + course.branch)
            fits = head is not None and await bare.is_ancestor(main, head)
            facts = replace(facts, local=await self._local(course.branch), head=head, fits=fits)
        seen = Seen(facts, place, main, pull, status=status, memory=memory)
        if pull is not None:
            seen = await self._of_pull(seen, place, pull, course, newest)
        return await self._of_engine(seen, status, course)

    async def _pull(
        self, place: Place, course: Course, memory: Mapping[str, Any], newest: Sequence[PullRequest]
    ) -> PullRequest | None:
        number = course.number or memory.get("number")
        if number is not None:
            return await pull_of(self._pulls, place, int(number))
        return next((one for one in newest if one.head == course.branch), None)

    async def _held(self, bare: Bare, main: str, status: Status, newest: Sequence[PullRequest]) -> int | None:
        """Return the pull request whose merge is not what runs, until its revert is in main."""
        reverts = {int(one.head.removeprefix(REVERTS)): one for one in newest if _is_revert(one.head)}
        held = {number for number, one in reverts.items() if one.state is PullState.OPEN}
        held |= {status.held.number} if status.held is not None else set()
        for number in sorted(held):
            revert = reverts.get(number)
            if revert is None or not await bare.is_ancestor(revert.head_commit, main):
                return number
        return None

    async def _local(self, branch: str) -> bool:
        found = await self._git.branches(SELF_SLUG)
        return any(one.name == branch and not one.remote for one in found.branches)

    async def _of_pull(
        self, seen: Seen, place: Place, pull: PullRequest, course: Course, newest: Sequence[PullRequest]
    ) -> Seen:
        facts = replace(seen.facts, pull=Pull(pull.number, pull.head_commit, _pull_state(pull.state)))
        if pull.state is PullState.MERGED:
            comments = await self._pulls.comments(place, pull.number)
            facts = replace(
                facts,
                commented=any(one.body.startswith(marker(course.job_id)) for one in comments),
                reverted=any(one.head == f"{REVERTS}{pull.number}" for one in newest),
            )
        elif pull.state is PullState.OPEN and pull.head_commit == facts.head:
            return await self._checked(replace(seen, facts=facts), place, pull)
        return replace(seen, facts=facts)

    async def _checked(self, seen: Seen, place: Place, pull: PullRequest) -> Seen:
        tree, checks = await self._source.tree_digest(pull.head_commit), await self._source.checks_digest(seen.main)
        runs = await self._pulls.checks(place, pull.number)
        since, again = self._since(), int(seen.memory.get("reruns", 0)) < RERUNS_MAX
        counted = tuple(
            CheckRun(
                one.name,
                _run_state(one, again=again),
                CheckIdentity(tree, checks, self._ran_on(one, since)),
                one.detail,
            )
            for one in runs
        )
        facts = replace(
            seen.facts,
            required=await self._source.required(seen.main),
            wanted=CheckIdentity(tree, checks, self._release),
            checks=counted,
        )
        return replace(seen, facts=facts, runs=tuple(runs))

    def _ran_on(self, check: Check, since: datetime) -> str:
        """Return the release that a check ran on; one that began under an earlier release says so."""
        return self._release if check.started is None or check.started >= since else "earlier"

    async def _of_engine(self, seen: Seen, status: Status, course: Course) -> Seen:
        begun = next((one.transaction for one in status.cycles if one.job == course.job_id and one.transaction), None)
        if begun is not None:
            transaction = await self._engine.transaction(begun)
            return replace(seen, transaction=transaction, facts=replace(seen.facts, verdict=transaction.verdict))
        head = seen.facts.head
        if seen.pull is None or head is None:
            return seen
        standing = approval_of(status, seen.pull.number, head)
        if standing is None or standing.releases is not course.rules.releases:
            return seen
        approved = standing.problem is None and status.paused is None
        proposed = Proposed(head, approved=approved, denied=standing.denied is not None)
        return replace(seen, standing=standing, facts=replace(seen.facts, proposed=proposed))


def marker(job_id: str) -> str:
    """Return how the comment of a cycle begins: what proves that it was made."""
    return f"Cycle {job_id} "


def _is_revert(head: str) -> bool:
    return head.startswith(REVERTS) and head.removeprefix(REVERTS).isdecimal()


def _proven(memory: Mapping[str, Any]) -> Proven | None:
    found = memory.get("tested")
    return Proven(str(found["commit"]), bool(found["passed"])) if found else None


def _pull_state(state: PullState) -> Literal["open", "merged", "closed"]:
    if state is PullState.MERGED:
        return "merged"
    return "closed" if state is PullState.CLOSED else "open"


def _run_state(check: Check, *, again: bool) -> Literal["running", "passed", "failed"]:
    if check.state is CheckState.PASSED:
        return "passed"
    if check.state is CheckState.FAILED or (check.state is CheckState.ERROR and not again):
        return "failed"
    return "running"
