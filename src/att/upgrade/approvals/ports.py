"""What the engine needs of those who unpack and build a change: they run shut in, and nothing they say is believed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from att.upgrade.approvals.schema import Provenance
from att.upgrade.approvals.tree import Entry


class CommitObject(Protocol):
    """One commit as its own bytes have it: the hex ids of itself, its parents in their order, its git tree."""

    @property
    def id(self) -> str: ...
    @property
    def parents(self) -> tuple[str, ...]: ...
    @property
    def tree(self) -> str: ...


class Sources(Protocol):
    """What came out of a pack, every id recomputed from its bytes; `close` removes it."""

    @property
    def commits(self) -> Sequence[CommitObject]:
        """Every commit from the base to the head, both among them, in any order."""

    @property
    def tree(self) -> Sequence[Entry]:
        """All files of the head."""

    @property
    def base(self) -> Sequence[Entry]:
        """All files of the base."""

    def read(self, path: str) -> bytes:
        """Return the content of one file of the head."""

    def close(self) -> None:
        """Remove everything."""


class Workshop[S: Sources](Protocol):
    """Unpacks a pack and builds a bundle. Each raises AttError with a stable code, and leaves nothing behind then."""

    def unpack(self, pack_fd: int, *, base: str, head: str) -> S:
        """Take the objects between two commits out of a git pack; what its owner does to the file later is nothing."""

    def demand(self, sources: S, *, running: Path) -> None:
        """Raise where it is plain that the head cannot be built on top of the release in `running`."""

    def make(self, sources: S, *, running: Path, version: str, provenance: Provenance, key: Ed25519PrivateKey) -> Path:
        """Return a new file: the signed thin bundle of the head on top of the release in `running`."""
