"""Publishes events to subscribers of this process and keeps them for those that come back."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from att.events.schema import ATTEvent, EventType
from att.store.service import Store


class Events:
    """The bus. `run()` must run in the entrypoint's task group."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        raise NotImplementedError

    def publish(self, event_type: EventType, payload: Mapping[str, Any], *, project_id: str = "") -> ATTEvent:
        """Hand the event to all subscribers and to the history; never waits and never fails, fenced or not."""
        raise NotImplementedError

    def subscribe(self, cursor: str | None = None) -> AsyncIterator[ATTEvent]:
        """Yield events after `cursor` (None: from now on) until `stop()`.

        A subscriber too slow or too late for what is kept gets one GAP event `{"after": cursor}` and goes on behind
        it. Raises InvalidInput for a cursor that is none.
        """
        raise NotImplementedError

    async def run(self) -> None:
        """Write the history and sweep it; returns after `stop()`."""
        raise NotImplementedError

    def stop(self) -> None:
        """End all subscriptions."""
        raise NotImplementedError
