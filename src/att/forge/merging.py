"""Merges of pull requests: each exactly once, whenever the process ends; the base branch alone proves it."""

from collections.abc import Awaitable, Callable

from att.events.schema import EventType
from att.forge import records
from att.forge.bare import EMAIL_HOST, HEADS, Bare, Signature
from att.forge.checks_file import PATH, parse, required
from att.forge.decision import merge_problem, merge_proof
from att.forge.ports import Bus
from att.forge.repositories import BareRepositories
from att.forge.schema import Check, PullRequest, PullState
from att.kernel.errors import AttError, Conflict, NotFound
from att.kernel.operation import Caller
from att.store.service import Store
from att.workspace.place import Place

_TRIES_MAX = 3

Latest = Callable[[PullRequest], Awaitable[dict[str, Check]]]


class Merging:
    """The merges of all projects. `latest` are the checks of a head."""

    def __init__(
        self, store: Store, bus: Bus, repositories: BareRepositories, *, latest: Latest, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._bus = bus
        self._repositories = repositories
        self._latest = latest
        self._clock = clock

    async def one(self, place: Place, number: int) -> PullRequest:
        """Return one pull request; raises NotFound(pr_unknown)."""
        async with self._store.read() as connection:
            found = await records.one(connection, place.project_id, number)
        if found is None:
            raise NotFound("pr_unknown", f"cannot find the pull request {number}", field="number")
        return found

    async def merge(self, place: Place, caller: Caller, number: int, *, message: str | None) -> PullRequest:
        """See `ports.PullRequests`."""
        await self.one(place, number)
        bare = await self._repositories.there(place.project_id)
        async with self._repositories.merging(place.project_id):
            pull = await self.settled(await self.one(place, number))
            for _ in range(_TRIES_MAX):
                if pull.state is PullState.MERGED:
                    break
                pull = await self._merged(bare, pull, caller, message)
        if pull.state is not PullState.MERGED:
            raise Conflict("base_moves", f"cannot merge: {pull.base} changes all the time")
        await self._repositories.pushed(place.project_id)
        return pull

    async def _merged(self, bare: Bare, pull: PullRequest, caller: Caller, message: str | None) -> PullRequest:
        """Merge once; the pull request comes back open when the base moved meanwhile."""
        base = await tip_of(bare, pull.base, "base")
        merged = await bare.merge_tree(base, pull.head_commit)
        problem = await self.problem(bare, pull, base, merged.conflicts)
        if problem is not None:
            raise problem
        signature = Signature(caller.name, f"{caller.id}@{EMAIL_HOST}", self._clock())
        text = message or f"Merge pull request #{pull.number}: {pull.title}\n\n{pull.body}".rstrip() + "\n"
        commit = await bare.commit_tree(merged.tree, (base, pull.head_commit), text, signature)
        async with self._store.write() as connection:
            values = {"state": PullState.MERGING.value, "merge_commit": commit, "base_commit": base}
            if not await records.change(connection, pull.id, only=PullState.OPEN, merged_by=caller.name, **values):
                raise Conflict("pr_ended", "cannot merge: the pull request has ended meanwhile")
        await bare.update_ref(HEADS + pull.base, commit, base, f"merge {pull.id}")
        return await self.settled(pull.model_copy(update={**values, "state": PullState.MERGING}))

    async def settled(self, pull: PullRequest) -> PullRequest:
        """Return a pull request whose merge was begun as what came of it: the base branch alone proves it."""
        if pull.state is not PullState.MERGING:
            return pull
        bare = await self._repositories.there(pull.project_id)
        tip = await bare.commit_of(HEADS + pull.base)
        reached = tip is not None and pull.merge_commit is not None and await bare.is_ancestor(pull.merge_commit, tip)
        if reached:
            await bare.settle(HEADS + pull.base)  # whoever moved it may have ended before it was durable
        state, now = merge_proof(pull.merge_commit, reached=reached), self._clock()
        values: dict[str, object] = {"state": state.value, "updated": now}
        values |= {"ended": now} if state is PullState.MERGED else {"merge_commit": None, "merged_by": None}
        async with self._store.write() as connection:
            changed = await records.change(connection, pull.id, only=PullState.MERGING, **values)
            found = await records.one(connection, pull.project_id, pull.number)
        if found is not None and changed and state is PullState.MERGED:
            tell(self._bus, EventType.GIT_PR_MERGED, found)
        return found or pull

    async def problem(self, bare: Bare, pull: PullRequest, base: str, conflicts: tuple[str, ...]) -> AttError | None:
        """Return why a pull request may not be merged into its base as it is now."""
        try:
            names = required(parse(await bare.file(base, PATH)))
        except AttError as error:
            return error
        async with self._store.read() as connection:
            approvals = await records.approvals(connection, pull)
            policy = await records.policy(connection, pull.project_id)
        return merge_problem(
            PullState.OPEN if pull.state is PullState.MERGING else pull.state,
            approvals=approvals,
            author_id=pull.author_id,
            policy=policy,
            required=names,
            checks=await self._latest(pull),
            conflicts=conflicts,
        )


def tell(bus: Bus, event: EventType, pull: PullRequest) -> None:
    """Publish what happened to a pull request."""
    told = {"number": pull.number, "title": pull.title, "head": pull.head, "base": pull.base}
    bus.publish(event, {**told, "id": pull.id, "commit": pull.merge_commit}, project_id=pull.project_id)


async def tip_of(bare: Bare, branch: str, field: str) -> str:
    """Return the commit of a branch; NotFound(branch_unknown), naming the request's `field`."""
    found = await bare.commit_of(HEADS + branch)
    if found is None:
        hint = "push the branch first: attctl git push PROJECT"
        raise NotFound("branch_unknown", f"cannot find the branch {branch[:100]} in the forge", field=field, hint=hint)
    return found
