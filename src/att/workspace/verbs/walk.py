"""Walks the files of the worktree that are the project's: nothing of git's own folder, and nothing that it ignores."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from att.kernel.errors import Conflict, InvalidInput
from att.workspace.git.command import Worktree
from att.workspace.verbs.beneath import RESERVED, open_beneath, opened, parts_of
from att.workspace.verbs.files import STAGED

DEPTH_MAX = 100
_IGNORED = ("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z")


@dataclass(frozen=True)
class Found:
    """A file, folder or link, at `path` below the worktree."""

    path: str
    stat: os.stat_result

    @property
    def kind(self) -> str:
        """Which of file, folder, link or other it is."""
        if stat.S_ISREG(self.stat.st_mode):
            return "file"
        if stat.S_ISDIR(self.stat.st_mode):
            return "folder"
        return "link" if stat.S_ISLNK(self.stat.st_mode) else "other"


def ignored(root: Path) -> frozenset[str]:
    """Return the paths that `.gitignore` and its like exclude; none where there is no repository."""
    try:
        output = Worktree(root).run(*_IGNORED)
    except Conflict:
        return frozenset()
    names = output.out.split(b"\0")[:-1]
    return frozenset(os.fsdecode(name).rstrip("/") for name in names)


def walk(top: int, start: str, *, hidden: bool, skip: frozenset[str]) -> Iterator[Found]:
    """Yield what lies below the folder `start`, each folder before its content, names in order.

    Without `hidden` names that begin with a dot are left out. Raises OSError and AttErrors for a start that is none.
    """
    parts = parts_of(start)
    if parts and parts[0] == RESERVED:
        raise InvalidInput("path_reserved", f"cannot list {start}: git's own files are not the project's", field="path")
    with opened(top, parts, os.O_RDONLY | os.O_DIRECTORY) as fd:
        yield from _below(fd, "/".join(parts), hidden, skip, len(parts))


def _below(fd: int, at: str, hidden: bool, skip: frozenset[str], depth: int) -> Iterator[Found]:
    with os.scandir(fd) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        path = f"{at}/{name}" if at else name
        if path in skip or path == RESERVED or name.startswith(STAGED) or (name.startswith(".") and not hidden):
            continue
        with suppress(FileNotFoundError, NotADirectoryError):  # gone since the folder was read
            found = Found(path, os.stat(name, dir_fd=fd, follow_symlinks=False))
            yield found
            if found.kind == "folder" and depth < DEPTH_MAX:
                yield from _inside(fd, name, path, hidden, skip, depth + 1)


def _inside(fd: int, name: str, path: str, hidden: bool, skip: frozenset[str], depth: int) -> Iterator[Found]:
    try:
        below = open_beneath(fd, (name,), os.O_RDONLY | os.O_DIRECTORY, follow=False)
    except OSError:
        return  # replaced meanwhile, or closed to us: it is listed, what is in it is not
    try:
        yield from _below(below, path, hidden, skip, depth)
    finally:
        os.close(below)


def told(path: str) -> str:
    """Return a path as JSON carries it: bytes that are no UTF-8 appear as backslash escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
