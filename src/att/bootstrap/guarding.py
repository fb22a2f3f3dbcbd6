"""The forge of project `att`: its pull requests are approved at the SSH door alone, and merged when that was done.

Elsewhere the forge's own rules say who approves. Whoever merges by hand meets the same guard as a cycle does.
"""

from collections.abc import Sequence

from att.bootstrap.ports import Proposals
from att.bootstrap.project import MAIN, RULES, pull_of
from att.forge.bare import HEADS
from att.forge.ports import Policies, PullRequests
from att.forge.repositories import BareRepositories
from att.forge.schema import Approval, Check, Comment, Policy, PullDetails, PullRequest, PullState
from att.kernel.errors import AttError, Conflict, Forbidden, Refused
from att.kernel.operation import Caller, Role
from att.projects.decision import SELF_SLUG
from att.projects.ports import Places
from att.upgrade.approvals.standing import Standing, Status
from att.workspace.place import Place

OPERATORS = Caller(id="att-operators", name="operators at the SSH door", role=Role.ADMIN, kind="service", door="ssh")


def approval_of(status: Status, number: int, commit: str) -> Standing | None:
    """Return what the engine says of this very commit, proposed for the release that runs; None where nothing."""
    for one in status.proposals:
        if (one.number, one.commit, one.base) == (number, commit, status.base):
            return one
    return None


def approval_problem(status: Status, number: int, commit: str) -> AttError | None:
    """Return what is missing of the yes that a pull request of project att needs before its merge."""
    if status.paused is not None:
        return Refused("bootstrap_paused", f"cannot merge: {status.paused.by} paused changes of the appliance")
    found = approval_of(status, number, commit)
    if found is None:
        hint = f"propose it, then have it approved at the SSH door: attctl bootstrap propose {number}"
        return Refused("approval_missing", f"cannot merge: {commit[:12]} is not proposed", hint=hint)
    if found.problem is not None:
        return Refused(found.problem.code, found.problem.detail, hint=found.problem.hint)
    return None


class GuardedPulls:
    """Implements `forge.ports.PullRequests` over the forge's own."""

    def __init__(self, inner: PullRequests, repositories: BareRepositories, engine: Proposals) -> None:
        self._inner = inner
        self._repositories = repositories
        self._engine = engine

    async def create(
        self, place: Place, caller: Caller, *, head: str, base: str | None, title: str, body: str
    ) -> PullRequest:
        """See `forge.ports.PullRequests`."""
        return await self._inner.create(place, caller, head=head, base=base, title=title, body=body)

    async def page(self, place: Place, *, state: PullState | None, limit: int, before: int | None) -> list[PullRequest]:
        """See `forge.ports.PullRequests`."""
        return await self._inner.page(place, state=state, limit=limit, before=before)

    async def show(self, place: Place, number: int, *, diff: bool = False) -> PullDetails:
        """See `forge.ports.PullRequests`."""
        return await self._inner.show(place, number, diff=diff)

    async def comment(
        self, place: Place, caller: Caller, number: int, *, body: str, path: str | None, line: int | None
    ) -> Comment:
        """See `forge.ports.PullRequests`."""
        return await self._inner.comment(place, caller, number, body=body, path=path, line=line)

    async def comments(self, place: Place, number: int) -> list[Comment]:
        """See `forge.ports.PullRequests`."""
        return await self._inner.comments(place, number)

    async def approve(self, place: Place, caller: Caller, number: int) -> Approval:
        """See `forge.ports.PullRequests`; Forbidden(people_only, approval_door) in project att."""
        if place.slug == SELF_SLUG:
            if caller.kind == "agent":
                raise Forbidden("people_only", "cannot approve: it is for people, at the SSH door")
            hint = f"attctl bootstrap approve {number}"
            raise Forbidden("approval_door", "cannot approve here: an operator does it at the SSH door", hint=hint)
        return await self._inner.approve(place, caller, number)

    async def merge(self, place: Place, caller: Caller, number: int, *, message: str | None) -> PullRequest:
        """See `forge.ports.PullRequests`; in project att only what operators approved, on top of main's tip.

        Raises Refused(approval_missing, approval_second, bootstrap_denied, bootstrap_paused), Conflict(base_moves).
        """
        if place.slug == SELF_SLUG:
            await self._demand(place, number)
        return await self._inner.merge(place, caller, number, message=message)

    async def close(self, place: Place, number: int) -> PullRequest:
        """See `forge.ports.PullRequests`; what is proposed of it to the engine is withdrawn first.

        Not of one that is merged, or about to be: its release needs what was said of it.
        """
        if place.slug == SELF_SLUG:
            pull = await pull_of(self._inner, place, number)
            if pull is None or pull.state in (PullState.OPEN, PullState.CLOSED):
                await self._engine.withdraw(number)
        return await self._inner.close(place, number)

    async def checks(self, place: Place, number: int) -> list[Check]:
        """See `forge.ports.PullRequests`."""
        return await self._inner.checks(place, number)

    async def rerun(self, place: Place, number: int, names: Sequence[str]) -> list[Check]:
        """See `forge.ports.PullRequests`."""
        return await self._inner.rerun(place, number, names)

    async def _demand(self, place: Place, number: int) -> None:
        """Have the operators' yes stand beside the pull request, if they said it to its head as it is now."""
        pull = await pull_of(self._inner, place, number)
        if pull is None or not pull.state.live or pull.base != MAIN:
            return  # the forge says what is wrong with it, or that it is merged already
        bare = await self._repositories.there(place.project_id)
        main = await bare.commit_of(HEADS + MAIN)
        if main is None or not await bare.is_ancestor(main, pull.head_commit):
            hint = "merge main into it, test and propose it again: what is tested must be what is merged"
            raise Conflict("base_moves", f"cannot merge: {pull.head} does not contain main's tip", hint=hint)
        problem = approval_problem(await self._engine.status(), number, pull.head_commit)
        if problem is not None:
            raise problem
        given = await self._inner.approve(place, OPERATORS, number)
        if given.commit != pull.head_commit:
            raise Conflict("approval_stale", f"cannot merge: {pull.head} has moved meanwhile")


class GuardedPolicies:
    """Implements `forge.ports.Policies`: the rules of project att stay as they are."""

    def __init__(self, inner: Policies, places: Places) -> None:
        self._inner = inner
        self._places = places

    async def policy(self, project_id: str) -> Policy:
        """See `forge.ports.Policies`."""
        return await self._inner.policy(project_id)

    async def set_policy(self, project_id: str, policy: Policy) -> Policy:
        """See `forge.ports.Policies`; Refused(project_own) for project att."""
        if (await self._places.place(project_id)).slug == SELF_SLUG and policy != RULES:
            raise Refused("project_own", "cannot change the rules of project att: they are the appliance's own")
        return await self._inner.set_policy(project_id, policy)
