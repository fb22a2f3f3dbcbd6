"""git of a project's worktree: asks its agent, and has the forge answer git's own transport."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from att.events.schema import EventType
from att.forge.decision import pause_before_retry
from att.forge.ports import Bus
from att.forge.remotes import Remotes
from att.forge.repositories import BareRepositories
from att.git import schema
from att.kernel.errors import AttError, Conflict
from att.kernel.ids import new_id
from att.kernel.operation import Caller, Progress
from att.projects.ports import Places, Rooms
from att.workspace.git.changing import REMOTE
from att.workspace.place import Place
from att.workspace.ports import Agents

SUBJECT_CHARS_MAX = 200


class Git:
    """The worktrees of all projects."""

    def __init__(
        self,
        places: Places,
        agents: Agents,
        repositories: BareRepositories,
        remotes: Remotes,
        room: Rooms,
        bus: Bus,
        *,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._places = places
        self._agents = agents
        self._repositories = repositories
        self._remotes = remotes
        self._room = room
        self._bus = bus
        self._sleep = sleep

    async def status(self, project: str) -> schema.Status:
        """Return what is checked out and changed."""
        return schema.Status.model_validate(await self._ask(project, "git.status"))

    async def add(self, project: str, *, paths: list[str], everything: bool) -> schema.Status:
        """Stage files. Raises NotFound(file_unknown), Forbidden(path_outside)."""
        return schema.Status.model_validate(await self._write(project, "git.stage", paths=paths, all=everything))

    async def commit(self, caller: Caller, request: schema.CommitRequest, key: str | None = None) -> schema.Committed:
        """Commit what is staged. A repeated call with the same `key` gets the commit that it made.

        Raises InvalidInput(message_empty), Conflict(nothing_to_commit, merge_conflict).
        """
        values = {**request.model_dump(include={"message", "paths", "all"}), "key": key or new_id("commit")}
        author = schema.author_of(caller.id, caller.name)
        made = schema.Committed.model_validate(await self._write(request.project_id, "git.commit", **values, **author))
        await self._tell(request.project_id, made)
        return made

    async def branch(self, request: schema.BranchRequest) -> schema.Switched:
        """Make or switch branches. Raises Conflict(branch_exists, worktree_dirty), NotFound(branch_unknown)."""
        values = request.model_dump(exclude={"project_id"})
        return schema.Switched.model_validate(await self._ask(request.project_id, "git.branch", **values))

    async def apply(self, project: str, *, branch: str, patch: str) -> schema.Status:
        """Apply a patch to the files of the branch that is checked out: all of it, or nothing.

        Raises InvalidInput(patch_refused), Conflict(branch_missing) when another branch is checked out.
        """
        return schema.Status.model_validate(await self._write(project, "git.apply", branch=branch, patch=patch))

    async def restore(self, project: str, *, branch: str) -> schema.Status:
        """Drop what is not committed on the branch that is checked out. Raises Conflict(branch_missing)."""
        return schema.Status.model_validate(await self._ask(project, "git.restore", branch=branch))

    async def leave(self, project: str, *, branch: str, to: str) -> schema.Status:
        """Remove a local branch with all that was not committed on it, and check `to` out."""
        return schema.Status.model_validate(await self._ask(project, "git.leave", branch=branch, to=to))

    async def branches(self, project: str) -> schema.BranchPage:
        """Return all branches."""
        return schema.BranchPage.model_validate(await self._ask(project, "git.branches"))

    async def merge(self, caller: Caller, request: schema.MergeRequest) -> schema.Merged:
        """Merge into what is checked out. Raises Conflict(merge_conflict, worktree_dirty), NotFound(ref_unknown)."""
        values = {"ref": request.ref, "message": request.message, "keep": request.keep_conflicts}
        author = schema.author_of(caller.id, caller.name)
        made = schema.Merged.model_validate(await self._write(request.project_id, "git.merge", **values, **author))
        if made.changed:
            await self._tell(request.project_id, made)
        return made

    async def log(self, request: schema.LogRequest) -> schema.CommitPage:
        """Return commits, newest first."""
        values = request.model_dump(exclude={"project_id"})
        return schema.CommitPage(commits=await self._ask(request.project_id, "git.log", **values))

    async def diff(self, request: schema.DiffRequest) -> schema.Diff:
        """Compare. Raises NotFound(ref_unknown)."""
        values = request.model_dump(exclude={"project_id"})
        return schema.Diff.model_validate(await self._ask(request.project_id, "git.diff", **values))

    async def blame(self, request: schema.BlameRequest) -> schema.Blame:
        """Say who wrote each line. Raises NotFound(ref_unknown, file_unknown)."""
        values = request.model_dump(exclude={"project_id"})
        return schema.Blame.model_validate(await self._ask(request.project_id, "git.blame", **values))

    async def checked_out(self, project: str) -> str:
        """Return the branch that is checked out. Raises Conflict(branch_missing) when none is."""
        return await self._checked_out(await self._places.place(project))

    async def push(self, request: schema.PushRequest, progress: Progress) -> schema.Pushed:
        """Push a branch; what fails on the way is tried again. The first run of the job decides which commit goes.

        Raises Refused(branch_protected), Conflict(push_rejected), NotFound(remote_missing, ref_unknown),
        Forbidden(clone_refused) when another host wants another login, Unavailable when all tries failed.
        """
        place = await self._places.place(request.project_id)
        plan = await self._plan(place, request, progress)
        branch, commit = plan["branch"], plan["commit"]
        await progress.step(f"push {branch} to {request.remote}")

        async def once() -> None:
            if request.remote != REMOTE:
                await self._remotes.push(place, request.remote, branch, commit)
            else:
                await self._repositories.push(place, branch=branch, commit=commit, expected=plan["expected"])

        await self._often(once, progress)
        return schema.Pushed(remote=request.remote, branch=branch, commit=commit, changed=plan["changed"])

    async def fetch(self, request: schema.FetchRequest, progress: Progress) -> schema.Fetched:
        """Fetch branches into the worktree, its files stay. Raises as `push`."""
        place = await self._places.place(request.project_id)
        await self._room.require_room(place)
        await progress.step(f"fetch from {request.remote}")

        async def once() -> list[str]:
            if request.remote != REMOTE:
                return await self._remotes.fetch(place, request.remote)
            return await self._repositories.fetch(place, prune=request.prune)

        return schema.Fetched(remote=request.remote, updates=await self._often(once, progress))

    async def _plan(self, place: Place, request: schema.PushRequest, progress: Progress) -> dict[str, Any]:
        """Return what the job pushes, and whether that changes anything there, as its first run saw it."""
        known = await progress.state()
        if "commit" in known:
            return {"changed": True, **known}
        branch = request.branch or await self._checked_out(place)
        commit = (await self._agents.of(place).call("git.resolve", ref=f"refs/heads/{branch}"))["commit"]
        if request.remote != REMOTE:
            await self._remotes.one(place, request.remote)
        bare = await self._repositories.there(place.project_id)
        before = await bare.commit_of(f"refs/heads/{branch}")
        changed = request.remote != REMOTE or before != commit
        plan = {"branch": branch, "commit": commit, "expected": before if request.force else None, "changed": changed}
        await progress.remember(**plan)
        return plan

    async def _checked_out(self, place: Place) -> str:
        branch: str | None = (await self._agents.of(place).call("git.resolve", ref="HEAD"))["current"]
        if branch is None:
            raise Conflict("branch_missing", "cannot tell which branch is meant: none is checked out")
        return branch

    async def _often[T](self, once: Callable[[], Awaitable[T]], progress: Progress) -> T:
        """Try again what failed on the way, three times, waiting longer each time."""
        tries = 0
        while True:
            try:
                return await once()
            except AttError as error:
                tries += 1
                pause = pause_before_retry(error.code, tries)
                if pause is None or await progress.cancelled():
                    raise
                await progress.log(f"{error.detail}; next try in {pause:g} s")
                await self._sleep(pause)

    async def _ask(self, project: str, verb: str, **arguments: Any) -> Any:
        return await self._agents.of(await self._places.place(project)).call(verb, **arguments)

    async def _write(self, project: str, verb: str, **arguments: Any) -> Any:
        place = await self._places.place(project)
        await self._room.require_room(place)
        return await self._agents.of(place).call(verb, **arguments)

    async def _tell(self, project: str, made: schema.Committed) -> None:
        place = await self._places.place(project)
        subject = made.message.strip().partition("\n")[0][:SUBJECT_CHARS_MAX]
        payload = {"commit": made.commit, "branch": made.branch, "subject": subject, "author": made.author}
        self._bus.publish(EventType.GIT_COMMIT, payload, project_id=place.project_id)
