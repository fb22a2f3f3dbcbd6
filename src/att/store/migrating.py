"""Brings a database to the head of a release's migrations. Run by entrypoints/database.py, never by a service."""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from att.kernel.errors import AttError, Failed, Refused, Unavailable
from att.store import file
from att.store.migrations import Head, Migration, at, migrations
from att.store.tables import att_migrations, att_schema

_HEARTBEAT_SECONDS = 2.0
_STEPS_A_HEARTBEAT = 200_000


@dataclass(frozen=True)
class Progress:
    """What a long migration says: which of how many runs, and how far it is where it knows."""

    migration: int
    of: int
    elapsed_seconds: float
    percent: float | None = None


def migrate(directory: Path, folder: Path, progress: Callable[[Progress], None], *, create: bool = False) -> Head:
    """Run what is missing, each migration in a transaction with its version; returns what the database then is.

    Runs again where it was interrupted. A database newer than the release is left alone if the release can read it,
    else Unavailable(schema_too_new). Refused(migration_changed) if a migration ran here with other content.
    Failed(migration_failed) with the cause; what ran before it stays.
    """
    known = migrations(folder)
    connection = file.connect(directory, create=create)
    try:
        done = _compare(connection, known)
        if done < len(known):
            _run(connection, folder, known, _Heartbeat(progress, len(known), done))
        file.settle(connection, directory)
    except sqlite3.Error as error:
        raise file.explained(error, "cannot migrate") from error
    finally:
        connection.close()
    return read_head(directory)


def read_head(directory: Path) -> Head:
    """Return the row of att_schema; Unavailable(database_missing) where there is none."""
    connection = file.connect(directory)
    try:
        row = connection.execute("SELECT version, min_reader FROM att_schema").fetchone()
    except sqlite3.Error as error:
        if "no such table" in str(error):
            row = None
        else:
            raise file.explained(error, "cannot read the schema") from error
    finally:
        connection.close()
    if row is None:
        raise Unavailable("database_missing", f"cannot read the schema: {directory} has none yet")
    return Head(version=int(row[0]), min_reader=int(row[1]))


class _Heartbeat:
    """Tells progress at each migration and every few seconds while SQLite works on."""

    def __init__(self, tell: Callable[[Progress], None], of: int, done: int) -> None:
        self._tell, self._of, self._now = tell, of, done + 1
        self._started = self._told = time.monotonic()

    def migrated(self, version: int) -> None:
        self.say(100.0, version)
        self._now = version + 1

    def say(self, percent: float | None = None, version: int | None = None) -> None:
        self._told = time.monotonic()
        elapsed = round(self._told - self._started, 1)
        self._tell(Progress(version or self._now, self._of, elapsed, percent))

    def beat(self) -> int:
        """SQLite's progress handler: 0 lets the statement go on."""
        if time.monotonic() - self._told >= _HEARTBEAT_SECONDS:
            self.say()
        return 0


def _compare(connection: sqlite3.Connection, known: tuple[Migration, ...]) -> int:
    """Return how many of the migrations ran here, or refuse."""
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if "att_schema" not in tables:
        return 0
    version, min_reader = connection.execute("SELECT version, min_reader FROM att_schema").fetchone()
    if min_reader > len(known):
        raise Unavailable(
            "schema_too_new", f"cannot migrate: the database needs schema {min_reader}, this release has {len(known)}"
        )
    ran = dict(connection.execute("SELECT version, sha256 FROM att_migrations"))
    for migration in known:
        if ran.get(migration.version, migration.sha256) != migration.sha256:
            raise Refused(
                "migration_changed", f"cannot migrate: {migration.path.name} ran here before with other content"
            )
    return int(version)


def _run(raw: sqlite3.Connection, folder: Path, known: tuple[Migration, ...], heartbeat: _Heartbeat) -> None:
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
    event.listen(engine, "begin", _begin)
    raw.set_progress_handler(heartbeat.beat, _STEPS_A_HEARTBEAT)
    # Off, or rebuilding a table would cascade into its children; checked at the end of each migration instead.
    raw.execute("PRAGMA foreign_keys=OFF")
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    try:
        with engine.connect() as connection:

            def applied(*, step: Any, **_: Any) -> None:
                version = int(step.up_revision_id)
                _seal(connection, known, version)
                heartbeat.migrated(version)

            config.attributes.update(connection=connection, on_version_apply=applied, progress=heartbeat.say)
            heartbeat.say()
            command.upgrade(config, "head")
    except AttError:
        raise
    except Exception as error:
        # A migration is foreign code: whatever it raises, it failed.
        raise _failed(error) from error
    finally:
        raw.set_progress_handler(None, 0)


def _seal(connection: Connection, known: tuple[Migration, ...], version: int) -> None:
    """Write what the migration made of the database, in its transaction."""
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise Failed("migration_failed", f"cannot migrate: {version:04} leaves {len(broken)} rows without their parent")
    after = at(known, version)
    row = {"id": 1, "version": after.version, "min_reader": after.min_reader}
    connection.execute(upsert(att_schema).values(row).on_conflict_do_update(index_elements=["id"], set_=row))
    if connection.execute(select(att_migrations).where(att_migrations.c.version == version)).first() is None:
        connection.execute(
            insert(att_migrations).values(version=version, sha256=known[version - 1].sha256, applied=time.time())
        )


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _failed(error: Exception) -> AttError:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error) and (getattr(cause, "sqlite_errorcode", 0) & 0xFF) == sqlite3.SQLITE_FULL:
        return Unavailable("disk_full", "cannot migrate: the disk is full")
    return Failed("migration_failed", f"cannot migrate: {type(cause).__name__}: {cause}")
