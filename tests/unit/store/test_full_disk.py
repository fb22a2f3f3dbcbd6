"""What the database does on a disk that has no room: how it is told, and that its log has blocks of its own."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import OperationalError
from tests.fakes.database import make_database, opened

from att.effects.room import Room
from att.store import dialect
from att.store.reserve import RESERVE_BYTES, reserve_log
from att.store.tables import canaries

pytestmark = pytest.mark.anyio

FULL, INODES, READ_ONLY = Room(100.0, 0), Room(1.0, 1, 100.0, 0), Room(1.0, 1, read_only=True)


def told(code: int, room: Room, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("att.effects.room.room_of", lambda _: room)
    cause = sqlite3.OperationalError("it said so")
    cause.sqlite_errorcode = code
    return dialect.explained(OperationalError("INSERT", {}, cause), folder).code


@pytest.mark.parametrize(
    ("code", "room", "said"),
    [
        (sqlite3.SQLITE_FULL, Room(50.0, 1), "disk_full"),
        (sqlite3.SQLITE_FULL, INODES, "disk_inodes"),
        (sqlite3.SQLITE_IOERR_SHMSIZE, FULL, "disk_full"),
        (sqlite3.SQLITE_IOERR_WRITE, READ_ONLY, "disk_read_only"),
        (sqlite3.SQLITE_IOERR_READ, Room(50.0, 1), "disk_failed"),
        (sqlite3.SQLITE_CANTOPEN, INODES, "disk_inodes"),
        (sqlite3.SQLITE_CANTOPEN, Room(50.0, 1), "database_missing"),
        (sqlite3.SQLITE_READONLY, READ_ONLY, "disk_read_only"),
        (sqlite3.SQLITE_CORRUPT, FULL, "database_damaged"),
    ],
)
def test_an_error_of_the_database_is_told_by_what_its_disk_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, room: Room, said: str
) -> None:
    assert told(code, room, tmp_path, monkeypatch) == said


async def test_the_log_owns_its_blocks_while_it_stays_as_long_as_it_is_and_keeps_them_over_a_restart(
    tmp_path: Path,
) -> None:
    link = make_database(tmp_path)
    log = link / "att.db-wal"
    async with opened(link) as store:
        async with store.write() as connection:
            await connection.execute(insert(canaries), {"id": "one", "value": "", "created": 0.0})
        size = log.stat().st_size
        assert reserve_log(link)
        assert (log.stat().st_size, blocks(log)) == (size, True)
    assert blocks(log)
    async with opened(link) as store, store.write() as connection:
        await connection.execute(insert(canaries), {"id": "two", "value": "", "created": 0.0})
    assert blocks(log)
    assert ids(link / "att.db") == {"one", "two"}


def test_without_a_log_nothing_is_reserved(tmp_path: Path) -> None:
    assert not reserve_log(tmp_path)
    assert not list(tmp_path.iterdir())


async def test_what_a_process_wrote_is_in_the_file_when_it_ends(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    async with opened(link) as store, store.write() as connection:
        await connection.execute(insert(canaries), {"id": "one", "value": "", "created": 0.0})
    alone = tmp_path / "alone.db"
    alone.write_bytes((link / "att.db").read_bytes())
    assert ids(alone) == {"one"}


def ids(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        return {row[0] for row in connection.execute("SELECT id FROM canaries")}


def blocks(path: Path) -> bool:
    """Whether a file has the blocks that are reserved for the log."""
    return path.stat().st_blocks * 512 >= RESERVE_BYTES
