"""`/apps/{project}/…`: people and agents reach running apps with ATT's own credentials, streams both ways.

The app sees the request without ATT's credentials, and below which path it is seen in `X-Forwarded-Prefix`.
"""

import asyncio
from collections.abc import AsyncIterator

import anyio
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from att.kernel.errors import Unavailable
from att.kernel.operation import Role
from att.runtime.exchange import Answer, AppBroken, Sent, exchange
from att.surfaces.expose import require_role
from att.surfaces.ports import Authenticator
from att.surfaces.problem import BadGateway
from att.surfaces.rest.app_headers import from_app, to_app
from att.surfaces.rest.app_sockets import AppSocket
from att.surfaces.rest.app_target import PREFIX, Apps, prefix_of, target_of
from att.surfaces.rest.bodies import too_large
from att.surfaces.rest.requests import caller_of, request_id_of
from att.surfaces.rest.streams import Streams

BODY_BYTES_MAX = 64 * 1024 * 1024
_KIND = "app"

log = structlog.get_logger(__name__)


def app_routes(apps: Apps, authenticator: Authenticator, streams: Streams) -> list[BaseRoute]:
    """Return the routes of the proxy."""
    http, websocket = AppProxy(apps, authenticator, streams), AppSocket(apps, authenticator, streams)
    routes: list[BaseRoute] = []
    for path in (PREFIX + "/{project}", PREFIX + "/{project}/{path:path}"):
        routes += [Route(path, http), WebSocketRoute(path, websocket)]
    return routes


class AppProxy:
    """The ASGI endpoint for requests."""

    def __init__(self, apps: Apps, authenticator: Authenticator, streams: Streams) -> None:
        self._apps = apps
        self._authenticator = authenticator
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request to its app and the answer back."""
        request = Request(scope, receive)
        require_role(await caller_of(request, self._authenticator, Role.DEVELOPER), Role.DEVELOPER, "reach apps")
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > BODY_BYTES_MAX:
            raise too_large(BODY_BYTES_MAX)
        self._streams.enter(_KIND)
        try:
            await self._pass(request, _Given(receive), send)
        finally:
            self._streams.leave(_KIND)

    async def _pass(self, request: Request, given: "_Given", send: Send) -> None:
        started = False
        _, _, connection = await self._apps.connect(request.path_params["project"])
        with self._streams.draining.cancels() as scope:
            watcher = asyncio.create_task(given.cancel_when_gone(scope))
            try:
                async with exchange(connection, await _sent(request, given)) as answer:
                    await send(_start(request, answer))
                    started = True
                    async for part in answer.parts():
                        await send({"type": "http.response.body", "body": part, "more_body": True})
                    await send({"type": "http.response.body", "body": b""})
            except AppBroken as error:
                if not started:
                    raise BadGateway("app_broken", f"cannot pass the request on: the app failed: {error}") from error
                log.info("app.broke_off", cause=str(error))  # the caller sees an answer that does not end
            except ClientDisconnect:
                log.info("app.caller_left")
            finally:
                watcher.cancel()
        if scope.cancelled_caught and not started and not given.gone:
            raise Unavailable("service_down", "cannot pass the request on: ATT restarts", retry_after_seconds=1)


class _Given:
    """The body of the request as it comes, and the news that the caller left."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = asyncio.Event()
        self.gone = False

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the body; raises ClientDisconnect, TooLarge."""
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.gone = True
                raise ClientDisconnect
            size += len(message.get("body", b""))
            if size > BODY_BYTES_MAX:
                raise too_large(BODY_BYTES_MAX)
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body", False):
                self._ended.set()
                return

    async def cancel_when_gone(self, scope: anyio.CancelScope) -> None:
        """Cancel `scope` when the caller leaves after the end of the body."""
        await self._ended.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        scope.cancel()


async def _sent(request: Request, given: _Given) -> Sent:
    headers = to_app(request.scope["headers"], prefix=prefix_of(request.scope), request_id=request_id_of(request))
    target = target_of(request.scope)
    if "content-length" in request.headers or "transfer-encoding" in request.headers:
        return Sent(request.method, target, headers, given.parts())
    async for _ in given.parts():  # there is none: its end is read, so that the caller's leaving is seen
        pass
    return Sent(request.method, target, headers)


def _start(request: Request, answer: Answer) -> dict[str, object]:
    headers = from_app(answer.headers, prefix=prefix_of(request.scope), host=request.headers.get("host", ""))
    return {"type": "http.response.start", "status": answer.status, "headers": headers}
