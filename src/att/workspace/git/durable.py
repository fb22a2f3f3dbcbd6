"""What git wrote stays when the power fails: its settings for that, and what it leaves to the kernel nevertheless."""

import errno
from collections.abc import Callable, Iterable
from pathlib import Path

from att.effects.filesystem import sync_directory, sync_file

DURABLE = ("core.fsync=all", "core.fsyncMethod=batch")
"""Each object, pack, index and ref is on the disk before git gives it its name; of many objects at once the last one is
waited for (core.fsync, core.fsyncMethod in git-config(1)). Not so a symbolic HEAD, the settings and the logs."""

_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


def settle(repository: Path, refs: Iterable[str] = (), files: Iterable[str] = ()) -> None:
    """Make refs durable under their names, those too that are packed or gone, and `files` with what is in them.

    git writes out contents and never the entries of folders, so a ref that was moved is where it was before after a
    power cut of the next seconds. A file system with a journal writes entries in the order in which they were made:
    with those of a ref, all that the ref names is there too. A name that leads out of the repository names no ref, and
    is left out. Raises OSError as fsync(2) does.
    """
    names, contents = [_inside(repository, name) for name in refs], [repository / name for name in files]
    for file in contents:
        _if_there(sync_file, file)
    within = {parent for path in (*filter(None, names), *contents) for parent in path.parents}
    for folder in (repository, *(parent for parent in within if repository in parent.parents)):
        _if_there(sync_directory, folder)


def _inside(repository: Path, name: str) -> Path | None:
    """Whoever pushes chose the name, and git may have refused it."""
    return None if name.startswith("/") or ".." in name.split("/") else repository / name


def _if_there(sync: Callable[[Path], None], path: Path) -> None:
    try:
        sync(path)
    except OSError as error:
        if error.errno not in _NOT_THERE:
            raise
