"""What the forge allows: pushes, approvals, merges; and when a failed transfer is tried again."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from att.forge.pktline import Command
from att.forge.schema import Approval, Check, CheckState, Policy, PullState
from att.kernel.errors import AttError, Conflict, Refused

HEADS, TAGS = "refs/heads/", "refs/tags/"
RETRIES = 3
_FIRST_PAUSE_SECONDS = 1.0
_RETRIED = frozenset({"remote_unreachable", "agent_unreachable", "git_timeout", "git_busy", "clone_unreachable"})


def is_protected(branch: str, policy: Policy) -> bool:
    """Whether a branch changes by pull request alone; the policy's names may hold `*`."""
    return any(fnmatchcase(branch, pattern) for pattern in policy.protected)


def push_refusals(commands: Sequence[Command], *, present: Iterable[str], policy: Policy) -> dict[str, str]:
    """Return why refs may not be changed so; a protected branch may be made, by a first push, not changed."""
    known = set(present)
    reasons = {}
    for command in commands:
        branch = command.ref.removeprefix(HEADS)
        if not command.ref.startswith((HEADS, TAGS)):
            reasons[command.ref] = "only branches and tags can be pushed"
        elif command.ref.startswith(HEADS) and command.ref in known and is_protected(branch, policy):
            reasons[command.ref] = "branch_protected: push another branch and open a pull request"
    return reasons


def approval_problem(state: PullState, *, is_author: bool, policy: Policy) -> AttError | None:
    """Return why somebody may not approve."""
    if not state.live:
        return Conflict("pr_ended", f"cannot approve: the pull request is {state}")
    if is_author and not policy.author_may_approve:
        return Refused("approval_own", "cannot approve: it is your own pull request")
    return None


def merge_problem(
    state: PullState,
    *,
    approvals: Sequence[Approval],
    author_id: str,
    policy: Policy,
    required: Sequence[str],
    checks: Mapping[str, Check],
    conflicts: Sequence[str],
) -> AttError | None:
    """Return the first reason against a merge. `checks` are the latest of the head, by name."""
    if not state.live:
        return Conflict("pr_ended", f"cannot merge: the pull request is {state}")
    if conflicts:
        named = ", ".join(conflicts[:20])
        return Conflict("merge_conflict", f"cannot merge: conflicts in {named}", data={"files": list(conflicts)})
    failed = [name for name in required if name in checks and _has_failed(checks[name])]
    if failed:
        text = f"cannot merge: required checks failed: {', '.join(failed)}"
        return Refused("checks_failed", text, data={"checks": failed})
    missing = [name for name in required if name not in checks or not checks[name].state.final]
    if missing:
        text = f"cannot merge: required checks have not passed yet: {', '.join(missing)}"
        return Refused("checks_missing", text, data={"checks": missing})
    given = {one.approver_id for one in approvals if one.current}
    if not policy.author_may_approve:
        given.discard(author_id)
    if len(given) < policy.approvals:
        text = f"cannot merge: {len(given)} of {policy.approvals} approvals of its last commit"
        return Refused("approval_missing", text, data={"approvals": len(given), "required": policy.approvals})
    return None


def _has_failed(check: Check) -> bool:
    return check.state in (CheckState.FAILED, CheckState.ERROR)


def pause_before_retry(code: str, tries: int) -> float | None:
    """Return the seconds to wait before the next try after `tries` of them failed with `code`; None: give up."""
    if code not in _RETRIED or tries > RETRIES:
        return None
    return float(_FIRST_PAUSE_SECONDS * 2 ** (tries - 1))


def merge_proof(merge_commit: str | None, *, reached: bool) -> PullState:
    """Return what an interrupted merge came to: merged when the base holds the commit, else open again."""
    return PullState.MERGED if merge_commit is not None and reached else PullState.OPEN
