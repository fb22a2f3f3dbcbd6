"""From a pack that the API handed over to sources whose every id the engine computed itself."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from att.kernel.errors import InvalidInput, TooLarge
from att.upgrade.approvals.tree import Entry
from att.upgrade.building.bench import Bench, Tasks
from att.upgrade.building.job import PACK
from att.upgrade.building.objects import CommitObject
from att.upgrade.building.store import ObjectStore
from att.upgrade.building.unpacking import PACK_BYTES_MAX
from att.upgrade.building.walking import commits_between, entries_of

FOLDER = "building"
"""The folder of jobs below the engine's state; `att-build@.service` names it too."""
_CHUNK = 1 << 20


class Sources:
    """The commits from a base to a head, and every file of both; `close` gives their space back."""

    def __init__(self, store: ObjectStore, base: str, head: str) -> None:
        self._store = store
        self.commits: tuple[CommitObject, ...] = commits_between(store, base, head)
        self._head = entries_of(store, self.commits[-1].tree)
        self._base = entries_of(store, self.commits[0].tree)
        self.tree: tuple[Entry, ...] = tuple(entry for entry, _ in self._head.values())
        self.base: tuple[Entry, ...] = tuple(entry for entry, _ in self._base.values())

    def read(self, path: str) -> bytes:
        """Return the bytes of a file of the head; KeyError where it has none."""
        return self._store.content(self._head[path][1])

    def read_base(self, path: str) -> bytes:
        """Return the bytes of a file of the base; KeyError where it has none."""
        return self._store.content(self._base[path][1])

    def close(self) -> None:
        """Forget everything."""
        self._store.close()


class Workshop:
    """Takes packs apart below `state`, the engine's folder, with jobs that `tasks` runs."""

    def __init__(self, state: Path, tasks: Tasks) -> None:
        self._folder = state / FOLDER
        self._bench = Bench(self._folder, tasks)
        self._bench.sweep()

    def unpack(self, pack_fd: int, *, base: str, head: str) -> Sources:
        """Return what the pack in `pack_fd` holds from the commit `base` to `head`. The caller closes it.

        InvalidInput(pack_unreadable), TooLarge(pack_too_large), Refused(build_refused, pack_damaged, base_unrelated,
        tree_hostile) say what is wrong with it.
        """

        def fill(given: BinaryIO) -> None:
            _copy(pack_fd, given)

        with self._bench.done("unpack the pack", PACK, fill) as result:
            store = ObjectStore(self._folder)
            try:
                store.fill(result)
                return Sources(store, base, head)
            except BaseException:
                store.close()
                raise


def _copy(fd: int, target: BinaryIO) -> None:
    """Copy a pack once: who sent it may still write to its own."""
    done = 0
    while piece := _piece(fd, done):
        done += len(piece)
        if done > PACK_BYTES_MAX:
            raise TooLarge("pack_too_large", f"cannot use the pack: it has more than {PACK_BYTES_MAX} bytes")
        target.write(piece)


def _piece(fd: int, offset: int) -> bytes:
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise InvalidInput("pack_unreadable", "cannot read the pack: it is no regular file", field="upload")
        return os.pread(fd, _CHUNK, offset)
    except OSError as error:
        raise InvalidInput("pack_unreadable", f"cannot read the pack: {error.strerror}", field="upload") from error
