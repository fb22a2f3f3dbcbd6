"""Git's objects by their raw bytes: their ids computed, commits and trees read. Pure, and strict: what git itself would
not write is refused.
"""

import hashlib
import re
from dataclasses import dataclass

from att.kernel.errors import Refused

PARENTS_MAX = 64
_ID = rb"[0-9a-f]{40}"
_HEAD = re.compile(
    rb"tree (?P<tree>" + _ID + rb")\n(?P<parents>(?:parent " + _ID + rb"\n)*)"
    rb"author [^\n\0]*\ncommitter [^\n\0]*> (?P<time>[0-9]{1,11}) [+-][0-9]{4}\n"
)
_ITEM = re.compile(rb"([0-7]{5,6}) ([^\0/]+)\0")
_ID_BYTES = 20


@dataclass(frozen=True)
class CommitObject:
    """A commit: its id, those of its parents in their order, of its tree, and when it was committed (Unix seconds)."""

    id: str
    parents: tuple[str, ...]
    tree: str
    time: int


@dataclass(frozen=True)
class TreeItem:
    """One line of a tree: git's mode in octal, the name as bytes, the id of what it names."""

    mode: str
    name: bytes
    id: str


def object_id(kind: str, content: bytes) -> str:
    """Return git's id of an object: `kind` is blob, tree or commit."""
    head = f"{kind} {len(content)}\0".encode()
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


def read_commit(name: str, content: bytes) -> CommitObject:
    """Return the commit with the id `name`; Refused(pack_damaged) when the bytes are no commit."""
    found = _HEAD.match(content)
    if found is None:
        raise damaged(f"{name[:12]} is no commit")
    parents = tuple(line[7:].decode() for line in found["parents"].splitlines())
    if len(parents) > PARENTS_MAX or len(set(parents)) != len(parents):
        raise damaged(f"{name[:12]} has parents that no commit has")
    return CommitObject(name, parents, found["tree"].decode(), int(found["time"]))


def read_tree(name: str, content: bytes) -> tuple[TreeItem, ...]:
    """Return the lines of the tree with the id `name`; Refused(pack_damaged) when the bytes are no tree."""
    items, names, at = [], set(), 0
    while at < len(content):
        found = _ITEM.match(content, at)
        if found is None or found.end() + _ID_BYTES > len(content) or found[2] in names:
            raise damaged(f"{name[:12]} is no tree")
        at = found.end() + _ID_BYTES
        names.add(found[2])
        items.append(TreeItem(found[1].decode(), found[2], content[found.end() : at].hex()))
    return tuple(items)


def damaged(reason: str) -> Refused:
    """Return the error for objects that are not what a pack of git holds."""
    return Refused("pack_damaged", f"cannot use the pack: {reason}")
