"""`WS /api/v1/events`: events in batches, resumed by cursor, ended with 1012 when the process stops.

The client says who it is by cookie or by the subprotocol `att.bearer.<token>` (browsers cannot set headers), and where
to go on by `?cursor=`. It gets frames `{"events": […], "cursor": …}`; what it sends is ignored but for its size.
"""

import json
from collections.abc import AsyncIterator

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from att.events.schema import ATTEvent
from att.identity.schema import COOKIE
from att.kernel.errors import AttError, NotSignedIn
from att.kernel.operation import Caller, Role
from att.surfaces.expose import require_role
from att.surfaces.ports import Authenticator, Events
from att.surfaces.rest.requests import bearer_of, require_same_origin
from att.surfaces.rest.streams import Streams, put

SUBPROTOCOL = "att.events.v1"
BEARER_SUBPROTOCOL = "att.bearer."
BATCH_EVENTS_MAX = 100
QUEUED_EVENTS_MAX = 1000
SEND_SECONDS_MAX = 20.0
RESTART, POLICY, TRY_LATER, NORMAL = 1012, 1008, 1013, 1000
REFUSED = 4401


class EventSocket:
    """The ASGI endpoint of the WebSocket."""

    def __init__(self, events: Events, authenticator: Authenticator, streams: Streams) -> None:
        self._events = events
        self._authenticator = authenticator
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection to its end."""
        socket = WebSocket(scope, receive, send)
        try:
            require_role(await self._caller(socket), Role.VIEWER, "follow the events")
            items = self._events.subscribe(socket.query_params.get("cursor"))
            self._streams.enter("websocket")
        except AttError as error:
            await _refuse(socket, error)
            return
        try:
            await self._serve(socket, items)
        finally:
            self._streams.leave("websocket")

    async def _caller(self, socket: WebSocket) -> Caller:
        offered = [name for name in socket.scope.get("subprotocols", []) if name.startswith(BEARER_SUBPROTOCOL)]
        bearer = offered[0].removeprefix(BEARER_SUBPROTOCOL) if offered else bearer_of(socket)
        cookie = socket.cookies.get(COOKIE)
        if bearer is None and cookie is None:
            raise NotSignedIn("not_signed_in", "cannot open the events: there is no credential in the request")
        if bearer is None:
            require_same_origin(socket)
            return await self._authenticator.authenticate(cookie=cookie)
        return await self._authenticator.authenticate(bearer=bearer)

    async def _serve(self, socket: WebSocket, items: AsyncIterator[ATTEvent]) -> None:
        offered = socket.scope.get("subprotocols", [])
        await socket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
        code, reason = NORMAL, ""
        refused: list[AttError] = []
        into, queued = anyio.create_memory_object_stream[ATTEvent](QUEUED_EVENTS_MAX)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_pump, items, into, refused)
            tasks.start_soon(self._watch_draining, tasks.cancel_scope)
            tasks.start_soon(_watch_client, socket, tasks.cancel_scope)
            with queued:
                if not await _send_all(socket, queued):
                    code, reason = TRY_LATER, "too slow"
            tasks.cancel_scope.cancel()
        if refused:
            code, reason = POLICY, refused[0].code
        if self._streams.draining.begun:
            code, reason = RESTART, "reconnect"
        with anyio.move_on_after(1):
            await _close(socket, code, reason)

    async def _watch_draining(self, scope: anyio.CancelScope) -> None:
        await self._streams.draining.wait()
        scope.cancel()


async def _pump(
    items: AsyncIterator[ATTEvent], into: MemoryObjectSendStream[ATTEvent], refused: list[AttError]
) -> None:
    with into:
        try:
            async for item in items:
                await put(into, item)
        except AttError as error:
            refused.append(error)
        finally:
            close = getattr(items, "aclose", None)
            if close is not None:
                with anyio.CancelScope(shield=True):
                    await close()


async def _send_all(socket: WebSocket, queued: MemoryObjectReceiveStream[ATTEvent]) -> bool:
    """Send batches until the events end; False when the client does not take one within the limit."""
    async for first in queued:
        batch = [first]
        while len(batch) < BATCH_EVENTS_MAX:
            try:
                batch.append(queued.receive_nowait())
            except (anyio.WouldBlock, anyio.EndOfStream):
                break
        frame = {"events": [event.model_dump(mode="json") for event in batch], "cursor": batch[-1].cursor}
        with anyio.move_on_after(SEND_SECONDS_MAX) as limit:
            await socket.send_text(json.dumps(frame, separators=(",", ":")))
        if limit.cancelled_caught:
            return False
    return True


async def _watch_client(socket: WebSocket, scope: anyio.CancelScope) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
    scope.cancel()


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    try:
        await socket.close(code, reason)
    except (WebSocketDisconnect, RuntimeError):
        return


async def _refuse(socket: WebSocket, error: AttError) -> None:
    """Accept, then close with a code of ours: a browser shows its page nothing of a refused handshake."""
    await socket.accept()
    code = REFUSED if isinstance(error, NotSignedIn) else POLICY
    await socket.close(code, error.code)
