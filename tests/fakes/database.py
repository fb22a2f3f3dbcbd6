"""A migrated database in a moment, a clock moved by hand, a bus that remembers: for rooms that stand on the store."""

import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import anyio

from att.store.migrating import migrate
from att.store.service import Store

MIGRATIONS = Path(__file__).resolve().parents[2] / "upgrade" / "migrations"


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class RememberingBus:
    """A bus that keeps what was published."""

    def __init__(self) -> None:
        self.published: list[tuple[str, Mapping[str, Any]]] = []

    def publish(self, event_type: str, payload: Mapping[str, Any], *, project_id: str = "") -> object:
        self.published.append((str(event_type), payload))
        return None

    def types(self) -> list[str]:
        return [event_type for event_type, _ in self.published]


@cache
def _template() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        migrate(Path(folder) / "db", MIGRATIONS, lambda _: None, create=True)
        return (Path(folder) / "db" / "att.db").read_bytes()


def make_database(folder: Path, name: str = "db-1") -> Path:
    """Make `folder`/db, a link to a migrated database; returns the link."""
    directory = folder / name
    directory.mkdir()
    (directory / "att.db").write_bytes(_template())
    link = folder / "db"
    link.unlink(missing_ok=True)
    link.symlink_to(name)
    return link


def copy_database(link: Path, name: str) -> Path:
    """Copy the directory behind a link to a sibling, as a snapshot of a quiet database would."""
    return Path(shutil.copytree(link.resolve(), link.with_name(name)))


@asynccontextmanager
async def opened(
    link: Path, *, clock: HandClock | None = None, schema_version: int = 1, fence_file: Path | None = None
) -> AsyncIterator[Store]:
    """Open a store and let it work in the background, as an entrypoint does."""
    store = await Store.open(link, schema_version=schema_version, fence_file=fence_file, clock=clock or HandClock())
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(store.outbox.run)
            yield store
            store.drain()
    finally:
        await store.close()


@contextmanager
def fence(link: Path) -> Iterator[sqlite3.Connection]:
    """Hold the write lock, as the upgrade engine's helper does."""
    connection = sqlite3.connect(link / "att.db", isolation_level=None, timeout=5, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    finally:
        connection.close()
