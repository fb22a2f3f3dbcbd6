"""Lists the files of the worktree, and which of them changed lately."""

import time
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from att.kernel.errors import InvalidInput
from att.workspace.verbs import Verb, taken
from att.workspace.verbs.beneath import folder
from att.workspace.verbs.reasons import explained
from att.workspace.verbs.walk import Found, ignored, told, walk

ENTRIES_MAX = 20_000
WATCHED_MAX = 100_000
_TICK_SECONDS = 0.02
"""Longer than the kernel's tick, by which the times of files may be late."""


def entries(root: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the files, folders and links below `path`, `limit` at most, in order."""
    path, limit = taken(arguments, "path", str, ""), min(taken(arguments, "limit", int, ENTRIES_MAX), ENTRIES_MAX)
    hidden, everything = taken(arguments, "hidden", bool, False), taken(arguments, "ignored", bool, False)
    skip = frozenset[str]() if everything else ignored(root)
    with folder(root) as top, explained("list", path or "the project"):
        found = list(islice(walk(top, path, hidden=hidden, skip=skip), limit + 1))
    return {"entries": [_entry(one) for one in found[:limit]], "truncated": len(found) > limit}


def changes(root: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what changed after the place `cursor` in time, oldest first, `limit` at most, each with its own place.

    A changed folder is one in which names were added or taken away. Without a cursor the answer is the present place.
    """
    cursor, limit = taken(arguments, "cursor", str, ""), taken(arguments, "limit", int, 1000)
    time.sleep(_TICK_SECONDS)  # so that what was written before this call has its time before `_lately`
    if not cursor:
        return {"changes": [], "cursor": _cursor(_lately(), "")}
    after = _place(cursor)
    until = _lately()
    with folder(root) as top, explained("watch", "the project"):
        found = list(islice(walk(top, "", hidden=True, skip=ignored(root)), WATCHED_MAX))
    late = sorted((one.stat.st_ctime_ns, told(one.path), one) for one in found if one.kind != "other")
    fresh = [(at, path, one) for at, path, one in late if after < (at, path) and at < until][:limit]
    listed = [{"path": path, "kind": one.kind, "cursor": _cursor(at, path)} for at, path, one in fresh]
    return {"changes": listed, "cursor": listed[-1]["cursor"] if listed else cursor}


def _entry(found: Found) -> dict[str, Any]:
    size = found.stat.st_size if found.kind == "file" else None
    return {"path": told(found.path), "kind": found.kind, "bytes": size}


def _lately() -> int:
    """Return the time before which no file changed from now on can seem to have changed."""
    return time.time_ns() - int(_TICK_SECONDS * 1e9)


def _cursor(at: int, path: str) -> str:
    return f"{at}:{path}"


def _place(cursor: str) -> tuple[int, str]:
    at, colon, path = cursor.partition(":")
    if not colon or not at.isascii() or not at.isdigit() or len(at) > 20:
        raise InvalidInput("invalid_input", "cannot go on there: no cursor of this watch", field="cursor")
    return int(at), path


VERBS: Mapping[str, Verb] = {"tree.entries": entries, "tree.changes": changes}
READS = frozenset(VERBS)
