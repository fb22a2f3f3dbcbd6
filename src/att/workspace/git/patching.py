"""Takes a patch into a worktree, and leaves a branch as if it had never been: what a change made by a job needs."""

from collections.abc import Mapping
from typing import Any

from att.kernel.errors import Conflict, InvalidInput
from att.workspace.git import history
from att.workspace.git.changing import branch_name
from att.workspace.git.command import Worktree

PATCH_BYTES_MAX = 8 * 1024 * 1024


def apply(worktree: Worktree, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Apply a unified `patch` to the files of `branch`, which must be checked out: all of it, or nothing.

    Raises InvalidInput(patch_refused), Conflict(branch_missing).
    """
    _demand(worktree, str(arguments["branch"]))
    patch = str(arguments["patch"]).encode(errors="surrogateescape")
    if len(patch) > PATCH_BYTES_MAX:
        raise InvalidInput("patch_refused", f"cannot take the patch: over {PATCH_BYTES_MAX} bytes", field="patch")
    output = worktree.run("apply", "--whitespace=nowarn", "-", feed=patch)
    if output.code != 0:
        raise InvalidInput("patch_refused", f"cannot take the patch: {output.reason[:500]}", field="patch")
    return history.status(worktree, {})


def restore(worktree: Worktree, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Make the files what the last commit of `branch` has, which must be checked out; what git ignores stays.

    Raises Conflict(branch_missing).
    """
    _demand(worktree, str(arguments["branch"]))
    if worktree.run("rev-parse", "--verify", "--quiet", "MERGE_HEAD").code == 0:
        worktree.must("take the merge back", "merge", "--abort")
    worktree.must("restore the files", "reset", "--quiet", "--hard", "HEAD")
    worktree.must("restore the files", "clean", "--quiet", "--force", "-d")
    return history.status(worktree, {})


def leave(worktree: Worktree, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Remove the local `branch` with whatever was not committed on it, and check `to` out; quiet when it is gone."""
    branch, to = branch_name(worktree, str(arguments["branch"])), branch_name(worktree, str(arguments["to"]))
    if history.current_branch(worktree) == branch:
        restore(worktree, {"branch": branch})
        worktree.must("switch the branch", "switch", "--quiet", "--no-guess", to)
    if worktree.run("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}").code == 0:
        worktree.must("remove the branch", "branch", "--quiet", "-D", branch)
    worktree.run("branch", "--quiet", "--remotes", "-D", f"origin/{branch}")
    worktree.settle(branch)
    return history.status(worktree, {})


def _demand(worktree: Worktree, branch: str) -> None:
    found = history.current_branch(worktree)
    if found != branch:
        raise Conflict("branch_missing", f"cannot change the files of {branch}: {found or 'no branch'} is checked out")
