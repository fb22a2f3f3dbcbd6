"""The canary of the health gate: a row that a client writes and reads through the real socket."""

import time
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete, insert, select

from att.kernel.errors import NotFound
from att.kernel.ids import new_id
from att.store.service import Store
from att.store.tables import canaries

ROWS_MAX = 100


class CanaryValue(BaseModel):
    """What the gate writes."""

    model_config = ConfigDict(extra="forbid")

    value: str = Field(max_length=256)


class CanaryRow(BaseModel):
    """What the gate reads back."""

    id: str
    value: str


class Canary:
    """At most `ROWS_MAX` rows, the oldest go."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    async def put(self, value: str) -> CanaryRow:
        """Write a row; passes the fence file, not the fence's lock. Raises Unavailable(write_fenced)."""
        row = CanaryRow(id=new_id("can"), value=value)
        async with self._store.write(canary=True) as connection:
            written = await connection.execute(
                insert(canaries).values(id=row.id, value=value, created=self._clock()).returning(canaries.c.seq)
            )
            await connection.execute(delete(canaries).where(canaries.c.seq <= written.scalar_one() - ROWS_MAX))
        return row

    async def get(self, canary_id: str) -> CanaryRow:
        """Return the row or raise NotFound(not_found)."""
        async with self._store.read() as connection:
            found = await connection.execute(select(canaries.c.value).where(canaries.c.id == canary_id))
            value = found.scalar_one_or_none()
        if value is None:
            raise NotFound("not_found", f"cannot find the canary {canary_id[:64]}")
        return CanaryRow(id=canary_id, value=value)
