"""The driver's connection, with one way to its thread and back for a statement instead of four.

SQLAlchemy asks for a cursor, executes, fetches all rows and closes the cursor; each of these would wake the thread of
the connection and then the event loop again, which costs more than a small statement itself.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import aiosqlite

_CHUNK_ROWS = 64


class Driver(aiosqlite.Connection):
    """An aiosqlite connection for SQLAlchemy alone."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, _CHUNK_ROWS)
        self._thread.daemon = True

    def cursor(self) -> "Cursor":  # type: ignore[override]  # made without a way to the thread
        """Return a cursor, which nothing is done for yet."""
        return Cursor(self)

    async def rollback(self) -> None:
        """End the transaction; without one there is nothing to go to the thread for."""
        if self.in_transaction:
            await super().rollback()

    async def run(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Do `work` in the connection's thread."""
        await self._execute(work, self._conn)  # type: ignore[no-untyped-call]  # the driver's own door to its thread


class Cursor:
    """What SQLAlchemy uses of aiosqlite's cursor: rows are here when `execute` returns."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._rows: list[Any] = []
        self.description: Sequence[Any] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> "Cursor":
        return self

    async def execute(self, statement: str, parameters: Iterable[Any] = ()) -> None:
        """Run a statement and take all its rows."""
        await self._driver.run(lambda connection: self._take(connection.execute(statement, parameters)))  # type: ignore[arg-type]  # any sequence or mapping

    async def executemany(self, statement: str, parameters: Iterable[Iterable[Any]]) -> None:
        """Run a statement with each of many parameters."""
        await self._driver.run(lambda connection: self._take(connection.executemany(statement, parameters)))  # type: ignore[arg-type]  # as above

    async def fetchall(self) -> list[Any]:
        """Return the rows that were not returned yet."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Do nothing: the database's own cursor is closed already."""

    def _take(self, cursor: sqlite3.Cursor) -> None:
        self.description = cursor.description
        self._rows = cursor.fetchall() if cursor.description else []
        self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        cursor.close()
