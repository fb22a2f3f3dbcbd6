"""What git wrote stays when the power fails: its settings for that, and what it leaves to the kernel nevertheless."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from att.effects.filesystem import sync_directory, sync_file

DURABLE = ("core.fsync=all", "core.fsyncMethod=batch")
"""Each file is on the disk before git gives it its name; of many objects at once the last one is waited for
(core.fsync, core.fsyncMethod in git-config(1))."""


def settle(repository: Path, paths: Iterable[str]) -> None:
    """Make files of a repository durable under their names: refs, objects, logs, those of `paths` that are there.

    git writes out contents and never the entries of folders, so a ref that was moved is where it was before after a
    power cut of the next seconds. A file system with a journal writes entries in the order in which they were made:
    with those of a ref, all that the ref names is there too. Raises OSError as fsync(2) does.
    """
    folders = {repository}
    for path in paths:
        file = repository / path
        folders |= {parent for parent in file.parents if parent.is_relative_to(repository)}
        # A ref may be packed by now, or gone on purpose.
        with suppress(FileNotFoundError, NotADirectoryError):
            sync_file(file)
    for folder in folders:
        with suppress(FileNotFoundError, NotADirectoryError):
            sync_directory(folder)
