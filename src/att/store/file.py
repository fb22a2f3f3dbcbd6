"""The database as a file, for the process that makes, copies, migrates and fences it. Synchronous, stdlib only."""

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from att.effects.filesystem import sync_directory, sync_file
from att.kernel.errors import AttError, Failed, Refused, Unavailable

DATABASE_FILE = "att.db"
BUSY_SECONDS = 10.0
_BACKUP_PAGES = 2048
_COMPANIONS = ("-wal", "-shm", "-journal")


def connect(directory: Path, *, create: bool = False, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open `directory`/att.db, in autocommit; Unavailable(database_missing) unless `create`."""
    path = directory / DATABASE_FILE
    if not create and not path.is_file():
        raise Unavailable("database_missing", f"cannot open the database: {directory} holds none")
    if create:
        directory.mkdir(mode=0o700, exist_ok=True)
    mode = "rwc" if create else "rw"
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode={mode}", uri=True, timeout=busy_seconds, isolation_level=None
        )
    except sqlite3.Error as error:
        raise explained(error, f"cannot open the database {path}") from error
    try:
        connection.execute("PRAGMA synchronous=FULL")
        if create:
            connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.Error as error:
        connection.close()
        raise explained(error, f"cannot open the database {path}") from error
    return connection


def snapshot(
    source: Path,
    target: Path,
    progress: Callable[[int, int], None],
    at_that_moment: Callable[[], None] | None = None,
) -> int:
    """Copy the database of directory `source` into directory `target`, check and sync it; returns its bytes.

    `progress(done, total)` counts pages. What lay in `target` is replaced, with its -wal and -shm: a stale one would
    be replayed into the copy. `at_that_moment` is called while nobody can write and the copy is what the database
    then is; writes go on as soon as it returns. Errors: Unavailable(database_missing|disk_full|write_fenced),
    Failed(snapshot_failed).
    """
    if source.resolve() == target.resolve():
        raise Refused("snapshot_failed", "cannot take a snapshot: source and target are the same directory")
    target.mkdir(mode=0o700, exist_ok=True)
    partial, final = target / f"{DATABASE_FILE}.partial", target / DATABASE_FILE
    _remove(partial)
    origin = connect(source)
    try:
        with contextlib.ExitStack() as held:
            if at_that_moment is not None:
                held.callback(take_fence(source, patience_seconds=BUSY_SECONDS).close)
            # One read transaction: a writer elsewhere can then not make the backup start over.
            origin.execute("BEGIN")
            origin.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if at_that_moment is not None:
                at_that_moment()
        _copy(origin, partial, progress)
        sync_file(partial)
        _remove(final)
        partial.rename(final)
        sync_directory(target)
        sync_directory(target.parent)
    except sqlite3.Error as error:
        _remove(partial)
        raise explained(error, "cannot take a snapshot") from error
    except OSError as error:
        _remove(partial)
        raise Failed("snapshot_failed", f"cannot take a snapshot: {error}") from error
    finally:
        origin.close()
    return final.stat().st_size


def take_fence(directory: Path, *, patience_seconds: float) -> sqlite3.Connection:
    """Take the write lock; it is held until the connection is closed or this process ends.

    Unavailable(write_fenced) if another holds it longer than `patience_seconds`.
    """
    connection = connect(directory, busy_seconds=patience_seconds)
    started = time.monotonic()
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        connection.close()
        waited = round(time.monotonic() - started, 1)
        raise explained(error, f"cannot fence the database after {waited} s") from error
    return connection


def settle(connection: sqlite3.Connection, directory: Path) -> None:
    """Bring everything into the file, close, and make file and directory durable."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    sync_file(directory / DATABASE_FILE)
    sync_directory(directory)
    sync_directory(directory.parent)


def explained(error: sqlite3.Error, what: str) -> AttError:
    """Return the error of ATT's tree for an error of the database."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY:
            return Unavailable("write_fenced", f"{what}: it is locked", retry_after_seconds=1)
        case sqlite3.SQLITE_FULL:
            return Unavailable("disk_full", f"{what}: the disk is full")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return Failed("database_damaged", f"{what}: {error}")
        case _:
            return Failed("snapshot_failed" if "snapshot" in what else "internal", f"{what}: {error}")


def _copy(origin: sqlite3.Connection, partial: Path, progress: Callable[[int, int], None]) -> None:
    copy = sqlite3.connect(partial, isolation_level=None)
    try:
        partial.chmod(0o600)
        origin.backup(
            copy, pages=_BACKUP_PAGES, progress=lambda _status, left, total: progress(total - left, total), sleep=0
        )
        found = [row[0] for row in copy.execute("PRAGMA quick_check")]
        if found != ["ok"]:
            raise Failed("snapshot_failed", f"cannot take a snapshot: the copy fails its check: {found[0]}")
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        copy.close()


def _remove(path: Path) -> None:
    for name in (path.name, *(path.name + end for end in _COMPANIONS)):
        path.with_name(name).unlink(missing_ok=True)
