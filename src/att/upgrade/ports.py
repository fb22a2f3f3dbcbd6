"""What a transaction needs of the world beside stage0's: the database by its own programs, self-tests, progress."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from att.upgrade.decision import Schema


class Tell(Protocol):
    """Takes progress: what goes on, and 0–100 where the length is known."""

    def __call__(self, note: str, percent: float | None = None) -> None: ...


@dataclass(frozen=True)
class DatabaseInfo:
    """One database as its own program sees it; `size` in bytes."""

    schema: Schema
    size: int


class Databases(Protocol):
    """Programs of a release that work on the database as the service's user. Directories are given by name.

    Each raises AttError with the program's own code, or with the one named here when it dies or stands still.
    """

    def info(self, release: str, directory: str) -> DatabaseInfo:
        """Read the schema; Failed(database_damaged)."""

    def create(self, release: str, directory: str) -> DatabaseInfo:
        """Make a database from nothing."""

    def snapshot(self, release: str, directory: str, target: str, seconds: float, tell: Tell) -> None:
        """Copy, check and sync; `seconds` without progress end it. Failed(snapshot_failed)."""

    def migrate(self, release: str, directory: str, seconds: float, tell: Tell) -> Schema:
        """Run the migrations of `release` on a copy; `seconds` without progress end it. Failed(migration_failed)."""

    def hold_lock(self, release: str, directory: str) -> None:
        """Hold the write lock in a unit of its own, so that it outlives this engine; stage0 drops it."""

    def reset_admin(self, release: str, directory: str) -> dict[str, object]:
        """Make an admin token."""


class SelfTests(Protocol):
    """The new release's own self-test, shut in."""

    def run(self, release: Path, journal: bytes, seconds: float) -> str | None:
        """Return None when it passed, else the end of what it said."""
