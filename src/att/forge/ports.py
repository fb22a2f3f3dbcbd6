"""What the rooms above ask of a forge, this one or another host's; and what the forge needs of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from att.forge.schema import Approval, Check, Comment, Policy, PullDetails, PullRequest, PullState
from att.kernel.operation import Caller
from att.workspace.place import Place


class PullRequests(Protocol):
    """Pull requests of a project; a host like GitHub is another implementation."""

    async def create(
        self, place: Place, caller: Caller, *, head: str, base: str | None, title: str, body: str
    ) -> PullRequest:
        """Ask for `head` to be merged into `base` (the default branch).

        Raises NotFound(branch_unknown), Conflict(pr_exists, pr_nothing).
        """

    async def page(self, place: Place, *, state: PullState | None, limit: int, before: int | None) -> list[PullRequest]:
        """Return pull requests, the newest first, with numbers below `before`."""

    async def show(self, place: Place, number: int, *, diff: bool = False) -> PullDetails:
        """Return one with all that decides about its merge; raises NotFound(pr_unknown)."""

    async def comment(
        self, place: Place, caller: Caller, number: int, *, body: str, path: str | None, line: int | None
    ) -> Comment:
        """Add a remark."""

    async def comments(self, place: Place, number: int) -> list[Comment]:
        """Return all remarks, the oldest first."""

    async def approve(self, place: Place, caller: Caller, number: int) -> Approval:
        """Say yes to the head as it is now."""

    async def merge(self, place: Place, caller: Caller, number: int, *, message: str | None) -> PullRequest:
        """Merge into the base, exactly once; called again it returns what is merged.

        Raises Conflict(merge_conflict, pr_ended), Refused(checks_missing, checks_failed, approval_missing).
        """

    async def close(self, place: Place, number: int) -> PullRequest:
        """End it without a merge."""

    async def checks(self, place: Place, number: int) -> list[Check]:
        """Return the checks of the head as it is now."""

    async def rerun(self, place: Place, number: int, names: Sequence[str]) -> list[Check]:
        """Run checks of the head once more, all unless named; what still runs is left to end. Return all checks.

        Raises NotFound(pr_unknown, check_unknown), Conflict(pr_ended), Refused(checks_invalid).
        """


class Runs(Protocol):
    """Runs of checks: what a hosted forge calls its actions."""

    async def runs(self, place: Place, *, branch: str | None, limit: int) -> list[Check]:
        """Return runs of checks of all pull requests, the newest first."""

    async def run_log(self, place: Place, run_id: str, *, offset: int, limit: int) -> tuple[Check, bytes, int]:
        """Return a run, bytes of its log from `offset` on, and where they end."""


class Policies(Protocol):
    """The rules of each project's forge."""

    async def policy(self, project_id: str) -> Policy:
        """Return the rules."""

    async def set_policy(self, project_id: str, policy: Policy) -> Policy:
        """Replace the rules."""


class Environment(Protocol):
    """What a project's checks find in their environment: that of its app."""

    def plain(self) -> dict[str, str]:
        """Return what everybody may read."""

    async def secret(self, place: Place) -> dict[str, str]:
        """Return the project's variables and secrets and its key for the router."""


class Bus(Protocol):
    """Where the forge tells what happened."""

    def publish(self, event_type: str, payload: Mapping[str, Any], *, project_id: str = "") -> object: ...
