"""Reads a worktree's repository: status, log, branches, diff, blame. Nothing of the repository runs but its filters."""

from collections.abc import Mapping, Sequence
from typing import Any

from att.kernel.errors import InvalidInput, NotFound
from att.workspace.git import parsing
from att.workspace.git.command import Worktree, failed

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
FILES_MAX = 5_000
LOG_MAX = 1_000
BRANCHES_MAX = 1_000
DIFF_BYTES_MAX = 2 * 1024 * 1024
BLAME_LINES_MAX = 5_000
_PLAIN_DIFF = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty", "--submodule=short")


def head(worktree: Worktree) -> str | None:
    """Return the commit of HEAD, None before the first commit."""
    found = worktree.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    return found.text.strip() if found.code == 0 else None


def current_branch(worktree: Worktree) -> str | None:
    """Return the branch that is checked out, also before its first commit; None when HEAD is detached."""
    found = worktree.run("symbolic-ref", "--quiet", "--short", "HEAD")
    return found.text.strip() if found.code == 0 else None


def commit_of(worktree: Worktree, revision: str, *, field: str) -> str:
    """Return the commit that `revision` names; NotFound(ref_unknown), naming the request's `field`."""
    if not revision.isprintable():
        raise InvalidInput("invalid_input", "cannot read the revision: it has control characters", field=field)
    found = worktree.run("rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
    if found.code != 0:
        raise NotFound("ref_unknown", f"cannot find the branch or commit {revision[:100]!r}", field=field)
    return found.text.strip()


def status(worktree: Worktree, _: Mapping[str, Any]) -> dict[str, Any]:
    """Return branch, commit and changed files, untracked ones too."""
    output = worktree.run(
        "status", "--porcelain=v2", "-z", "--branch", "--untracked-files=all", "--ignore-submodules=dirty",
        environment={"GIT_OPTIONAL_LOCKS": "0"},
    )  # fmt: skip
    if output.code != 0 and not output.cut:
        raise failed("read the status", output)
    found = parsing.status(output.fields)
    files = found["files"]
    merging = worktree.run("rev-parse", "--verify", "--quiet", "MERGE_HEAD").code == 0
    return {
        **found,
        "files": files[:FILES_MAX],
        "clean": not files,
        "merging": merging,
        "truncated": output.cut or len(files) > FILES_MAX,
    }


def log(worktree: Worktree, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return commits of `ref` (HEAD), newest first, `skip` of them left out; [] in an empty repository."""
    revision = arguments.get("ref")
    start = head(worktree) if revision is None else commit_of(worktree, revision, field="ref")
    if start is None:
        return []
    path = arguments.get("path")
    output = worktree.run(
        "log", "-z", f"--format={parsing.LOG_FORMAT}", "--no-show-signature", "--no-decorate",
        f"--max-count={min(int(arguments['limit']), LOG_MAX)}", f"--skip={int(arguments.get('skip') or 0)}",
        start, "--", *([path] if path else []),
    )  # fmt: skip
    if output.code != 0 and not output.cut:
        raise failed("read the log", output)
    return parsing.log(output.fields)


def branches(worktree: Worktree, _: Mapping[str, Any]) -> dict[str, Any]:
    """Return the branches, the newest commit first, and which one is checked out."""
    text = worktree.must(
        "list the branches",
        "for-each-ref", f"--format={parsing.BRANCH_FORMAT}", f"--count={BRANCHES_MAX}", "--sort=-committerdate",
        "refs/heads", "refs/remotes",
    )  # fmt: skip
    return {"current": current_branch(worktree), "branches": parsing.branches(text)}


def diff(worktree: Worktree, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a unified diff and its files: two revisions, one against the worktree, or what is not committed."""
    sides = _sides(worktree, arguments)
    paths = ["--", *arguments.get("paths", ())]
    counts = worktree.run("diff", "--numstat", "-z", *_PLAIN_DIFF, *sides, *paths)
    if counts.code != 0 and not counts.cut:
        raise failed("compare", counts)
    context = f"--unified={int(arguments.get('context', 3))}"
    patch = worktree.run("diff", "--patch", context, *_PLAIN_DIFF, *sides, *paths, bytes_max=DIFF_BYTES_MAX)
    if patch.code != 0 and not patch.cut:
        raise failed("compare", patch)
    files = [] if counts.cut else parsing.numstat(counts.fields)
    truncated = counts.cut or patch.cut or len(files) > FILES_MAX
    return {"diff": patch.text, "files": files[:FILES_MAX], "truncated": truncated}


def _sides(worktree: Worktree, arguments: Mapping[str, Any]) -> Sequence[str]:
    base, other = arguments.get("base"), arguments.get("head")
    if other is not None and base is None:
        raise InvalidInput("invalid_input", "cannot compare: head needs base beside it", field="base")
    if base is not None:
        first = commit_of(worktree, base, field="base")
        if other is None:
            return [first]
        second = commit_of(worktree, other, field="head")
        return ["--merge-base", first, second] if arguments.get("merge_base") else [first, second]
    start = head(worktree) or EMPTY_TREE
    return ["--cached", start] if arguments.get("staged") else [start]


def blame(worktree: Worktree, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return who last changed each line of `path` at `ref` (HEAD), from line `first` on, `limit` lines."""
    path, first = str(arguments["path"]), int(arguments.get("first", 1))
    last = first + min(int(arguments["limit"]), BLAME_LINES_MAX) - 1
    start = commit_of(worktree, arguments.get("ref") or "HEAD", field="ref")
    size = worktree.run("cat-file", "-t", f"{start}:{path}")
    if size.code != 0 or size.text.strip() != "blob":
        raise NotFound("file_unknown", f"cannot find the file {path[:200]} in that commit", field="path")
    output = worktree.run(
        "blame", "--line-porcelain", "--no-textconv", "--encoding=UTF-8", "-L", f"{first},{last}", start, "--", path
    )
    if output.code != 0:
        if "has only" in output.errors:
            return {"commit": start, "lines": []}
        raise failed("read who changed the file", output)
    return {"commit": start, "lines": parsing.blame(output.text)}
