"""The worktree of project att while a cycle works in it: branch, edits, commits, pushes."""

from dataclasses import dataclass

from att.bootstrap.part import Part
from att.bootstrap.probing import REVERTS, Course
from att.bootstrap.project import MAIN, SelfProject
from att.bootstrap.schema import BootstrapRun, FileEdit
from att.code.schema import FileDelete, FileWrite
from att.code.service import Code
from att.forge.repositories import BareRepositories
from att.git.schema import BranchRequest, CommitRequest, FetchRequest, MergeRequest
from att.git.service import Git
from att.kernel.errors import Conflict, Failed
from att.projects.decision import SELF_SLUG
from att.workspace.git.changing import REMOTE
from att.workspace.ports import Agents


@dataclass(frozen=True)
class Workbench:
    """What a cycle does in the worktree; whatever it leaves behind lies on a branch of its own."""

    project: SelfProject
    git: Git
    code: Code
    agents: Agents
    repositories: BareRepositories

    async def begin(self, course: Course, *, held: int | None) -> None:
        """Make the cycle's branch at main's tip, or at the revert for which main is held.

        Raises Conflict(worktree_dirty) where somebody works in the worktree, NotFound(ref_unknown).
        """
        status = await self.git.status(SELF_SLUG)
        if not status.clean or status.merging:
            text = "cannot begin: the worktree of project att has changes that are not committed"
            raise Conflict("worktree_dirty", text, hint="commit them on a branch, or take them back")
        await self._fetch(course)
        start = f"{REVERTS}{held}" if course.rules.reverts and held is not None else MAIN
        await self.git.branch(BranchRequest(project_id=SELF_SLUG, name=course.branch, start=f"{REMOTE}/{start}"))

    async def edit(self, course: Course) -> None:
        """Make the change, commit it once, push it. Raises InvalidInput(patch_refused), Conflict(nothing_to_commit)."""
        request = course.request
        if request is None:
            raise Failed("internal", "cannot edit: nothing was asked for")
        await self._switch(course)
        if not await self._has_commit(course):
            if request.patch is not None:
                await self.git.apply(SELF_SLUG, branch=course.branch, patch=request.patch)
            for edit in request.edits:
                await self._write(edit)
            await self.git.commit(course.caller, _commit(request), key=f"{course.job_id}_edit")
        await self._push(course)

    async def catch_up(self, course: Course) -> None:
        """Take main's tip into the branch. Raises Conflict(merge_conflict)."""
        await self._switch(course)
        await self._fetch(course)
        for other in (course.branch, MAIN):
            text = f"Merge {other} into {course.branch}\n"
            merge = MergeRequest(project_id=SELF_SLUG, ref=f"{REMOTE}/{other}", message=text)
            await self.git.merge(course.caller, merge)
        await self._push(course)

    async def stand(self, course: Course, head: str) -> None:
        """Have the branch checked out at `head`, with no change. Raises Conflict(worktree_dirty)."""
        await self._switch(course)
        if (await self.git.status(SELF_SLUG)).commit != head:
            await self._fetch(course)
            merge = MergeRequest(project_id=SELF_SLUG, ref=f"{REMOTE}/{course.branch}")
            await self.git.merge(course.caller, merge)
        await self.demand_at(head)

    async def demand_at(self, head: str) -> None:
        """Raise Conflict(worktree_dirty) unless the worktree is `head` and nothing else."""
        status = await self.git.status(SELF_SLUG)
        if status.commit != head or not status.clean:
            named = ", ".join(file.path for file in status.files[:5])
            text = f"cannot test {head[:12]}: the worktree of project att is not that commit ({named or status.commit})"
            raise Conflict("worktree_dirty", text)

    async def leave(self, course: Course) -> None:
        """Remove the branch from the worktree, with what was not committed on it."""
        await self.git.leave(SELF_SLUG, branch=course.branch, to=MAIN)

    async def _switch(self, course: Course) -> None:
        """Check the branch out, as its last commit is."""
        status = await self.git.status(SELF_SLUG)
        if status.branch != course.branch:
            if not status.clean:
                raise Conflict("worktree_dirty", f"cannot go on: somebody works on {status.branch} of project att")
            await self.git.branch(BranchRequest(project_id=SELF_SLUG, name=course.branch, existing=True))
        await self.git.restore(SELF_SLUG, branch=course.branch)

    async def _has_commit(self, course: Course) -> bool:
        """Whether the branch is further than what the forge has of it: its commit was made before a death."""
        place = await self.project.place()
        bare = await self.repositories.there(place.project_id)
        tip = (await self.agents.of(place).call("git.resolve", ref=f"refs/heads/{course.branch}"))["commit"]
        request = course.request
        if request is not None and request.patch is None and not request.edits:
            return True
        return await bare.commit_of(tip) is None

    async def _write(self, edit: FileEdit) -> None:
        if edit.content is None:
            await self.code.delete(FileDelete(project_id=SELF_SLUG, path=edit.path))
            return
        write = FileWrite(project_id=SELF_SLUG, path=edit.path, content=edit.content, executable=edit.executable)
        await self.code.write(write)

    async def _push(self, course: Course) -> None:
        place = await self.project.place()
        tip = (await self.agents.of(place).call("git.resolve", ref=f"refs/heads/{course.branch}"))["commit"]
        await self.repositories.push(place, branch=course.branch, commit=tip)

    async def _fetch(self, course: Course) -> None:
        await self.git.fetch(FetchRequest(project_id=SELF_SLUG, prune=True), Part(course.progress, "fetch"))


def _commit(request: BootstrapRun) -> CommitRequest:
    text = f"{request.title}\n\n{request.message}".rstrip() + "\n"
    return CommitRequest(project_id=SELF_SLUG, message=text, all=True)
