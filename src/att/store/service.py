"""Opens the API's database, once, and guards its writes."""

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import anyio
import anyio.to_thread
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError, TimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine

from att.kernel.errors import AttError, Unavailable
from att.store import dialect
from att.store.connection import Connection
from att.store.file import DATABASE_FILE
from att.store.outbox import Outbox
from att.store.reserve import reserve_log
from att.store.retention import Steady
from att.store.tables import att_schema

# With what comes before and after, a client has its 503 within five seconds.
PATIENCE_SECONDS = 4.8
_POLL_SECONDS = 0.02
_TURN_SECONDS = 1.0
_LINE_SECONDS = 25.0
_SWEEP_SECONDS = 600.0
OUTBOX_FILE = "outbox.jsonl"

Sweep = Callable[[Connection], Awaitable[None]]


@dataclass(frozen=True)
class SchemaInfo:
    """The row of att_schema: what the database is, and the oldest code that may read it."""

    version: int
    min_reader: int


@dataclass(frozen=True)
class _Open:
    directory: Path
    reader: AsyncEngine
    writer: AsyncEngine


class Store:
    """One database: readers never wait for the fence, writers wait at the gate before they begin anything."""

    def __init__(
        self, database: Path, *, schema_version: int, fence_file: Path | None, clock: Callable[[], float]
    ) -> None:
        self.outbox = Outbox(self.write, database.parent / OUTBOX_FILE)
        self.clock = clock
        self.steady = Steady(clock)
        self._database = database
        self._schema_version = schema_version
        self._fence_file = fence_file
        self._opened: _Open | None = None
        self._opening = anyio.Lock()
        self._turn = anyio.Lock()
        self._waiting: set[anyio.CancelScope] = set()
        self._line: dict[anyio.CancelScope, float] = {}
        self._sweeps: list[Sweep] = []
        self._draining = False
        self._fenced = False

    @classmethod
    async def open(
        cls,
        database: Path,
        *,
        schema_version: int,
        fence_file: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Open the database behind the link `database`; returns also when it is missing or too new.

        `schema_version` is that of the running release (`att.store.migrations.head(folder).version`). While
        `fence_file` exists, writes wait as they do for a lock, but for those with `canary=True`.
        """
        store = cls(database, schema_version=schema_version, fence_file=fence_file, clock=clock)
        with suppress(Unavailable):  # told by `ready`, again and again, until it is there
            await store._engines()
        return store

    @property
    def directory(self) -> Path | None:
        """The resolved directory of the database once it is open; the link is not followed again."""
        return self._opened.directory if self._opened else None

    async def ready(self) -> SchemaInfo:
        """Return the schema, or raise Unavailable(database_missing|database_damaged|schema_too_new)."""
        async with self.read() as connection:
            return await _schema(connection)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """One consistent view of the database; never waits for writers. Raises as `ready` does."""
        engines = await self._engines()
        async with _connected(engines.reader, engines.directory) as connection:
            yield connection

    @asynccontextmanager
    async def write(
        self, *, patience_seconds: float = PATIENCE_SECONDS, canary: bool = False
    ) -> AsyncIterator[Connection]:
        """One write transaction: committed at the end of the block, rolled back if it raises. Keep it short.

        Waits for a fence up to `patience_seconds` (math.inf for background work) before anything begins, then raises
        Unavailable(write_fenced, retry_after_seconds=1); at once after `drain()`. Other writers of this process are
        no fence: they are waited for in line. Raises as `ready` does.
        """
        engines = await self._engines()
        patience = 0.0 if self._draining else patience_seconds
        deadline = anyio.current_time() + patience
        if not canary:
            await self._pass_fence_file(deadline, patience)
        await self._take_turn(deadline, patience)
        if not self._fenced:
            deadline = anyio.current_time() + patience
        try:
            async with _connected(engines.writer, engines.directory) as connection:
                await self._begin(connection, deadline, patience)
                yield connection
                await connection.commit()
        finally:
            self._turn.release()

    async def could_write(self) -> bool:
        """Whether a write could begin now: the question of the API's door, which then waits. Raises as `ready`."""
        if self._turn.locked() and not self._fenced:
            return not self._fence_file_there()
        try:
            await self.writable(patience_seconds=0)
        except Unavailable as error:
            if error.code == "write_fenced":
                return False
            raise
        return True

    async def writable(self, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until a write could begin. Raises as `write` does."""
        async with self.write(patience_seconds=patience_seconds):
            pass

    def drain(self) -> None:
        """The process stops: whoever waits for a write fails at once, running transactions end normally."""
        self._draining = True
        self.outbox.stop()
        for scope in list(self._waiting):
            scope.cancel()

    @property
    def draining(self) -> bool:
        """Whether `drain` was called."""
        return self._draining

    async def run(self) -> None:
        """Write what was written behind and sweep old rows; must run in the entrypoint's task group until `drain`."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._sweep_often)
            await self.outbox.run()
            tasks.cancel_scope.cancel()

    def sweeps(self, sweep: Sweep) -> None:
        """Have `sweep` called with a write transaction at start and every ten minutes: a room's retention."""
        self._sweeps.append(sweep)

    async def sweep(self) -> None:
        """Call all sweeps now, each in a transaction of its own; those that a fence stops wait for the next time."""
        for sweep in self._sweeps:
            with suppress(AttError):
                async with self.write() as connection:
                    await sweep(connection)

    async def _sweep_often(self) -> None:
        while True:
            await self.sweep()
            if self._opened:
                await anyio.to_thread.run_sync(reserve_log, self._opened.directory)
            await anyio.sleep(_SWEEP_SECONDS)

    async def close(self) -> None:
        """Keep what could not be written in a file for the next process, and close all connections."""
        self.drain()
        await self.outbox.close()
        if self._opened:
            with suppress(AttError):
                async with _connected(self._opened.writer, self._opened.directory) as connection:
                    await dialect.checkpoint(connection)
            await _dispose(self._opened)

    async def _take_turn(self, deadline: float, patience: float) -> None:
        """Wait in line behind the other writers of this process; past `deadline` only while no fence holds them.

        Each takes milliseconds, so one waits for them even without patience; on a slow machine there may be many.
        """
        held = self._fenced and self._turn.locked()
        line_ends = max(deadline, anyio.current_time() + (_LINE_SECONDS if patience > 0 else _TURN_SECONDS))
        with self._waits_until(deadline if held else line_ends) as scope:
            self._line[scope] = deadline
            try:
                await self._turn.acquire()
            finally:
                del self._line[scope]

    @contextmanager
    def _waits_until(self, deadline: float) -> Iterator[anyio.CancelScope]:
        """What waits in here ends at `deadline`, or at once by a drain, with Unavailable(write_fenced)."""
        with anyio.CancelScope(deadline=deadline) as scope:
            self._waiting.add(scope)
            try:
                yield scope
            finally:
                self._waiting.discard(scope)
        if scope.cancelled_caught:
            raise dialect.fenced()

    async def _pass_fence_file(self, deadline: float, patience: float) -> None:
        while self._fence_file_there():
            if patience <= 0 or self._draining:
                raise dialect.fenced()
            with self._waits_until(deadline):
                await anyio.sleep(_POLL_SECONDS)

    async def _begin(self, connection: Connection, deadline: float, patience: float) -> None:
        """Take the database's write lock; polled, so that a drain can end the wait."""
        while True:
            self._fenced = not await dialect.begin_write(connection)
            if not self._fenced:
                return
            for scope, own_deadline in self._line.items():
                scope.deadline = min(scope.deadline, own_deadline)
            if patience <= 0 or self._draining:
                raise dialect.fenced()
            with self._waits_until(deadline):
                await anyio.sleep(_POLL_SECONDS)

    def _fence_file_there(self) -> bool:
        # Memory, not a disk: the question costs less than the way to a thread that could wait for it.
        return self._fence_file is not None and self._fence_file.exists()

    async def _engines(self) -> _Open:
        if self._opened:
            return self._opened
        async with self._opening:
            if self._opened is None:
                self._opened = await self._open()
            return self._opened

    async def _open(self) -> _Open:
        directory = Path(await anyio.to_thread.run_sync(os.path.realpath, self._database))
        if not await anyio.Path(directory / DATABASE_FILE).is_file():
            raise Unavailable("database_missing", f"cannot open the database: {directory} holds none")
        made = _Open(directory, dialect.engine(directory, read_only=True), dialect.engine(directory, read_only=False))
        try:
            async with _connected(made.reader, directory) as connection:
                self._judge(await _schema(connection))
        except BaseException:
            await _dispose(made)
            raise
        return made

    def _judge(self, schema: SchemaInfo) -> None:
        if schema.min_reader > self._schema_version:
            raise Unavailable(
                "schema_too_new",
                f"cannot read the database: it needs schema {schema.min_reader}, "
                f"this release knows {self._schema_version}",
            )


@asynccontextmanager
async def _connected(engine: AsyncEngine, directory: Path) -> AsyncIterator[Connection]:
    """Lend a connection; what is not committed is rolled back. The database's errors become ATT's."""
    try:
        try:
            connection = await Connection.lent_by(engine)
        except TimeoutError as error:
            raise dialect.busy() from error
        try:
            yield connection
        finally:
            await connection.give_back()
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise dialect.explained(error, directory) from error


async def _dispose(engines: _Open) -> None:
    with anyio.CancelScope(shield=True):
        await engines.reader.dispose()
        await engines.writer.dispose()


async def _schema(connection: Connection) -> SchemaInfo:
    row = (await connection.execute(select(att_schema.c.version, att_schema.c.min_reader))).one_or_none()
    if row is None:
        raise Unavailable("database_missing", "cannot use the database: it has no schema yet")
    return SchemaInfo(version=row.version, min_reader=row.min_reader)
