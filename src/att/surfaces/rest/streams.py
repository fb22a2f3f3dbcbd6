"""Answers that go on: server-sent events or NDJSON, batched, with heartbeats, ended with a hint when the process stops.

Server-sent events: each item is a message with its cursor as id; `event: end` closes a stream that is complete,
`event: reconnect` one that goes on elsewhere (resume with Last-Event-ID), `event: error` carries a problem document.
NDJSON: each line is an item; a last line `{"end": true}`, `{"reconnect": {"cursor": …}}` or `{"problem": {…}}`.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from att.kernel.errors import AttError, TooMany
from att.surfaces.draining import Draining
from att.surfaces.metrics import Metrics
from att.surfaces.problem import document
from att.surfaces.rest.requests import request_id_of

SSE = "text/event-stream"
NDJSON = "application/x-ndjson"
HEARTBEAT_SECONDS = 15.0
FIRST_ITEM_SECONDS = 0.5  # how long one that follows, and may be quiet, can still fail with a status
RECONNECT_MILLISECONDS = 500
BATCH_ITEMS_MAX = 200
OPEN_MAX = 512


@dataclass
class Streams:
    """What all open streams of this process share."""

    draining: Draining
    metrics: Metrics
    open_max: int = OPEN_MAX
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    first_item_seconds: float = FIRST_ITEM_SECONDS
    open: int = field(default=0, init=False)

    def enter(self, kind: str) -> None:
        """Count one more stream; TooMany above the limit."""
        if self.open >= self.open_max:
            raise TooMany("too_many_streams", "cannot open a stream: too many are open", retry_after_seconds=5)
        self.open += 1
        self.metrics.streams.labels(kind).inc()

    def leave(self, kind: str) -> None:
        """Count one less."""
        self.open -= 1
        self.metrics.streams.labels(kind).dec()


def wants_events(request: Request) -> bool:
    """Whether the client asks for server-sent events."""
    return SSE in request.headers.get("accept", "")


def last_cursor(request: Request) -> str | None:
    """Return the cursor of a browser's EventSource that comes back."""
    return request.headers.get("last-event-id") or None


class StreamResponse(Response):
    """One stream. What fails before the first item is raised, so that it becomes a proper error answer.

    One that follows may be quiet for long, so it is begun `first_item_seconds` later; what fails then is told in it.
    """

    def __init__(self, request: Request, items: AsyncIterator[BaseModel], streams: Streams, *, follows: bool) -> None:
        self.media_type = SSE if wants_events(request) else NDJSON
        super().__init__(media_type=self.media_type, headers={"X-Accel-Buffering": "no", "Cache-Control": "no-cache"})
        self.raw_headers = [pair for pair in self.raw_headers if pair[0] != b"content-length"]
        self._items = items
        self._streams = streams
        self._first_seconds = streams.first_item_seconds if follows else HEARTBEAT_SECONDS
        self._form: _Form = _Events() if self.media_type == SSE else _Lines()
        self._request_id = request_id_of(request)
        self._error: AttError | None = None
        self._started = False
        self._cursor: str | None = None

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Serve the stream to its end, the client's, or the process's."""
        kind = "sse" if self.media_type == SSE else "ndjson"
        self._streams.enter(kind)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_cancel_on_disconnect, receive, tasks)
                await self._serve(tasks, send)
                tasks.cancel_scope.cancel()
        finally:
            self._streams.leave(kind)
        if self._error is not None and not self._started:
            raise self._error

    async def _serve(self, tasks: TaskGroup, send: Send) -> None:
        into, items = anyio.create_memory_object_stream[BaseModel](BATCH_ITEMS_MAX)
        pump_scope = anyio.CancelScope()
        tasks.start_soon(self._pump, into, pump_scope)
        tasks.start_soon(self._watch_draining, pump_scope)
        with items:
            batch = await _batch(items, self._first_seconds)
            if self._error is not None and not batch:
                return
            self._started = True
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            while batch is not None:
                await self._send_batch(batch, send)
                batch = await _batch(items, self._streams.heartbeat_seconds)
        await send({"type": "http.response.body", "body": self._ending(), "more_body": False})

    async def _pump(self, into: MemoryObjectSendStream[BaseModel], scope: anyio.CancelScope) -> None:
        with scope, into:
            try:
                async for item in self._items:
                    await put(into, item)
            except AttError as error:
                self._error = error
            finally:
                close = getattr(self._items, "aclose", None)
                if close is not None:
                    with anyio.CancelScope(shield=True):
                        await close()

    async def _watch_draining(self, pump_scope: anyio.CancelScope) -> None:
        await self._streams.draining.wait()
        pump_scope.cancel()

    async def _send_batch(self, batch: list[BaseModel], send: Send) -> None:
        if batch:
            self._cursor = str(batch[-1].model_dump(include={"cursor"})["cursor"])
        body = b"".join(self._form.item(item) for item in batch) or self._form.heartbeat
        await send({"type": "http.response.body", "body": body, "more_body": True})

    def _ending(self) -> bytes:
        if self._error is not None:
            return self._form.last("error", document(self._error, self._request_id))
        if self._streams.draining.begun:
            return self._form.last("reconnect", {"cursor": self._cursor})
        return self._form.last("end", True)


class _Form:
    heartbeat = b"\n"

    def item(self, item: BaseModel) -> bytes:
        return item.model_dump_json().encode() + b"\n"

    def last(self, name: str, value: Any) -> bytes:
        return json.dumps({"problem" if name == "error" else name: value}).encode() + b"\n"


class _Lines(_Form):
    """NDJSON; an empty line is the heartbeat."""


class _Events(_Form):
    heartbeat = b": still here\n\n"

    def item(self, item: BaseModel) -> bytes:
        cursor = str(item.model_dump(include={"cursor"})["cursor"])
        return f"id: {cursor}\ndata: {item.model_dump_json()}\n\n".encode()

    def last(self, name: str, value: Any) -> bytes:
        retry = f"retry: {RECONNECT_MILLISECONDS}\n" if name == "reconnect" else ""
        return f"{retry}event: {name}\ndata: {json.dumps(value)}\n\n".encode()


async def put[T](into: MemoryObjectSendStream[T], item: T) -> None:
    """Queue without giving way while there is room, so that a burst is taken as one batch."""
    try:
        into.send_nowait(item)
    except anyio.WouldBlock:
        await into.send(item)


async def _batch(items: MemoryObjectReceiveStream[BaseModel], seconds: float) -> list[BaseModel] | None:
    """Return what came within `seconds`, [] when nothing did, None at the end."""
    batch: list[BaseModel] = []
    with anyio.move_on_after(seconds):
        try:
            batch.append(await items.receive())
        except anyio.EndOfStream:
            return None
    while batch and len(batch) < BATCH_ITEMS_MAX:
        try:
            batch.append(items.receive_nowait())
        except (anyio.WouldBlock, anyio.EndOfStream):
            break
    return batch


async def _cancel_on_disconnect(receive: Receive, tasks: TaskGroup) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    tasks.cancel_scope.cancel()
