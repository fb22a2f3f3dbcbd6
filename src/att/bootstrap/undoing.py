"""What a cycle that is over takes away; and what it leaves where a merge did not become the release."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from att.bootstrap.decision import Undo
from att.bootstrap.probing import PULLS_MAX, REVERTS, Course, Seen, marker
from att.bootstrap.project import MAIN, SELF, SelfProject
from att.bootstrap.source import Source
from att.bootstrap.working import Workbench
from att.forge.bare import EMAIL_HOST, HEADS, Bare, Signature
from att.forge.pktline import NOTHING
from att.forge.ports import PullRequests
from att.forge.schema import PullRequest, PullState
from att.kernel.errors import Conflict, Failed
from att.upgrade.schema import Transaction
from att.workspace.place import Place

PASSAGES_SHOWN = 50

Doing = Callable[[Course, Seen], Awaitable[None]]


@dataclass(frozen=True)
class Undoing:
    """Each of these may be done again after any death."""

    project: SelfProject
    source: Source
    bench: Workbench
    pulls: PullRequests

    async def undo(self, what: Undo, course: Course, seen: Seen) -> None:
        """Do one; raises whatever the services raise."""
        doing: Mapping[Undo, Doing] = {
            Undo.COMMENT: self._comment,
            Undo.REVERT: self._revert,
            Undo.PULL_REQUEST: self._close,
            Undo.BRANCH: self._remove_branch,
            Undo.WORKTREE: self._leave,
        }
        await doing[what](course, seen)

    async def _comment(self, course: Course, seen: Seen) -> None:
        pull = _merged(seen)
        body = _told(course, seen)
        await self.pulls.comment(await self.project.place(), SELF, pull.number, body=body, path=None, line=None)

    async def _revert(self, course: Course, seen: Seen) -> None:
        """Open a pull request whose one commit gives main the files back that it had before the merge."""
        pull, bare, place = _merged(seen), await self.source.bare(), await self.project.place()
        merge, branch = pull.merge_commit or "", f"{REVERTS}{pull.number}"
        if await bare.commit_of(HEADS + branch) is None:
            when = (pull.ended or pull.updated).timestamp()
            text = f"Revert pull request #{pull.number}: {pull.title}\n\nIt is not what runs: cycle {course.job_id}.\n"
            tree = await self.source.tree_of(await self._before(place, bare, merge))
            commit = await bare.commit_tree(tree, (merge,), text, Signature("ATT", f"bootstrap@{EMAIL_HOST}", when))
            await bare.update_ref(HEADS + branch, commit, NOTHING, f"revert {pull.id}")
        else:
            await bare.settle(HEADS + branch)  # whoever moved it may have ended before it was durable
        title = f"Revert #{pull.number}: {pull.title}"[:300]
        try:
            await self.pulls.create(place, SELF, head=branch, base=MAIN, title=title, body=_told(course, seen))
        except Conflict as error:
            if error.code not in ("pr_exists", "pr_nothing"):
                raise

    async def _before(self, place: Place, bare: Bare, merge: str) -> str:
        """Return the commit with the files to go back to: main's before the merge, or the revert that it began with.

        Where main was held then, what it had right before is another change that is not what runs.
        """
        before = await bare.commit_of(f"{merge}^1") or ""
        merged = await self.pulls.page(place, state=PullState.MERGED, limit=PULLS_MAX, before=None)
        lost = next((one.number for one in merged if one.merge_commit == before), None)
        revert = await bare.commit_of(f"{HEADS}{REVERTS}{lost}") if lost is not None else None
        return revert if revert is not None and await bare.is_ancestor(revert, merge) else before

    async def _close(self, _: Course, seen: Seen) -> None:
        if seen.pull is not None:
            await self.pulls.close(await self.project.place(), seen.pull.number)

    async def _remove_branch(self, course: Course, seen: Seen) -> None:
        head = seen.facts.head
        if head is not None:
            bare = await self.source.bare()
            await bare.update_ref(HEADS + course.branch, NOTHING, head, f"{course.job_id} is over")

    async def _leave(self, course: Course, _: Seen) -> None:
        await self.bench.leave(course)


def _merged(seen: Seen) -> PullRequest:
    if seen.pull is None or seen.pull.merge_commit is None:
        raise Failed("internal", "cannot take the merge back: there is none")
    return seen.pull


def _told(course: Course, seen: Seen) -> str:
    """Return what a pull request is told of a merge that is not what runs."""
    lines = [f"{marker(course.job_id)}did not keep this as the release.", ""]
    if seen.transaction is not None:
        lines += _of_transaction(seen.transaction)
    elif seen.facts.failure is not None:
        lines += [f"It failed before the upgrade began: {seen.facts.failure.code}: {seen.facts.failure.detail}"]
    else:
        lines += ["It was cancelled before the upgrade began."]
    return "\n".join([*lines, "", "main is held until its revert is merged."])


def _of_transaction(found: Transaction) -> list[str]:
    lines = [f"Upgrade {found.id} from {found.source} to {found.target}: {found.verdict}."]
    if found.failure is not None:
        lines.append(f"{found.failure.failure_class}, {found.failure.code}: {found.failure.detail}")
    if found.rollback_policy_status is not None:
        lines.append(f"Rollback policy: {found.rollback_policy_status}, {found.rollback_policy_reason}.")
    if found.log:
        lines.append(f"The journals of that time: {found.log} in the log directory.")
    passages = found.passages[-PASSAGES_SHOWN:]
    return [*lines, "", *(f"- {one.at.isoformat()} {one.state} {one.phase} {one.note}".rstrip() for one in passages)]
