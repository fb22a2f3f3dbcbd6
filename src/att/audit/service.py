"""Records who did what and lists it."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Row, func, or_, select

from att.audit.decision import summary
from att.audit.schema import AuditListRequest, AuditPage, AuditRecord
from att.audit.tables import audit
from att.kernel.operation import Caller
from att.store.connection import Connection
from att.store.cursor import Rising, parse_cursor
from att.store.retention import Retention, prune
from att.store.service import Store

KEEP = Retention(days=400, rows_max=200_000)


class Audit:
    """The platform's audit table."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time, keep: Retention = KEEP) -> None:
        self._store = store
        self._clock = clock
        self._keep = keep
        self._numbers = Rising(clock)
        store.sweeps(self._sweep)

    async def record(
        self,
        caller: Caller | None,
        operation: str,
        request: BaseModel | Mapping[str, Any] | None,
        outcome: str,
        request_id: str,
        *,
        peer: str = "",
    ) -> None:
        """Record one action durably; never raises because writes are fenced, so an answer is never lost for it.

        `request` is stored without secrets: SecretStr values and fields named like key, token, secret, password.
        `caller` None is somebody who is not signed in.
        """
        values = request.model_dump(mode="json") if isinstance(request, BaseModel) else dict(request or {})
        await self._store.outbox.put(
            audit,
            {
                "cursor": self._numbers.next(),
                "time": self._clock(),
                "caller": caller.id if caller else "",
                "caller_name": caller.name if caller else "",
                "caller_kind": caller.kind if caller else "",
                "door": caller.door if caller else "api",
                "peer": peer,
                "operation": operation,
                "target": summary(values),
                "outcome": outcome,
                "request_id": request_id,
            },
        )

    async def list(self, request: AuditListRequest) -> AuditPage:
        """Return a page of records, newest first."""
        query = select(audit).where(*_conditions(request)).order_by(audit.c.cursor.desc()).limit(request.limit + 1)
        async with self._store.read() as connection:
            rows = (await connection.execute(query)).all()
        more = len(rows) > request.limit
        shown = rows[: request.limit]
        return AuditPage(records=[_record(row) for row in shown], next_cursor=str(shown[-1].cursor) if more else None)

    async def _sweep(self, connection: Connection) -> None:
        last = (await connection.execute(select(func.max(audit.c.cursor)))).scalar_one()
        self._numbers.above(last or 0)
        await prune(
            connection,
            audit,
            order=audit.c.cursor,
            time=audit.c.time,
            keep=self._keep,
            now=self._clock(),
            steady=self._store.steady,
        )


def _conditions(request: AuditListRequest) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if request.cursor is not None:
        found.append(audit.c.cursor < parse_cursor(request.cursor))
    if request.caller is not None:
        found.append(or_(audit.c.caller == request.caller, audit.c.caller_name == request.caller))
    if request.operation is not None:
        prefix = request.operation.endswith(".")
        found.append(
            audit.c.operation.startswith(request.operation, autoescape=True)
            if prefix
            else audit.c.operation == request.operation
        )
    if request.outcome is not None:
        found.append(audit.c.outcome == request.outcome)
    if request.request_id is not None:
        found.append(audit.c.request_id == request.request_id)
    if request.since is not None:
        found.append(audit.c.time >= request.since.timestamp())
    if request.until is not None:
        found.append(audit.c.time < request.until.timestamp())
    return found


def _record(row: Row[Any]) -> AuditRecord:
    values = dict(row._mapping)
    cursor, moment = values.pop("cursor"), values.pop("time")
    return AuditRecord(id=f"aud_{cursor}", time=datetime.fromtimestamp(moment, UTC), **values)
