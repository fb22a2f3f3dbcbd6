"""Changes a worktree's repository: init, stage, commit, branch, merge. Hooks do not run; filters run in the sandbox."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from att.kernel.errors import AttError, Conflict, Forbidden, InvalidInput, NotFound
from att.workspace.git import history
from att.workspace.git.command import Output, Worktree, failed

REMOTE = "origin"
FILES_SHOWN_MAX = 1_000
NAME_CHARS_MAX = 200
_CRUD = re.compile(r"[\x00-\x1f<>\x7f]")
_OVERWRITES = ("would be overwritten", "Please commit your changes or stash them")


def init(worktree: Worktree, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Make the repository where there is none, its `origin`, and the first commit of all files; may run again.

    One that came with the files is made durable, as it was written without git.
    """
    if (worktree.root / ".git").exists():
        worktree.settle_all()
    else:
        worktree.must(
            "make the repository", "init", "--quiet", "--template=", f"--initial-branch={arguments['branch']}"
        )
    set_origin(worktree, str(arguments["origin"]))
    if history.head(worktree) is None and arguments.get("message"):
        worktree.must("stage the files", "add", "--all")
        _commit(worktree, str(arguments["message"]), arguments, "--allow-empty")
    branch = history.current_branch(worktree)
    worktree.settle(branch)
    return {"commit": history.head(worktree), "branch": branch}


def set_origin(worktree: Worktree, url: str) -> None:
    """Make `url` the one address of `origin`."""
    fetched = f"+refs/heads/*:refs/remotes/{REMOTE}/*"
    worktree.must("set the origin", "config", "--local", "--replace-all", f"remote.{REMOTE}.url", url)
    worktree.must("set the origin", "config", "--local", "--replace-all", f"remote.{REMOTE}.fetch", fetched)
    worktree.run("config", "--local", "--unset-all", f"remote.{REMOTE}.pushurl")


def stage(worktree: Worktree, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Stage `paths`, deletions too, or everything with `all`; returns the status."""
    paths = list(arguments.get("paths", ()))
    worktree.free_objects()
    if arguments.get("all"):
        worktree.must("stage the files", "add", "--all")
    elif paths:
        _add(worktree, paths)
    else:
        raise InvalidInput("invalid_input", "cannot stage: name paths, or all", field="paths")
    return history.status(worktree, {})


def _add(worktree: Worktree, paths: Sequence[str]) -> None:
    if any(not path or "\0" in path for path in paths):
        raise InvalidInput("invalid_input", "cannot stage: a path is empty or has a NUL character", field="paths")
    feed = "\0".join(paths).encode()
    output = worktree.run("add", "--all", "--pathspec-from-file=-", "--pathspec-file-nul", feed=feed)
    if output.code != 0:
        if "did not match any files" in output.errors:
            raise NotFound("file_unknown", f"cannot stage: {output.reason}", field="paths")
        if "outside repository" in output.errors or "is beyond a symbolic link" in output.errors:
            raise Forbidden("path_outside", f"cannot stage: {output.reason}", field="paths")
        raise failed("stage the files", output)


def commit(worktree: Worktree, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Commit what is staged, after staging `paths` or `all`; `name` and `email` are the author's.

    Asked again with the same `key` and nothing more to commit, it returns the commit that it made.
    Raises InvalidInput(message_empty), Conflict(nothing_to_commit), Conflict(merge_conflict).
    """
    message = str(arguments["message"])
    if not message.strip():
        raise InvalidInput("message_empty", "cannot commit: the message is empty", field="message")
    if "\0" in message:
        raise InvalidInput("invalid_input", "cannot commit: the message has a NUL character", field="message")
    if arguments.get("all") or arguments.get("paths"):
        stage(worktree, arguments)
    unmerged = conflicts(worktree)
    if unmerged:
        raise _conflict("commit", unmerged)
    key = arguments.get("key")
    told = f"commit [{key}]" if key else "commit"
    if not _nothing_staged(worktree):
        _commit(worktree, message, arguments, told=told)
    elif not key or not _was_last(worktree, f"{told}: {message.partition('\n')[0]}"):
        raise Conflict("nothing_to_commit", "cannot commit: nothing is staged")
    return _made(worktree)


def _was_last(worktree: Worktree, told: str) -> bool:
    """Whether that is what the reflog says of the last move of HEAD; git writes blanks in its own way."""
    return worktree.run("log", "-g", "-1", "--format=%gs").text.split() == told.split()


def _nothing_staged(worktree: Worktree) -> bool:
    """Whether a commit would change nothing; the end of a merge is a change."""
    if worktree.run("rev-parse", "--verify", "--quiet", "MERGE_HEAD").code == 0:
        return False
    against = history.head(worktree) or history.EMPTY_TREE
    return worktree.run("diff-index", "--cached", "--quiet", against).code == 0


def _commit(
    worktree: Worktree, message: str, arguments: Mapping[str, Any], *options: str, told: str = "commit (initial)"
) -> None:
    """Commit; `told` is what the reflog says of it before its subject."""
    worktree.must(
        "commit", "commit", "--quiet", "--no-verify", "--no-gpg-sign", "--cleanup=verbatim", "--file=-", *options,
        feed=message.encode(), environment={**identity(arguments), "GIT_REFLOG_ACTION": told},
    )  # fmt: skip


def _made(worktree: Worktree) -> dict[str, Any]:
    listed = worktree.run("diff-tree", "--no-commit-id", "--name-only", "--root", "-r", "-z", "-m", "HEAD")
    (made,) = history.log(worktree, {"limit": 1})
    files, branch = list(dict.fromkeys(listed.fields)), history.current_branch(worktree)
    worktree.settle(branch)
    return {**made, "branch": branch, "files": files[:FILES_SHOWN_MAX]}


def identity(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment that names author and committer; what git would refuse in a name is taken out."""
    name = _CRUD.sub("", str(arguments["name"])).strip(" .,:;\"'\\")[:NAME_CHARS_MAX] or "unknown"
    email = _CRUD.sub("", str(arguments["email"])).strip()[:NAME_CHARS_MAX]
    return {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", name), ("EMAIL", email))
    }


def make_branch(worktree: Worktree, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Make the branch `name` at `start` (HEAD), or with `existing` only switch to it; `switch` checks it out."""
    name = branch_name(worktree, str(arguments["name"]))
    known = worktree.run("rev-parse", "--verify", "--quiet", f"refs/heads/{name}").code == 0
    if arguments.get("existing"):
        _switch(worktree, name, known)
    else:
        if known:
            raise Conflict("branch_exists", f"cannot make the branch {name}: there is one", field="name")
        _make(worktree, name, arguments)
    worktree.settle(name)
    return {"name": name, "commit": history.head(worktree), "current": history.current_branch(worktree)}


def _make(worktree: Worktree, name: str, arguments: Mapping[str, Any]) -> None:
    start = arguments.get("start")
    at = history.head(worktree) if start is None else history.commit_of(worktree, str(start), field="start")
    if at is None:
        if arguments.get("switch"):
            worktree.must("make the branch", "symbolic-ref", "HEAD", f"refs/heads/{name}")
            return
        raise Conflict("nothing_to_commit", f"cannot make the branch {name}: there is no commit yet")
    switching = ("switch", "--quiet", "--no-track", "--create", name, at)
    making = ("branch", "--no-track", name, at)
    output = worktree.run(*(switching if arguments.get("switch") else making))
    if "cannot lock ref" in output.errors or "exists; cannot create" in output.errors:
        raise Conflict("branch_exists", f"cannot make the branch {name}: it and another one would be in the way")
    _checked(output, "make the branch")


def _switch(worktree: Worktree, name: str, known: bool) -> None:
    if not known and worktree.run("rev-parse", "--verify", "--quiet", f"refs/remotes/{REMOTE}/{name}").code != 0:
        raise NotFound("branch_unknown", f"cannot find the branch {name}", field="name")
    create = [] if known else ["--create", name, "--track", f"{REMOTE}/{name}"]
    _checked(worktree.run("switch", "--quiet", *(create or ["--no-guess", name])), "switch the branch")


def branch_name(worktree: Worktree, name: str) -> str:
    """Return a valid name of a branch; InvalidInput(branch_invalid) says what git's rule is."""
    printable = name.isprintable() and not name.startswith("-")
    if not printable or worktree.run("check-ref-format", f"refs/heads/{name}").code != 0 or name == "HEAD":
        raise InvalidInput("branch_invalid", f"cannot take the branch name {name[:100]!r}", field="name")
    return name


def merge(worktree: Worktree, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the branch or commit `ref` into what is checked out.

    With conflicts the worktree is as before and Conflict(merge_conflict) lists them; `keep` leaves them to be solved.
    """
    other, before = history.commit_of(worktree, str(arguments["ref"]), field="ref"), history.head(worktree)
    message = str(arguments.get("message") or f"Merge {arguments['ref']}")
    output = worktree.run(
        "merge", "--quiet", "--no-edit", "--no-verify", "--no-gpg-sign", "-m", message, other,
        environment=identity(arguments),
    )  # fmt: skip
    if output.code != 0:
        found = conflicts(worktree)
        if not found:
            _checked(output, "merge")
        if not arguments.get("keep"):
            worktree.must("take the merge back", "merge", "--abort")
        raise _conflict(f"merge {arguments['ref']}", found)
    made = _made(worktree)
    return {**made, "changed": made["commit"] != before}


def conflicts(worktree: Worktree) -> list[str]:
    """Return the files in conflict."""
    listed = worktree.run("diff", "--name-only", "--diff-filter=U", "-z", "--ignore-submodules=dirty")
    return sorted(set(listed.fields))


def _conflict(what: str, files: Sequence[str]) -> Conflict:
    named = ", ".join(files[:20])
    return Conflict(
        "merge_conflict", f"cannot {what}: conflicts in {named}", data={"files": list(files[:FILES_SHOWN_MAX])}
    )


def _checked(output: Output, what: str) -> None:
    if output.code == 0:
        return
    error: AttError = failed(what, output)
    if any(sign in output.errors for sign in _OVERWRITES):
        error = Conflict("worktree_dirty", f"cannot {what}: changes that are not committed would be lost")
    raise error
