"""How long a table's rows are kept: by age and by count, whichever ends first."""

from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, Table, delete, select

from att.store.connection import Connection

DAY_SECONDS = 86_400.0


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
    """Delete what `keep` does not keep; `order` rises with time, `only` limits what may go."""
    chosen = select(order) if only is None else select(order).where(only)
    newest_to_go = chosen.order_by(order.desc()).offset(keep.rows_max).limit(1).scalar_subquery()
    for gone in (time < now - keep.days * DAY_SECONDS, order <= newest_to_go):
        statement = delete(table).where(gone)
        await connection.execute(statement if only is None else statement.where(only))
