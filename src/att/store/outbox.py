"""Rows written behind: history and audit, which must neither fail a request nor be lost to a fence.

A row is queued, written with all that wait in one transaction, and, if writes are fenced, kept in a file that this or
the next process writes into the database it then has. Rows carry their own primary key, so writing twice is harmless.
"""

import json
import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import anyio
import anyio.to_thread
import structlog
from sqlalchemy import Table
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import IntegrityError

from att.kernel.errors import AttError
from att.store.connection import Connection
from att.store.tables import METADATA

_log = structlog.get_logger()

ROWS_MAX = 20_000
SPILL_BYTES_MAX = 67_108_864
_BATCH = 500
_RETRY_SECONDS = 0.5

Row = tuple[Table, Mapping[str, Any]]


class _Write(Protocol):
    def __call__(self, *, patience_seconds: float) -> AbstractAsyncContextManager[Connection]: ...


class Outbox:
    """The queue; `spill` is the file for rows that could not be written."""

    def __init__(self, write: _Write, spill: Path) -> None:
        self._write = write
        self._spill = spill
        self._rows: list[Row] = []
        self._kept = 0
        """How many of the first rows are in the spill file."""
        self._spilled = False
        self._loaded = False
        self._turn = anyio.Lock()
        self._loading = anyio.Lock()
        self._wake = anyio.Event()
        self._stopped = False

    def push(self, table: Table, row: Mapping[str, Any]) -> None:
        """Queue a row; beyond `ROWS_MAX` unwritten ones the oldest is dropped and logged."""
        if len(self._rows) >= ROWS_MAX:
            dropped, _ = self._rows.pop(0)
            self._kept = max(0, self._kept - 1)
            _log.warning("outbox.dropped", table=dropped.name)
        self._rows.append((table, row))
        self._wake.set()

    async def put(self, table: Table, row: Mapping[str, Any]) -> None:
        """Queue a row and return when it is durable: in the database, or in the spill file while writes are fenced."""
        entry: Row = (table, row)
        self.push(*entry)
        async with self._turn:
            if not any(waiting[1] is row for waiting in self._rows[self._kept :]):
                return  # another caller's transaction carried it
            if not await self._flush():
                await self._keep()

    async def run(self) -> None:
        """Write what is queued as it comes, until `stop`; first what an earlier process left."""
        await self.load()
        while not self._stopped:
            self._wake = anyio.Event()
            if self._rows or self._spilled:
                async with self._turn:
                    done = await self._flush()
                if done and not self._rows:
                    continue
            with anyio.move_on_after(_RETRY_SECONDS if self._rows or self._spilled else None):
                await self._wake.wait()

    def stop(self) -> None:
        """Let `run` return."""
        self._stopped = True
        self._wake.set()

    async def close(self) -> None:
        """Write what is left, or keep it in the file."""
        self.stop()
        async with self._turn:
            if self._rows and not await self._flush():
                await self._keep()

    async def _flush(self) -> bool:
        """Write all queued rows; False when writes are not possible now. Called with the turn held.

        Without patience: who waits for its audit record has waited for the fence already.
        """
        await self.load()
        rows = self._rows[:]
        if not rows:
            return True
        try:
            async with self._write(patience_seconds=0) as connection:
                await _insert(connection, rows)
        except AttError:
            return False
        done = {id(row) for _, row in rows}
        self._rows = [entry for entry in self._rows if id(entry[1]) not in done]
        self._kept = 0
        if self._spilled:
            await anyio.Path(self._spill).unlink(missing_ok=True)
            self._spilled = False
        return True

    async def _keep(self) -> None:
        """Append the rows that are not yet in the spill file to it, durably. Called with the turn held."""
        rows = self._rows[self._kept :]
        lines = [json.dumps({"table": table.name, "row": dict(row)}, default=str) + "\n" for table, row in rows]
        try:
            await anyio.to_thread.run_sync(_append, self._spill, "".join(lines).encode())
        except OSError as error:
            _log.warning("outbox.not_kept", rows=len(rows), cause=str(error))
            return
        self._kept += len(rows)
        self._spilled = True

    async def load(self) -> None:
        """Queue what an earlier process left in the file, once."""
        async with self._loading:
            if self._loaded:
                return
            rows = await anyio.to_thread.run_sync(_read_spill, self._spill)
            if rows is not None:
                self._spilled = True
                self._rows[:0] = rows
                self._kept += len(rows)
                self._wake.set()
            self._loaded = True

    def pending(self, table: Table) -> list[Mapping[str, Any]]:
        """Return the rows of a table that are not in the database yet, oldest first."""
        return [row for owner, row in self._rows if owner is table]


async def _insert(connection: Connection, rows: list[Row]) -> None:
    groups: dict[tuple[str, tuple[str, ...]], list[Row]] = {}
    for table, row in rows:
        groups.setdefault((table.name, tuple(row)), []).append((table, row))
    for group in groups.values():
        statement = insert(group[0][0]).on_conflict_do_nothing()
        for start in range(0, len(group), _BATCH):
            batch = [row for _, row in group[start : start + _BATCH]]
            try:
                await connection.execute(statement, batch)
            except IntegrityError:
                await _insert_singly(connection, group[start : start + _BATCH])


async def _insert_singly(connection: Connection, rows: list[Row]) -> None:
    """A row of a release with another schema is dropped: the others must not wait for it."""
    for table, row in rows:
        try:
            await connection.execute(insert(table).on_conflict_do_nothing(), row)
        except IntegrityError as error:
            _log.warning("outbox.refused", table=table.name, cause=str(error.orig))


def _append(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.fsync(fd)
    finally:
        os.close(fd)


def _read_spill(path: Path) -> list[Row] | None:
    """Return the rows of the file, without a torn last line and what this release has no table or column for."""
    try:
        with path.open("rb") as file:
            data = file.read(SPILL_BYTES_MAX)
    except FileNotFoundError:
        return None
    rows: list[Row] = []
    for line in data.splitlines():
        try:
            entry = json.loads(line)
            table = METADATA.tables[entry["table"]]
            rows.append((table, {name: value for name, value in entry["row"].items() if name in table.c}))
        except (ValueError, KeyError, TypeError, AttributeError):
            _log.warning("outbox.unreadable", bytes=len(line))
    return rows
