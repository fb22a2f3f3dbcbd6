"""The bare repositories, and what goes between them and the worktrees: each project has one of each."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import anyio
import structlog

from att.forge.bare import EMAIL_HOST, HEADS, Bare
from att.forge.decision import push_refusals
from att.forge.pktline import Command
from att.forge.schema import Policy
from att.forge.transport import Judge, Service, Told, serve_worktree
from att.kernel.errors import AttError, Conflict, NotFound, Refused
from att.workspace.git.parsing import push_report
from att.workspace.place import Place
from att.workspace.ports import Agents

FIRST_BRANCH = "main"
FIRST_MESSAGE = "First commit\n"
AUTHOR = {"name": "ATT", "email": f"forge@{EMAIL_HOST}"}

_log = structlog.get_logger(__name__)

Pushed = Callable[[str], Awaitable[None]]
"""Told of each project whose refs may have changed."""


class BareRepositories:
    """Every project's bare repository below `folder`."""

    def __init__(
        self, folder: Path, agents: Agents, policy: Callable[[str], Awaitable[Policy]], pushed: Pushed
    ) -> None:
        self._folder = folder
        self._agents = agents
        self._policy = policy
        self._pushed = pushed
        self._locks: dict[str, anyio.Lock] = {}
        self._freeing = anyio.Lock()
        self._free: set[str] = set()

    def of(self, project_id: str) -> Bare:
        """Return a project's bare repository, there or not."""
        return Bare(self._folder / f"{project_id}.git")

    async def free(self, project_id: str) -> Bare:
        """Return a project's bare repository, there or not, for git to work in.

        What gits left behind in it that died with the process before this one is cleared before the first git of ours.
        """
        bare = self.of(project_id)
        async with self._freeing:
            if project_id not in self._free:
                await bare.unlock()
                self._free.add(project_id)
        return bare

    async def there(self, project_id: str) -> Bare:
        """Return a project's bare repository for git to work in; NotFound(remote_missing) when it has none."""
        bare = await self.free(project_id)
        if not await bare.exists():
            raise NotFound("remote_missing", "cannot reach the project's repository in the forge: there is none")
        return bare

    def merging(self, project_id: str) -> anyio.Lock:
        """Return the lock under which a project's pull requests are merged, one at a time."""
        return self._locks.setdefault(project_id, anyio.Lock())

    async def pushed(self, project_id: str) -> None:
        """Tell that a push to a project has ended."""
        await self._pushed(project_id)

    async def judge(self, project_id: str) -> Judge:
        """Return who decides about pushes to a project."""
        bare, policy = await self.there(project_id), await self._policy(project_id)
        present = await bare.refs()
        return lambda commands: push_refusals(commands, present=present, policy=policy)

    async def create(self, place: Place) -> str | None:
        """Make bare repository and first commit, push it; returns the branch. See `projects.ports.Repositories`."""
        bare = await self.free(place.project_id)
        await bare.make(FIRST_BRANCH)
        agent = self._agents.of(place)
        made = await agent.call(
            "git.init", branch=FIRST_BRANCH, origin=origin_of(place), message=FIRST_MESSAGE, **AUTHOR
        )
        if made["commit"] is None:
            return None
        branch = made["branch"] or FIRST_BRANCH
        await bare.set_default_branch(branch)
        await self.push(place, branch=branch, commit=made["commit"], everything=made["branch"] is not None)
        return str(branch)

    async def check_out(self, place: Place, branch: str) -> None:
        """Make the worktree a checkout of the bare repository's `branch`."""
        agent = self._agents.of(place)
        await agent.call("git.init", branch=branch, origin=origin_of(place))
        await self.fetch(place)
        if await self.of(place.project_id).commit_of(HEADS + branch) is not None:
            await agent.call("git.branch", name=branch, existing=True)

    async def push(
        self, place: Place, *, branch: str, commit: str, expected: str | None = None, everything: bool = False
    ) -> bool:
        """Push a commit of the worktree to a branch of the forge; whether that changed the branch.

        `expected` allows to replace that commit. Raises Refused(branch_protected), Conflict(push_rejected,
        git_failed), NotFound(remote_missing), TooLarge(push_too_large), Unavailable(agent_unreachable, git_timeout).
        """
        bare, target = await self.there(place.project_id), HEADS + branch
        if await bare.commit_of(target) == commit:
            await bare.settle(target)  # whoever moved it may have ended before it was durable
            await self._pushed(place.project_id)
            return False
        refused: dict[str, str] = {}
        decide = await self.judge(place.project_id)

        def judge(commands: Sequence[Command]) -> Mapping[str, str]:
            refused.update(decide(commands))
            return refused

        wanted = {"source": commit, "target": target, "expected": expected, "track": branch, "all": everything}
        async with self._agents.of(place).stream("git.push", **wanted) as connection:
            told = await serve_worktree(bare.folder, Service.PUSH, connection, judge)
        if await bare.commit_of(target) != commit:
            raise _why(branch, told, refused)
        await self._pushed(place.project_id)
        return True

    async def fetch(self, place: Place, *, prune: bool = False, refspecs: Sequence[str] = ()) -> list[str]:
        """Fetch the forge's branches into the worktree; returns what git says of them."""
        bare = await self.there(place.project_id)
        stream = self._agents.of(place).stream("git.fetch", prune=prune, refspecs=list(refspecs))
        async with stream as connection:
            told = await serve_worktree(bare.folder, Service.FETCH, connection)
        if told.code != 0:
            raise Conflict("git_failed", f"cannot fetch: {_reason(told)}")
        return [line.strip() for line in told.errors.splitlines() if "->" in line]

    async def check_out_apart(self, place: Place, *, name: str, ref: str, commit: str) -> None:
        """Make a fresh checkout of one commit of the forge, for a check."""
        bare = await self.there(place.project_id)
        values = {"name": name, "origin": origin_of(place), "ref": ref, "commit": commit}
        async with self._agents.of(place).stream("git.check_out", **values) as connection:
            told = await serve_worktree(bare.folder, Service.FETCH, connection)
        if told.code != 0:
            raise Conflict("git_failed", f"cannot check out {commit[:12]}: {_reason(told)}")

    async def remove(self, project_id: str) -> None:
        """Remove a project's bare repository."""
        async with self.merging(project_id):
            await self.of(project_id).remove()
        self._locks.pop(project_id, None)

    async def tidy_all(self) -> None:
        """Pack what has many small files, one repository after the other."""
        for project_id in [folder.stem async for folder in anyio.Path(self._folder).glob("*.git")]:
            try:
                await (await self.free(project_id)).tidy()
            except (AttError, OSError) as error:  # a removed project takes its folder with it
                _log.warning("cannot tidy a repository", project_id=project_id, reason=str(error))


def origin_of(place: Place) -> str:
    """Return the address of `origin` in a worktree: the forge answers it through the agent alone."""
    return f"att://forge/{place.slug}.git"


def _why(branch: str, told: Told, refused: Mapping[str, str]) -> Refused | Conflict:
    """Return why a push did not arrive."""
    reason = refused.get(HEADS + branch)
    if reason is not None:
        return Refused("branch_protected", f"cannot push {branch}: it changes by pull request alone", field="branch")
    for entry in push_report(told.out):
        if entry["ref"] == HEADS + branch and entry["flag"] == "!":
            return Conflict("push_rejected", f"cannot push {branch}: {entry['told']}")
    return Conflict("git_failed", f"cannot push {branch}: {_reason(told)}")


def _reason(told: Told) -> str:
    lines = [line.strip() for line in told.errors.splitlines() if line.strip()]
    worst = [line for line in lines if line.startswith(("fatal: ", "error: ", "remote: error: "))]
    return (worst or lines or [f"git ended with {told.code}"])[0][:500]
