"""How long a table's rows are kept: by age and by count, whichever ends first."""

from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, Table, delete, exists, select

from att.store.connection import Connection

DAY_SECONDS = 86_400.0
PROOF_SECONDS = DAY_SECONDS


@dataclass(frozen=True)
class Retention:
    """Rows older than `days` go, and the oldest beyond `rows_max`."""

    days: float
    rows_max: int


async def prune(
    connection: Connection,
    table: Table,
    *,
    order: Column[int],
    time: Column[float],
    keep: Retention,
    now: float,
    only: ColumnElement[bool] | None = None,
) -> None:
    """Delete what `keep` does not keep; `order` rises with time, `only` limits what may go.

    A clock that jumped years ahead makes all rows old at once. So they go by age only where the table shows that the
    clock has gone on for a day: by a row that is a day old and not too old.
    """
    chosen = select(order) if only is None else select(order).where(only)
    newest_to_go = chosen.order_by(order.desc()).offset(keep.rows_max).limit(1).scalar_subquery()
    too_old = now - keep.days * DAY_SECONDS
    proof = time.between(too_old, now - min(PROOF_SECONDS, keep.days * DAY_SECONDS / 2))
    for gone in ((time < too_old) & exists(select(order).where(proof)), order <= newest_to_go):
        statement = delete(table).where(gone)
        await connection.execute(statement if only is None else statement.where(only))
