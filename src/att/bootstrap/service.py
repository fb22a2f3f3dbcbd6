"""Cycles for people and agents: begun, followed, shown, cancelled; and the two steps that are ATT's alone by hand."""

from datetime import datetime
from typing import Any

from att.bootstrap.decision import CycleOutcome, Rules
from att.bootstrap.ports import Proposals
from att.bootstrap.probing import Course
from att.bootstrap.project import SelfProject, pull_of
from att.bootstrap.proposing import Proposer
from att.bootstrap.running import Runner, refusal_of
from att.bootstrap.schema import (
    AfterMerge,
    BootstrapCycle,
    BootstrapNumber,
    BootstrapPropose,
    BootstrapRun,
    CycleList,
    CyclePage,
    StepTaken,
)
from att.forge.ports import PullRequests
from att.forge.schema import PullRequest, PullState
from att.jobs.schema import Job, JobListRequest
from att.jobs.service import Jobs
from att.kernel.errors import AttError, Conflict, NotFound
from att.kernel.operation import Caller, Progress
from att.upgrade.approvals.standing import Standing

RUN, RELEASE = "att.bootstrap.run", "att.bootstrap.release"


class Cycles:
    """All cycles: each is a job, and what it remembers."""

    def __init__(
        self,
        project: SelfProject,
        pulls: PullRequests,
        proposer: Proposer,
        engine: Proposals,
        runner: Runner,
        jobs: Jobs,
    ) -> None:
        self._project = project
        self._pulls = pulls
        self._proposer = proposer
        self._engine = engine
        self._runner = runner
        self._jobs = jobs

    async def run(self, caller: Caller, progress: Progress, request: BootstrapRun) -> BootstrapCycle:
        """Carry a change to its release, as the job that this is; called again it goes on.

        Raises Refused with the code of what stopped it, after it has taken away what it left.
        """
        request.demand_one_change()
        rules = Rules(releases=request.release is AfterMerge.BUILD, reverts=request.revert)
        return await self._carried(Course(progress.job_id, caller, progress, rules, request))

    async def release(self, caller: Caller, progress: Progress, request: BootstrapNumber) -> BootstrapCycle:
        """Carry a pull request that was merged by hand to its release. Raises Conflict(pr_not_merged) as well."""
        pull = await self._pull(request.number)
        if pull.state is not PullState.MERGED:
            raise Conflict("pr_not_merged", f"cannot release pull request {pull.number}: it is {pull.state}")
        return await self._carried(Course(progress.job_id, caller, progress, Rules(), number=pull.number))

    async def propose(self, request: BootstrapPropose) -> Standing:
        """Show the engine a pull request. Raises NotFound(pr_unknown), Conflict(pr_ended), and what the engine says."""
        pull = await self._pull(request.number)
        if not pull.state.live:
            raise Conflict("pr_ended", f"cannot propose pull request {pull.number}: it is {pull.state}")
        releases = request.release is AfterMerge.BUILD
        return await self._proposer.propose(pull.number, pull.head_commit, releases=releases, subject=pull.title)

    async def show(self, job_id: str) -> BootstrapCycle:
        """Return one cycle; NotFound(cycle_unknown)."""
        job = await self._job(job_id)
        return await self._shown(job, await self._jobs.memory(job.id), live=True)

    async def list(self, request: CycleList) -> CyclePage:
        """Return a page of cycles, newest first."""
        asked = JobListRequest(operation=RUN, cursor=request.cursor, limit=request.limit)
        page = await self._jobs.list(asked)
        shown = [await self._shown(job, await self._jobs.memory(job.id), live=False) for job in page.jobs]
        return CyclePage(cycles=shown, next_cursor=page.next_cursor)

    async def cancel(self, job_id: str, caller: Caller) -> BootstrapCycle:
        """Ask a cycle to stop: it takes away what it left; from the upgrade's begin on the engine decides.

        Raises NotFound(cycle_unknown), Conflict(job_finished), Forbidden(not_allowed).
        """
        await self._job(job_id)
        await self._jobs.cancel(job_id, caller)
        return await self.show(job_id)

    async def _carried(self, course: Course) -> BootstrapCycle:
        done = await self._runner.run(course)
        memory = await course.progress.state()
        if done.outcome in (CycleOutcome.FAILED, CycleOutcome.CANCELLED) and not _was_released(memory):
            raise refusal_of(done, memory)
        return await self.show(course.job_id)

    async def _pull(self, number: int) -> PullRequest:
        found = await pull_of(self._pulls, await self._project.place(), number)
        if found is None:
            raise NotFound("pr_unknown", f"cannot find the pull request {number}", field="number")
        return found

    async def _job(self, job_id: str) -> Job:
        try:
            job = await self._jobs.show(job_id)
        except NotFound as error:
            raise _unknown(job_id) from error
        if job.operation not in (RUN, RELEASE):
            raise _unknown(job_id)
        return job

    async def _shown(self, job: Job, memory: dict[str, Any], *, live: bool) -> BootstrapCycle:
        end = memory.get("end", {})
        transaction, ids = end.get("transaction"), end.get("ids", {})
        if live and not end:
            transaction, ids = await self._now(job.id)
        request = await self._jobs.request(job.id)
        return BootstrapCycle(
            job_id=job.id,
            title=str(request.get("title") or f"release of pull request {request.get('number')}"),
            state=job.state,
            step=job.step,
            outcome=CycleOutcome(end["outcome"]) if end else None,
            branch=f"bootstrap/{job.id}" if job.operation == RUN else "",
            head=memory.get("head"),
            number=memory.get("number") or request.get("number"),
            merge_commit=end.get("merge_commit"),
            transaction=transaction,
            problem=job.problem,
            created=job.created,
            finished=job.finished,
            steps=[_step(one) for one in memory.get("steps", [])],
            **ids,
        )

    async def _now(self, job_id: str) -> tuple[str | None, dict[str, str | None]]:
        """Return what the engine says of a cycle that goes on; nothing while it does not answer."""
        try:
            cycles = (await self._engine.status()).cycles
            begun = next((one.transaction for one in cycles if one.job == job_id and one.transaction), None)
            if begun is None:
                return None, (await self._engine.ids()).release_ids()
            return begun, (await self._engine.transaction(begun)).release_ids()
        except AttError:  # it restarts with each release; the next look finds it
            return None, {}


def _was_released(memory: dict[str, Any]) -> bool:
    return bool(memory.get("end", {}).get("transaction"))


def _step(told: dict[str, Any]) -> StepTaken:
    began = datetime.fromisoformat(told["began"])
    ended = datetime.fromisoformat(told["ended"]) if told["ended"] else None
    seconds = round((ended - began).total_seconds(), 1) if ended else None
    return StepTaken(step=told["step"], began=began, ended=ended, seconds=seconds, evidence=told["evidence"])


def _unknown(job_id: str) -> NotFound:
    return NotFound("cycle_unknown", f"cannot find the cycle {job_id[:64]}", field="job_id")
