"""Publishes events to subscribers of this process and keeps them for those that come back."""

import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import anyio
from sqlalchemy import func, select

from att.events.schema import ATTEvent, EventType
from att.events.tables import events
from att.kernel.errors import Unavailable
from att.store.connection import Connection
from att.store.cursor import Rising, parse_cursor
from att.store.retention import Retention, prune
from att.store.service import Store

KEEP = Retention(days=30, rows_max=10_000)
RECENT_MAX = 2_000
_PAGE = 200
_RETRY_SECONDS = 1.0
# Types of a newer release that was rolled back stay in the table; nobody here could read them.
_KNOWN = frozenset(EventType)


class Events:
    """The bus. A subscriber is a position in the history, so that a slow one holds up nobody and costs no memory."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time, keep: Retention = KEEP) -> None:
        self._store = store
        self._clock = clock
        self._keep = keep
        self._numbers = Rising(clock)
        self._recent: deque[ATTEvent] = deque(maxlen=RECENT_MAX)
        self._last = 0
        self._wake = anyio.Event()
        self._stopped = False
        store.sweeps(self._sweep)

    def publish(self, event_type: str, payload: Mapping[str, Any], *, project_id: str = "") -> ATTEvent:
        """Hand the event to all subscribers and to the history; never waits and never fails, fenced or not.

        `event_type` is a value of `EventType`; ValueError names one that is not.
        """
        now, number = self._clock(), self._numbers.next()
        row = {
            "cursor": number,
            "project_id": project_id,
            "event_type": EventType(event_type).value,
            "payload": dict(payload),
            "time": now,
        }
        event = _event(row)
        self._recent.append(event)
        self._last = number
        self._store.outbox.push(events, row)
        self._wake.set()
        self._wake = anyio.Event()
        return event

    def subscribe(self, cursor: str | None = None) -> AsyncIterator[ATTEvent]:
        """Yield events after `cursor` (None: from this call on, "0": all that is kept) until `stop()`.

        A subscriber too slow or too late for what is kept gets one GAP event `{"after": cursor}` and goes on behind
        it. Raises InvalidInput for a cursor that is none.
        """
        if cursor is None:
            return self._follow(self._numbers.next(), known=True)
        position = parse_cursor(cursor)
        return self._follow(position, known=position == 0)

    async def run(self) -> None:
        """Learn the history's last number, so that new ones are above it even if the clock went back; then return."""
        while not self._stopped:
            try:
                self._numbers.above(await self._head())
            except Unavailable:
                with anyio.move_on_after(_RETRY_SECONDS):
                    await self._wake.wait()
            else:
                return

    def stop(self) -> None:
        """End all subscriptions."""
        self._stopped = True
        self._wake.set()

    async def _follow(self, position: int, *, known: bool) -> AsyncIterator[ATTEvent]:
        """`known`: nothing between `position` and the oldest kept event was swept."""
        while not self._stopped:
            wake = self._wake
            if not known and not await self._has(position):
                yield self._gap(position)
                position = min(position, await self._head())
            known = True
            found = await self._after(position)
            for event in found:
                position = int(event.cursor)
                yield event
                if self._stopped:
                    return
            if not found:
                await wake.wait()
            elif not self._is_recent(position):
                # What lies behind may be swept while the subscriber takes its time.
                known = False

    async def _head(self) -> int:
        """The number of the last event, of this process or one before."""
        async with self._store.read() as connection:
            last: int | None = (await connection.execute(select(func.max(events.c.cursor)))).scalar_one()
        waiting = [int(row["cursor"]) for row in self._store.outbox.pending(events)]
        return max(self._last, last or 0, *waiting)

    def _is_recent(self, position: int) -> bool:
        """Whether everything after `position` is in memory."""
        return bool(self._recent) and int(self._recent[0].cursor) <= position

    async def _has(self, position: int) -> bool:
        """Whether the event at `position` is still kept: then nothing after it was swept."""
        if self._is_recent(position):
            return any(int(event.cursor) == position for event in self._recent)
        return any(row["cursor"] == position for row in await self._rows(position - 1, limit=1))

    async def _after(self, position: int) -> list[ATTEvent]:
        if self._is_recent(position) or (self._recent and position >= self._last):
            return [event for event in self._recent if int(event.cursor) > position]
        return [_event(row) for row in await self._rows(position, limit=_PAGE)]

    async def _rows(self, position: int, *, limit: int) -> list[Mapping[str, Any]]:
        """Return rows after `position`: those of the database and those that still wait to be written."""
        await self._store.outbox.load()
        queued = self._store.outbox.pending(events)
        waiting = {row["cursor"]: row for row in queued if row["cursor"] > position and row["event_type"] in _KNOWN}
        async with self._store.read() as connection:
            found = await connection.execute(
                select(events)
                .where(events.c.cursor > position, events.c.event_type.in_(_KNOWN))
                .order_by(events.c.cursor)
                .limit(limit)
            )
            rows: dict[int, Mapping[str, Any]] = {row.cursor: dict(row._mapping) for row in found}
        merged = waiting | rows
        return [merged[number] for number in sorted(merged)][:limit]

    def _gap(self, position: int) -> ATTEvent:
        return _event(
            {
                "cursor": position,
                "project_id": "",
                "event_type": EventType.GAP.value,
                "payload": {"after": str(position)},
                "time": self._clock(),
            }
        )

    async def _sweep(self, connection: Connection) -> None:
        await prune(
            connection,
            events,
            order=events.c.cursor,
            time=events.c.time,
            keep=self._keep,
            now=self._clock(),
            steady=self._store.steady,
        )


def _event(row: Mapping[str, Any]) -> ATTEvent:
    return ATTEvent(
        id=f"evt_{row['cursor']}",
        project_id=row["project_id"],
        event_type=EventType(row["event_type"]),
        payload=row["payload"],
        timestamp=datetime.fromtimestamp(row["time"], UTC),
        cursor=str(row["cursor"]),
    )
