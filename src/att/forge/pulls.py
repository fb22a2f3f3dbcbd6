"""Pull requests: asked for, talked about, approved, merged exactly once."""

import math
from collections.abc import Awaitable, Callable, Sequence

from att.events.schema import EventType
from att.forge import records
from att.forge.bare import HEADS, Bare
from att.forge.decision import approval_problem
from att.forge.merging import Latest, Merging, tell, tip_of
from att.forge.pktline import NOTHING
from att.forge.ports import Bus
from att.forge.repositories import BareRepositories
from att.forge.schema import Approval, ChangedFile, Check, Comment, PullDetails, PullRequest, PullState
from att.kernel.errors import Conflict, InvalidInput
from att.kernel.operation import Caller
from att.store.service import Store
from att.workspace.place import Place

FILES_MAX = 1_000

Request = Callable[[PullRequest], Awaitable[None]]
Again = Callable[[PullRequest, Sequence[str]], Awaitable[None]]


def head_ref(pull: PullRequest) -> str:
    """Return the ref that keeps a pull request's head, whatever becomes of its branch."""
    return f"refs/pull/{pull.number}/head"


class Pulls:
    """The pull requests of all projects.

    `latest` are the checks of a head, `check` and `again` have them run, `unchecked` ends those of a closed one.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        repositories: BareRepositories,
        *,
        latest: Latest,
        check: Request,
        again: Again,
        unchecked: Request,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._bus = bus
        self._repositories = repositories
        self._latest = latest
        self._check = check
        self._again = again
        self._unchecked = unchecked
        self._clock = clock
        self._merging = Merging(store, bus, repositories, latest=latest, clock=clock)

    async def create(
        self, place: Place, caller: Caller, *, head: str, base: str | None, title: str, body: str
    ) -> PullRequest:
        """See `ports.PullRequests`."""
        bare = await self._repositories.there(place.project_id)
        target = base if base is not None else await bare.default_branch()
        if head == target:
            raise InvalidInput("invalid_input", f"cannot merge {head} into itself", field="head")
        head_commit, base_commit = await tip_of(bare, head, "head"), await tip_of(bare, target, "base")
        if await bare.is_ancestor(head_commit, base_commit):
            raise Conflict("pr_nothing", f"cannot ask to merge {head}: {target} has all of it")
        async with self._store.write() as connection:
            for other in await records.live(connection, place.project_id):
                if (other.head, other.base) == (head, target):
                    text = f"cannot ask to merge {head}: pull request {other.number} does"
                    raise Conflict("pr_exists", text, data={"number": other.number})
            pull = await records.add(
                connection,
                place.project_id,
                caller,
                head=head,
                base=target,
                title=title,
                body=body,
                head_commit=head_commit,
                base_commit=base_commit,
                now=self._clock(),
            )
        tell(self._bus, EventType.GIT_PR_CREATED, pull)
        await self._keep_head(bare, pull)
        await self._check(pull)
        return pull

    async def page(self, place: Place, *, state: PullState | None, limit: int, before: int | None) -> list[PullRequest]:
        """See `ports.PullRequests`."""
        async with self._store.read() as connection:
            return await records.page(connection, place.project_id, state=state, limit=limit, before=before)

    async def show(self, place: Place, number: int, *, diff: bool = False) -> PullDetails:
        """See `ports.PullRequests`."""
        pull, bare = await self._merging.one(place, number), await self._repositories.there(place.project_id)
        base = await bare.commit_of(HEADS + pull.base) if pull.state.live else pull.base_commit
        base = base or pull.base_commit
        conflicts = (await bare.merge_tree(base, pull.head_commit)).conflicts if pull.state.live else ()
        files = await bare.files(base, pull.head_commit)
        async with self._store.read() as connection:
            approvals = await records.approvals(connection, pull)
            policy = await records.policy(connection, place.project_id)
        problem = await self._merging.problem(bare, pull, base, conflicts) if pull.state.live else None
        return PullDetails(
            **pull.model_dump(),
            commits=await bare.commits_between(base, pull.head_commit),
            files=[ChangedFile.model_validate(one) for one in files[:FILES_MAX]],
            conflicts=list(conflicts),
            approvals=approvals,
            approvals_required=policy.approvals,
            checks=sorted((await self._latest(pull)).values(), key=lambda one: one.name),
            blocked=problem.code if problem else None,
            blocked_detail=problem.detail if problem else None,
            diff=await bare.diff(base, pull.head_commit) if diff else None,
        )

    async def comment(
        self, place: Place, caller: Caller, number: int, *, body: str, path: str | None, line: int | None
    ) -> Comment:
        """See `ports.PullRequests`."""
        pull = await self._merging.one(place, number)
        async with self._store.write() as connection:
            return await records.add_comment(
                connection, pull, caller, body=body, path=path, line=line, now=self._clock()
            )

    async def comments(self, place: Place, number: int) -> list[Comment]:
        """See `ports.PullRequests`."""
        pull = await self._merging.one(place, number)
        async with self._store.read() as connection:
            return await records.comments(connection, pull.id)

    async def approve(self, place: Place, caller: Caller, number: int) -> Approval:
        """See `ports.PullRequests`."""
        pull = await self._merging.one(place, number)
        async with self._store.write() as connection:
            policy = await records.policy(connection, place.project_id)
            problem = approval_problem(pull.state, is_author=pull.author_id == caller.id, policy=policy)
            if problem is not None:
                raise problem
            await records.approve(connection, pull, caller, self._clock())
            given = await records.approvals(connection, pull)
        return next(one for one in given if one.approver_id == caller.id and one.current)

    async def merge(self, place: Place, caller: Caller, number: int, *, message: str | None) -> PullRequest:
        """See `ports.PullRequests`."""
        return await self._merging.merge(place, caller, number, message=message)

    async def close(self, place: Place, number: int) -> PullRequest:
        """See `ports.PullRequests`."""
        pull = await self._merging.one(place, number)
        now = self._clock()
        async with self._store.write() as connection:
            ended = {"state": PullState.CLOSED.value, "ended": now, "updated": now}
            if not await records.change(connection, pull.id, only=PullState.OPEN, **ended):
                raise Conflict("pr_ended", f"cannot close pull request {number}: it is {pull.state}")
        await self._unchecked(pull)
        return await self._merging.one(place, number)

    async def checks(self, place: Place, number: int) -> list[Check]:
        """See `ports.PullRequests`."""
        found = await self._latest(await self._merging.one(place, number))
        return sorted(found.values(), key=lambda one: one.name)

    async def rerun(self, place: Place, number: int, names: Sequence[str]) -> list[Check]:
        """See `ports.PullRequests`."""
        pull = await self._merging.one(place, number)
        if not pull.state.live:
            raise Conflict("pr_ended", f"cannot run checks of pull request {number}: it is {pull.state}")
        await self._again(pull, names)
        return await self.checks(place, number)

    async def refresh(self, project_id: str) -> None:
        """Take in what was pushed to the heads of a project's open pull requests."""
        bare = await self._repositories.free(project_id)
        if not await bare.exists():
            return
        async with self._store.read() as connection:
            open_ones = [one for one in await records.live(connection, project_id) if one.state is PullState.OPEN]
        for pull in open_ones:
            tip = await bare.commit_of(HEADS + pull.head)
            if tip is not None and tip != pull.head_commit:
                async with self._store.write(patience_seconds=math.inf) as connection:
                    await records.change(
                        connection, pull.id, only=PullState.OPEN, head_commit=tip, updated=self._clock()
                    )
                pull = pull.model_copy(update={"head_commit": tip})
            await self._keep_head(bare, pull)
            await self._check(pull)

    async def recover(self) -> None:
        """Finish what the process before this one began: merges, heads that were pushed and not taken in."""
        async with self._store.read() as connection:
            begun = await records.live(connection)
        for pull in begun:
            if await self._repositories.of(pull.project_id).exists():
                await self._merging.settled(pull)
        for project_id in {pull.project_id for pull in begun}:
            await self.refresh(project_id)

    async def _keep_head(self, bare: Bare, pull: PullRequest) -> None:
        ref = head_ref(pull)
        kept = await bare.commit_of(ref)
        if kept != pull.head_commit:
            await bare.update_ref(ref, pull.head_commit, kept or NOTHING, f"head of {pull.id}")
