"""Opens the API's database, once, and guards its writes."""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sqlalchemy.ext.asyncio import AsyncConnection

PATIENCE_SECONDS = 5.0


@dataclass(frozen=True)
class SchemaInfo:
    """The row of att_schema: what the database is, and the oldest code that may read it."""

    version: int
    min_reader: int


class Store:
    """One database: readers never wait for the fence, writers wait at the gate before they begin anything."""

    directory: Path | None
    """The resolved directory of the database once it is open; the link is not followed again."""

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
        raise NotImplementedError

    async def ready(self) -> SchemaInfo:
        """Return the schema, or raise Unavailable(database_missing|schema_too_new): what `/readyz` asks."""
        raise NotImplementedError

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """One consistent view of the database; never waits for writers. Raises as `ready` does."""
        raise NotImplementedError

    def write(
        self, *, patience_seconds: float = PATIENCE_SECONDS, canary: bool = False
    ) -> AbstractAsyncContextManager[AsyncConnection]:
        """One write transaction: committed at the end of the block, rolled back if it raises. Keep it short.

        Waits up to `patience_seconds` (math.inf for background work) before anything begins, then raises
        Unavailable(write_fenced, retry_after_seconds=1); at once after `drain()`. Raises as `ready` does.
        """
        raise NotImplementedError

    async def writable(self, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until a write could begin: the API's door for changing operations. Raises as `write` does."""
        raise NotImplementedError

    def drain(self) -> None:
        """The process stops: whoever waits for a write fails at once, running transactions end normally."""
        raise NotImplementedError

    async def run(self) -> None:
        """Write what was written behind (history, audit); must run in the entrypoint's task group until `drain()`."""
        raise NotImplementedError

    async def close(self) -> None:
        """Keep what could not be written in a file for the next process, and close all connections."""
        raise NotImplementedError
