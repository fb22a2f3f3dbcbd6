"""A connection whose statements are not torn by a cancellation.

A statement cancelled half-way makes SQLAlchemy drop the connection while the driver's thread still works on it; what
then waits for that thread waits for ever. Statements are short, so each runs to its end and the cancellation is
delivered after it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
from sqlalchemy import CursorResult, Executable
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class Connection:
    """Lent by `Store.read` and `Store.write` for the length of their block."""

    def __init__(self, inner: AsyncConnection) -> None:
        self._inner = inner

    @classmethod
    async def lent_by(cls, engine: AsyncEngine) -> "Connection":
        """Take a connection of the engine's pool; `give_back` returns it."""
        return cls(await _whole(engine.connect().start))

    async def execute(self, statement: Executable, parameters: Parameters | None = None) -> CursorResult[Any]:
        """Run a statement; its rows are read when this returns."""
        return await _whole(partial(self._inner.execute, statement, parameters))

    async def exec_driver_sql(self, statement: str) -> CursorResult[Any]:
        """Run SQL as it is written."""
        return await _whole(partial(self._inner.exec_driver_sql, statement))

    async def commit(self) -> None:
        """Make durable what was written, unless this task is cancelled already."""
        await _whole(self._inner.commit)

    async def give_back(self) -> None:
        """Return the connection; what was not committed is rolled back."""
        with anyio.CancelScope(shield=True):
            await self._inner.close()


async def _whole[T](work: Callable[[], Awaitable[T]]) -> T:
    """Do `work` to its end or, if this task is cancelled already, not at all."""
    await anyio.lowlevel.checkpoint_if_cancelled()
    done: list[T] = []
    with anyio.CancelScope(shield=True):
        done.append(await work())
    return done[0]
