"""The digest of a tree of files: what a check's result and an approval belong to, beside git's own ids. Pure."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

MODES = ("100644", "100755", "120000")
"""A file, a program, a symbolic link: git's words. Nothing else may be in a tree that becomes a release."""


@dataclass(frozen=True)
class Entry:
    """One file: git's mode, its path, and the hex sha256 of its content (of a link: of its target).

    `size` is that content's bytes; the digest of a tree does not need it.
    """

    mode: str
    path: str
    sha256: str
    size: int = 0


def tree_digest(entries: Iterable[Entry]) -> str:
    """Return the hex sha256 of a whole tree; the order of `entries` does not matter.

    Raises ValueError for two entries of one path, a mode of another kind, or a path that could be read in two ways.
    """
    digest = hashlib.sha256()
    former = ""
    for entry in sorted(entries, key=lambda one: one.path.encode(errors="surrogateescape")):
        if entry.path == former or not entry.path or "\0" in entry.path:
            raise ValueError(f"not a path of its own: {entry.path!r}")
        if entry.mode not in MODES or len(entry.sha256) != 64:
            raise ValueError(f"not a file of a tree: {entry.path!r}")
        line = f"{entry.mode} {entry.path}\0{entry.sha256}\n"
        digest.update(line.encode(errors="surrogateescape"))
        former = entry.path
    return digest.hexdigest()
