"""Decides what may be approved, by whom, and whether enough was said for a signature: pure; the engine alone asks it.

An approval counts for one commit with one tree, given by a person at the SSH door, and for nothing else.
"""

from collections.abc import Iterable, Sequence
from itertools import permutations
from typing import Literal

from att.kernel.errors import AttError, Conflict, Forbidden, Refused
from att.upgrade.approvals.schema import Approval, Built, Change, Denial, Held, Proposal

ROOT = "root(uid 0)"
"""Whoever may become root may speak as root: it is nobody of its own."""
Setting = Literal["required", "auto"]
_HINT = "have an operator look at it at the SSH door: attctl bootstrap approve NUMBER"
_SHOWN = 20


def proposal_problem(change: Change) -> AttError | None:
    """Return why a change cannot even be proposed: a release cannot bring what the image owns."""
    if change.image and change.releases:
        text = f"cannot release this: new image needed for {_shown(change.image)}"
        return Refused("new_image_needed", text, data={"paths": list(change.image)})
    return None


def base_problem(proposal: Proposal, base: str) -> AttError | None:
    """Return why a proposal counts no more: it was computed against another release than runs now, `base`."""
    if proposal.base != base:
        text = f"cannot go on: pull request {proposal.number} was proposed to another release than runs now"
        return Conflict("approval_stale", text, hint="propose it again", data={"number": proposal.number})
    return None


def approving_problem(change: Change, *, commit: str, tree: str, door: str, kind: str) -> AttError | None:
    """Return why somebody may not approve `change`; `commit` and `tree` are what they say they looked at."""
    if kind != "person":
        return Forbidden("people_only", "cannot approve: an agent asks")
    if door != "ssh":
        return Forbidden("approval_door", "cannot approve: only an operator at the SSH door may")
    if (commit, tree) != (change.commit, change.tree):
        return Conflict("approval_stale", "cannot approve: it is not the commit and tree that are proposed now")
    return None


def approvals_problem(
    change: Change, approvals: Sequence[Approval], *, setting: Setting, operators: int
) -> AttError | None:
    """Return what is missing of the yes that `change` needs; `operators` is how many people could give one.

    With `auto` nobody needs to say anything, unless the change touches what judges it or loses tests.
    """
    if setting == "auto" and not change.protected and not change.dropped:
        return None
    counted = list(counting(change, approvals))
    if not counted:
        text = f"cannot go on: nobody has approved {change.commit[:12]} at the SSH door"
        return Refused("approval_missing", text, hint=_HINT, data={"commit": change.commit, "tree": change.tree})
    if change.protected and not _twice(change, counted, alone=operators <= 1):
        text = f"cannot go on: a second approval is needed, which names {_shown(change.protected)}"
        return Refused("approval_second", text, data={"paths": list(change.protected)})
    return None


def counting(change: Change, approvals: Iterable[Approval]) -> Iterable[Approval]:
    """Yield the approvals that count for this very change, whoever stored them."""
    for one in approvals:
        if approving_problem(change, commit=one.commit, tree=one.tree, door=one.door, kind=one.kind) is None:
            yield one


def _twice(change: Change, counted: Sequence[Approval], *, alone: bool) -> bool:
    """Two acts, one of which names every protected path; of two people, or of the only one, saying two things."""
    named = frozenset(change.protected)
    return any(
        frozenset(second.protected) == named
        and (_two_people(first, second) or (alone and frozenset(first.protected) != named))
        for first, second in permutations(counted, 2)
    )


def _two_people(one: Approval, other: Approval) -> bool:
    return one.by != other.by and ROOT not in (one.by, other.by)


def denial_of(change: Change, denials: Iterable[Denial]) -> Denial | None:
    """Return the newest no to the tree of `change`, in whichever commit or pull request it was said."""
    return next((one for one in reversed(list(denials)) if one.tree == change.tree), None)


def signing_problem(
    change: Change,
    approvals: Sequence[Approval],
    built: Built,
    *,
    setting: Setting,
    operators: int,
    paused: bool,
    held: Held | None,
    denied: Denial | None,
) -> AttError | None:
    """Return why the engine does not build and sign what was merged; `held` is None once its revert is in `built`."""
    if paused:
        return Refused("bootstrap_paused", "cannot release: an operator paused it")
    if denied is not None:
        return denied_problem(denied)
    if held is not None:
        text = f"cannot release: pull request {held.number} was rolled back and is not reverted yet"
        return Refused("main_held", text, data={"number": held.number, "commit": held.commit})
    if not change.releases:
        return Refused("release_none", "cannot release: this change was approved without a release")
    if change.commit not in built.parents or change.tree != built.tree:
        return Refused("merge_differs", "cannot release: what was merged is not what was approved")
    return proposal_problem(change) or approvals_problem(change, approvals, setting=setting, operators=operators)


def denied_problem(denied: Denial) -> AttError:
    """Return the refusal of what somebody said no to."""
    text = f"cannot go on: {denied.by} denied this tree" + (f": {denied.reason}" if denied.reason else "")
    return Refused("bootstrap_denied", text, data={"number": denied.number, "commit": denied.commit})


def _shown(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more
