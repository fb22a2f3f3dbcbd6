"""The canary of the health gate: a row that a client writes and reads through the real socket."""

import time
from collections.abc import Callable

from pydantic import BaseModel, Field

from att.store.service import Store


class CanaryValue(BaseModel):
    """What the gate writes."""

    value: str = Field(max_length=256)


class CanaryRow(BaseModel):
    """What the gate reads back."""

    id: str
    value: str


class Canary:
    """At most 100 rows, the oldest go."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        raise NotImplementedError

    async def put(self, value: str) -> CanaryRow:
        """Write a row; passes the fence file, not the fence's lock. Raises Unavailable(write_fenced)."""
        raise NotImplementedError

    async def get(self, canary_id: str) -> CanaryRow:
        """Return the row or raise NotFound(not_found)."""
        raise NotImplementedError
