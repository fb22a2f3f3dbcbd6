"""How long a table's rows are kept: by age and by count, whichever ends first."""

from collections.abc import Callable
from dataclasses import dataclass
from time import CLOCK_BOOTTIME, clock_gettime

from sqlalchemy import Column, ColumnElement, Table, delete, exists, select, true

from att.store.connection import Connection

DAY_SECONDS = 86_400.0
PROOF_SECONDS = DAY_SECONDS
_SET_SECONDS = 60.0


@dataclass(frozen=True)
class Retention:
    """Rows older than `days` go, and the oldest beyond `rows_max`."""

    days: float
    rows_max: int


class Steady:
    """How long a clock has gone on without being set, as far as this process saw: asked at least every few hours."""

    def __init__(
        self, clock: Callable[[], float], since_boot: Callable[[], float] = lambda: clock_gettime(CLOCK_BOOTTIME)
    ) -> None:
        self._clock = clock
        self._since_boot = since_boot
        self._since = since_boot()
        self._offset = clock() - self._since

    def seconds(self) -> float:
        """Return it; what the network mends by less than a minute does not count as set."""
        now = self._since_boot()
        offset = self._clock() - now
        if abs(offset - self._offset) > _SET_SECONDS:
            self._since = now
        self._offset = offset
        return now - self._since


async def prune(
    connection: Connection,
    table: Table,
    *,
    order: Column[int],
    time: Column[float],
    keep: Retention,
    now: float,
    steady: Steady,
    only: ColumnElement[bool] | None = None,
) -> None:
    """Delete what `keep` does not keep; `order` rises with time, `only` limits what may go.

    A clock that jumped years ahead makes all rows old at once. So they go by age only where it is shown that the clock
    has gone on for a day: by a row that is a day old and not too old, or because it was `steady` for that long.
    """
    chosen = select(order) if only is None else select(order).where(only)
    newest_to_go = chosen.order_by(order.desc()).offset(keep.rows_max).limit(1).scalar_subquery()
    too_old = now - keep.days * DAY_SECONDS
    needed = min(PROOF_SECONDS, keep.days * DAY_SECONDS / 2)
    proved = true() if steady.seconds() >= needed else exists(select(order).where(time.between(too_old, now - needed)))
    for gone in ((time < too_old) & proved, order <= newest_to_go):
        statement = delete(table).where(gone)
        await connection.execute(statement if only is None else statement.where(only))
