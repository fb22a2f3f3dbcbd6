"""WebSockets of apps under `/apps/{project}/…`: frames pass both ways, each side's end ends the other."""

import asyncio

import structlog
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from att.identity.schema import COOKIE
from att.kernel.errors import AttError, NotSignedIn
from att.kernel.operation import Caller, Role
from att.surfaces.expose import require_role
from att.surfaces.ports import Authenticator
from att.surfaces.rest.app_headers import to_app
from att.surfaces.rest.app_target import Apps, prefix_of, target_of
from att.surfaces.rest.requests import bearer_of, request_id_of, require_same_origin
from att.surfaces.rest.streams import Streams
from att.surfaces.websocket.events import BEARER_SUBPROTOCOL, POLICY, REFUSED, RESTART

FRAME_BYTES_MAX = 16 * 1024 * 1024
OPEN_SECONDS, CLOSE_SECONDS = 10.0, 5.0
NORMAL, BROKEN, UNAVAILABLE = 1000, 1011, 1013
_KIND = "app"
_NEVER_SENT = {1005, 1006, 1015}

log = structlog.get_logger(__name__)


class AppSocket:
    """The ASGI endpoint for WebSockets; browsers give their token as the subprotocol `att.bearer.<token>`."""

    def __init__(self, apps: Apps, authenticator: Authenticator, streams: Streams) -> None:
        self._apps = apps
        self._authenticator = authenticator
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection to its end."""
        socket = WebSocket(scope, receive, send)
        try:
            require_role(await self._caller(socket), Role.DEVELOPER, "reach apps")
            self._streams.enter(_KIND)
        except AttError as error:
            await _refuse(socket, REFUSED if isinstance(error, NotSignedIn) else POLICY, error.code)
            return
        try:
            await self._serve(socket)
        except AttError as error:
            await _refuse(socket, UNAVAILABLE, error.code)
        except (InvalidHandshake, InvalidMessage, TimeoutError, OSError) as error:
            log.info("app.refused_websocket", cause=str(error))
            await _refuse(socket, BROKEN, "app_broken")
        finally:
            self._streams.leave(_KIND)

    async def _caller(self, socket: WebSocket) -> Caller:
        tokens = [one for one in socket.scope.get("subprotocols", []) if one.startswith(BEARER_SUBPROTOCOL)]
        bearer = tokens[0].removeprefix(BEARER_SUBPROTOCOL) if tokens else bearer_of(socket)
        cookie = socket.cookies.get(COOKIE)
        if bearer is None and cookie is None:
            raise NotSignedIn("not_signed_in", "cannot reach the app: there is no credential in the request")
        if bearer is None:
            require_same_origin(socket)
            return await self._authenticator.authenticate(cookie=cookie)
        return await self._authenticator.authenticate(bearer=bearer)

    async def _serve(self, socket: WebSocket) -> None:
        _, _, connection = await self._apps.connect(socket.path_params["project"])
        offered = [one for one in socket.scope.get("subprotocols", []) if not one.startswith(BEARER_SUBPROTOCOL)]
        opening = connect(
            f"ws://app{target_of(socket.scope)}",
            sock=connection,
            subprotocols=offered or None,
            additional_headers=_headers(socket),
            user_agent_header=None,
            compression=None,
            proxy=None,
            max_size=FRAME_BYTES_MAX,
            open_timeout=OPEN_SECONDS,
            close_timeout=CLOSE_SECONDS,
            ping_interval=None,
        )
        async with opening as app:
            await socket.accept(subprotocol=app.subprotocol)
            await self._both(socket, app)

    async def _both(self, socket: WebSocket, app: ClientConnection) -> None:
        """Pass frames until one side ends, or the process does."""
        ways = {asyncio.ensure_future(one) for one in (_to_app(socket, app), _from_app(socket, app), self._end())}
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in done:
                way.result()
        finally:
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)
        if self._streams.draining.begun:
            await socket.close(RESTART, "reconnect")

    async def _end(self) -> None:
        await self._streams.draining.wait()


async def _to_app(socket: WebSocket, app: ClientConnection) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            code = message.get("code") or NORMAL
            await app.close(NORMAL if code in _NEVER_SENT else code)
            return
        content = message.get("text")
        try:
            await app.send(message["bytes"] if content is None else content)
        except ConnectionClosed:
            await asyncio.Event().wait()  # the other way tells the caller how the app ended


async def _from_app(socket: WebSocket, app: ClientConnection) -> None:
    try:
        while True:
            content = await app.recv()
            await (socket.send_text(content) if isinstance(content, str) else socket.send_bytes(content))
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else BROKEN
        await socket.close(BROKEN if code in _NEVER_SENT else code, closed.rcvd.reason if closed.rcvd else "")


def _headers(socket: WebSocket) -> list[tuple[str, str]]:
    passed = to_app(socket.scope["headers"], prefix=prefix_of(socket.scope), request_id=request_id_of(socket))
    return [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in passed
        if not name.lower().startswith(b"sec-websocket-") and name.lower() not in (b"host", b"content-length")
    ]


async def _refuse(socket: WebSocket, code: int, reason: str) -> None:
    """Accept, then close with a code of ours: a browser shows its page nothing of a refused handshake."""
    if socket.application_state is WebSocketState.CONNECTING:
        await socket.accept()
    if socket.application_state is WebSocketState.CONNECTED:
        await socket.close(code, reason)
