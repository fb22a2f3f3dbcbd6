"""Reads git's machine formats: text in, JSON values out."""

from collections.abc import Sequence
from typing import Any

LOG_FORMAT = "tformat:%H%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%cI%x00%B"
_LOG_FIELDS = 8
BRANCH_FORMAT = "%(refname)%00%(objectname)%00%(upstream:short)%00%(HEAD)%00%(committerdate:iso-strict)%00%(subject)%00"
_BRANCH_FIELDS = 6
_KINDS = {
    "M": "modified",
    "T": "type_changed",
    "A": "added",
    "D": "deleted",
    "R": "renamed",
    "C": "copied",
    "U": "unmerged",
    ".": "unchanged",
}


def status(fields: Sequence[str]) -> dict[str, Any]:
    """Read `status --porcelain=v2 --branch -z`."""
    found: dict[str, Any] = {"branch": None, "commit": None, "upstream": None, "ahead": 0, "behind": 0}
    files: list[dict[str, Any]] = []
    rest = iter(fields)
    for entry in rest:
        match entry[:1]:
            case "#":
                _header(entry, found)
            case "1":
                files.append(_changed(entry.split(" ", 8)))
            case "2":
                files.append({**_changed(entry.split(" ", 9)), "old_path": next(rest, "")})
            case "u":
                parts = entry.split(" ", 10)
                files.append(_file(parts[10], "unmerged", "unmerged", conflicted=True))
            case "?":
                files.append(_file(entry[2:], "unchanged", "untracked"))
            case _:
                pass
    return {**found, "files": files}


def _header(entry: str, found: dict[str, Any]) -> None:
    name, _, value = entry[2:].partition(" ")
    match name:
        case "branch.oid":
            found["commit"] = None if value == "(initial)" else value
        case "branch.head":
            found["branch"] = None if value == "(detached)" else value
        case "branch.upstream":
            found["upstream"] = value
        case "branch.ab":
            ahead, behind = value.split(" ")
            found["ahead"], found["behind"] = int(ahead[1:]), int(behind[1:])
        case _:
            pass


def _changed(parts: list[str]) -> dict[str, Any]:
    index, worktree = (_KINDS.get(letter, "modified") for letter in parts[1])
    return _file(parts[-1], index, worktree)


def _file(path: str, index: str, worktree: str, *, conflicted: bool = False) -> dict[str, Any]:
    return {"path": path, "old_path": None, "index": index, "worktree": worktree, "conflicted": conflicted}


def log(fields: Sequence[str]) -> list[dict[str, Any]]:
    """Read `log -z --format=LOG_FORMAT`."""
    commits = []
    for at in range(0, len(fields) - _LOG_FIELDS + 1, _LOG_FIELDS):
        commit, parents, author, email, authored, committer, committed, message = fields[at : at + _LOG_FIELDS]
        commits.append(
            {
                "commit": commit,
                "parents": parents.split(),
                "author": author,
                "email": email,
                "time": authored,
                "committer": committer,
                "committed": committed,
                "message": message,
            }
        )
    return commits


def branches(text: str) -> list[dict[str, Any]]:
    """Read `for-each-ref --format=BRANCH_FORMAT refs/heads refs/remotes`; a remote's HEAD is left out."""
    fields = text.replace("\0\n", "\0").split("\0")[:-1]
    found = []
    for at in range(0, len(fields) - _BRANCH_FIELDS + 1, _BRANCH_FIELDS):
        ref, commit, upstream, head, time, subject = fields[at : at + _BRANCH_FIELDS]
        remote = ref.startswith("refs/remotes/")
        if remote and ref.endswith("/HEAD"):
            continue
        found.append(
            {
                "name": ref.removeprefix("refs/remotes/").removeprefix("refs/heads/"),
                "commit": commit,
                "current": head == "*",
                "remote": remote,
                "upstream": upstream or None,
                "time": time,
                "subject": subject,
            }
        )
    return found


def numstat(fields: Sequence[str]) -> list[dict[str, Any]]:
    """Read `diff --numstat -z`; a binary file has no counts."""
    found, rest = [], iter(fields)
    for entry in rest:
        added, deleted, path = entry.split("\t", 2)
        old = None
        if not path:
            old, path = next(rest, ""), next(rest, "")
        binary = added == "-"
        found.append(
            {
                "path": path,
                "old_path": old,
                "added": 0 if binary else int(added),
                "deleted": 0 if binary else int(deleted),
                "binary": binary,
            }
        )
    return found


def blame(text: str) -> list[dict[str, Any]]:
    """Read `blame --line-porcelain`."""
    lines: list[dict[str, Any]] = []
    head: dict[str, str] = {}
    for line in text.split("\n"):
        if line.startswith("\t"):
            lines.append(
                {
                    "line": int(head["final"]),
                    "commit": head["commit"],
                    "author": head.get("author", ""),
                    "time": int(head.get("author-time", "0")),
                    "summary": head.get("summary", ""),
                    "text": line[1:],
                }
            )
            head = {}
        elif not head and line:
            commit, _, final, *_ = line.split(" ")
            head = {"commit": commit, "final": final}
        else:
            name, _, value = line.partition(" ")
            head.setdefault(name, value)
    return lines


def push_report(text: str) -> list[dict[str, str]]:
    """Read `push --porcelain`: one entry a ref, `flag` as git writes it ("!" is refused)."""
    found = []
    for line in text.splitlines():
        parts = line.split("\t")
        if len(parts) == 3 and len(parts[0]) == 1:
            found.append({"flag": parts[0], "ref": parts[1].partition(":")[2], "told": parts[2]})
    return found
