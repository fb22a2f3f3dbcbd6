"""From a commit to the files of its tree and back to the running release's commit. Pure: values in, values out.

What has no place in a tree that becomes a release is refused here, whoever checked it before.
"""

from collections.abc import Iterator
from typing import Protocol

from att.kernel.errors import Refused, TooLarge
from att.release.names import folded, tree_defect
from att.upgrade.approvals.tree import MODES, Entry
from att.upgrade.building.objects import CommitObject, TreeItem

COMMITS_MAX = 10_000
ENTRIES_MAX = 50_000
TREE_BYTES_MAX = 256 << 20
DEPTH_MAX = 32
_FOLDERS = ("40000", "040000")
LINK = "120000"
_LINK_BYTES_MAX = 255
_MASKED = "/dev/null"
"""The one link out of a tree: how the image's own folder of units says that a unit is off."""
_GIT = (".git", "git~1")
_NO_PYTHON = "\0"
"""A venv's link to its interpreter has no place here: no target ends like this."""


class Objects(Protocol):
    """Objects whose ids were computed. Each method raises Refused(pack_damaged) for an id that is not there."""

    def commit(self, name: str) -> CommitObject:
        """Return a commit."""

    def has(self, name: str) -> bool:
        """Whether an object is there."""

    def tree(self, name: str) -> tuple[TreeItem, ...]:
        """Return the lines of a tree."""

    def file(self, name: str) -> tuple[str, int]:
        """Return the hex sha256 and the size of a blob."""

    def content(self, name: str) -> bytes:
        """Return the bytes of a blob."""


def commits_between(objects: Objects, base: str, head: str) -> tuple[CommitObject, ...]:
    """Return the commits from `base` to `head`, both with them, parents before children.

    What `base` was made of is not looked at, nor are parents that are older than it. Refused(base_unrelated) when
    `head` does not contain `base`.
    """
    ordered: dict[str, CommitObject] = {}
    waiting = [(head, False)]
    while waiting:
        name, parents_done = waiting.pop()
        if name in ordered:
            continue
        commit = objects.commit(name)
        if parents_done or name == base:
            ordered[name] = commit
            continue
        if len(ordered) + len(waiting) > COMMITS_MAX:
            raise TooLarge("pack_too_large", f"cannot use the pack: it holds more than {COMMITS_MAX} commits")
        waiting.append((name, True))
        waiting += [(parent, False) for parent in commit.parents if objects.has(parent)]
    if base not in ordered:
        raise Refused("base_unrelated", f"cannot use the pack: {head[:12]} does not contain {base[:12]}")
    return tuple(sorted(ordered.values(), key=lambda commit: commit.id != base))


def entries_of(objects: Objects, tree: str) -> dict[str, tuple[Entry, str]]:
    """Return the files below a tree by path, each with the id of its blob, sorted.

    Refused(tree_hostile) names a path that no release may have; TooLarge(pack_too_large).
    """
    found: dict[str, tuple[Entry, str]] = {}
    links: dict[str, str] = {}
    size = 0
    for path, item in _files_below(objects, tree):
        sha256, length = objects.file(item.id)
        size += length
        if len(found) >= ENTRIES_MAX or size > TREE_BYTES_MAX:
            text = f"cannot use the tree: more than {ENTRIES_MAX} files or {TREE_BYTES_MAX} bytes"
            raise TooLarge("pack_too_large", text)
        found[path] = Entry(item.mode, path, sha256, length), item.id
        if item.mode == LINK:
            links[path] = _target(objects, path, item.id, length)
    _refuse_odd_tree(found, links)
    return dict(sorted(found.items()))


def _files_below(objects: Objects, tree: str) -> Iterator[tuple[str, TreeItem]]:
    waiting = [("", tree, 0)]
    visited = 0
    while waiting:
        prefix, name, depth = waiting.pop()
        visited += 1
        if depth > DEPTH_MAX or visited > ENTRIES_MAX:
            raise TooLarge("pack_too_large", f"cannot use the tree: it has more than {DEPTH_MAX} levels or is too wide")
        for item in objects.tree(name):
            path = prefix + _name(item.name)
            if item.mode in _FOLDERS:
                waiting.append((f"{path}/", item.id, depth + 1))
            elif item.mode in MODES:
                yield path, item
            else:
                raise hostile(f"{_shown(path)} has the mode {item.mode}")


def _name(raw: bytes) -> str:
    try:
        name = raw.decode()
    except UnicodeDecodeError as error:
        raise hostile(f"{_shown(repr(raw))} is not in UTF-8") from error
    plain = folded(name).rstrip(". ")
    if plain in _GIT or plain.startswith(".git:"):
        raise hostile(f"{_shown(name)} is git's own folder")
    return name


def _target(objects: Objects, path: str, name: str, length: int) -> str:
    try:
        target = objects.content(name).decode() if 0 < length <= _LINK_BYTES_MAX else ""
    except UnicodeDecodeError:
        target = ""
    if not target or "\0" in target:
        raise hostile(f"the link {_shown(path)} has no target that a link may have")
    return target


def _refuse_odd_tree(found: dict[str, tuple[Entry, str]], links: dict[str, str]) -> None:
    leading = {path: target for path, target in links.items() if target != _MASKED}
    # A link that leads nowhere inside counts as a file among the others: nothing may lie below it either.
    files = [path for path in found if path not in leading]
    defect = tree_defect(files, leading, python=_NO_PYTHON)
    if defect:
        raise hostile(defect[1])


def hostile(reason: str) -> Refused:
    """Return the error for a tree that cannot become a release."""
    return Refused("tree_hostile", f"cannot use the tree: {reason}")


def _shown(path: str) -> str:
    return path if len(path) <= 80 else path[:77] + "..."
