"""What came out of a pack: commits and files whose ids were computed here."""

from att.upgrade.approvals.tree import Entry
from att.upgrade.building.objects import CommitObject
from att.upgrade.building.store import ObjectStore
from att.upgrade.building.walking import commits_between, entries_of


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
