"""All that is particular to SQLite in a service: how to connect, begin a write, read its errors. See also `file`."""

import sqlite3
from pathlib import Path
from urllib.parse import quote

import aiosqlite
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from att.effects.room import lack_of, no_room
from att.kernel.errors import AttError, Failed, Unavailable
from att.store.connection import Connection
from att.store.driver import Driver
from att.store.file import DATABASE_FILE

BEGIN_WRITE = "BEGIN IMMEDIATE"
_READ_BUSY_MILLISECONDS = 5_000
_READERS = 4
READER_SECONDS = 15.0
"""How long a read waits for one of the connections; more than one wait of a request still ends before its client."""
_WAL_BYTES_KEPT = 16_777_216
_OF_A_DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)

_READING = (
    f"PRAGMA busy_timeout={_READ_BUSY_MILLISECONDS}",
    "PRAGMA query_only=ON",
)
# FULL: in WAL mode NORMAL does not sync at commit, and a row that a client was told of must survive a power cut.
_WRITING = (
    "PRAGMA busy_timeout=0",
    "PRAGMA foreign_keys=ON",
    "PRAGMA synchronous=FULL",
    f"PRAGMA journal_size_limit={_WAL_BYTES_KEPT}",
)


def engine(directory: Path, *, read_only: bool) -> AsyncEngine:
    """Return an engine on `directory`/att.db that never makes the file; one connection if it may write.

    A writer does not wait inside SQLite: the store polls, so that a drain can end the wait. A reader is always in a
    transaction, which sees the database as it was at its first statement.
    """
    # mode=rw: without it SQLite makes an empty file where the database is missing.
    file = "file:" + quote(str(directory / DATABASE_FILE))

    def connected() -> sqlite3.Connection:
        # The driver must not begin writes of its own: the store says BEGIN, and which.
        connection = sqlite3.connect(f"{file}?mode=rw", uri=True, isolation_level=None)
        # The log stays when the last connection is closed, with the blocks that are reserved for it.
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
        for pragma in _READING if read_only else _WRITING:
            connection.execute(pragma)
        if read_only:
            connection.autocommit = False
        return connection

    async def made() -> aiosqlite.Connection:
        return await Driver(connected)

    readers = _READERS if read_only else 1
    url = URL.create("sqlite+aiosqlite", database=file)
    return create_async_engine(url, async_creator=made, pool_size=readers, max_overflow=0, pool_timeout=READER_SECONDS)


async def begin_write(connection: Connection) -> bool:
    """Begin a write transaction now; False when another process holds the write lock."""
    try:
        await connection.exec_driver_sql(BEGIN_WRITE)
    except DBAPIError as error:
        if _code(error) == sqlite3.SQLITE_BUSY:
            return False
        raise
    return True


async def checkpoint(connection: Connection) -> None:
    """Bring into the database file what the log has, as far as nobody reads it."""
    await connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")


def explained(error: DBAPIError, directory: Path) -> AttError:
    """Return the error of ATT's tree that says what the database in `directory` said."""
    cause = str(error.orig)
    code = _code(error)
    # SQLite names a lack of blocks alone; what else the disk lacks it tells as an error of reading or opening a file.
    if code in _OF_A_DISK and (lack := lack_of(directory)) is not None:
        return no_room(lack, "write to the database")
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return fenced()
        case sqlite3.SQLITE_FULL:
            return no_room("disk_full", "write to the database")
        case sqlite3.SQLITE_READONLY:
            return no_room("disk_read_only", "write to the database")
        case sqlite3.SQLITE_IOERR:
            return no_room("disk_failed", "use the database")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return Unavailable("database_damaged", f"cannot use the database: {cause}")
        case sqlite3.SQLITE_CANTOPEN:
            return Unavailable("database_missing", f"cannot open the database: {cause}")
        case _:
            pass
    if "no such table: att_schema" in cause:
        return Unavailable("database_missing", "cannot use the database: it has no schema yet")
    return Failed("internal", f"cannot use the database: {cause}")


def busy() -> Unavailable:
    """Return what a request is told for which no connection became free."""
    text = "cannot use the database: too many requests wait for it"
    return Unavailable("database_busy", text, retry_after_seconds=2)


def fenced() -> Unavailable:
    """Return what a write is told that may not begin."""
    return Unavailable("write_fenced", "cannot write now: an upgrade holds the database", retry_after_seconds=1)


def _code(error: DBAPIError) -> int:
    # The low byte is the primary code; the rest says more than we need.
    return int(getattr(error.orig, "sqlite_errorcode", 0) or 0) & 0xFF
