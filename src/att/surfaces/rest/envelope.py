"""Around every HTTP request: its id in and out, one line of access log, figures, security headers, the good-bye."""

import time
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from att.surfaces.draining import Draining
from att.surfaces.metrics import Metrics
from att.surfaces.rest.requests import REQUEST_ID_HEADER, request_id_from

log = structlog.get_logger("att.access")

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


class Envelope:
    """ASGI middleware. While the process drains, each answer closes its connection, so the next one waits outside."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, draining: Draining) -> None:
        self._app = app
        self._metrics = metrics
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request_id = request_id_from(Headers(scope=scope).get(REQUEST_ID_HEADER))
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            if scope["type"] == "websocket":
                await self._app(scope, receive, send)
            else:
                await self._http(scope, receive, send, request_id)

    async def _http(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started, status = time.perf_counter(), 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._dress(MutableHeaders(scope=message), request_id)
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            self._account(scope, status, time.perf_counter() - started)

    def _dress(self, headers: MutableHeaders, request_id: str) -> None:
        headers[REQUEST_ID_HEADER] = request_id
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("Cache-Control", "no-store")
        if self._draining.begun:
            headers["Connection"] = "close"

    def _account(self, scope: Scope, status: int, seconds: float) -> None:
        route = template_of(scope)
        self._metrics.observe_request(scope["method"], route, status, seconds)
        (log.debug if scope["path"] in _QUIET and status < 400 else log.info)(
            "request", method=scope["method"], path=scope["path"], route=route, status=status, seconds=round(seconds, 4)
        )


def template_of(scope: Scope) -> str:
    """Return the path template of the route that matched, `unmatched` when none did: a bounded set of names."""
    route: Any = scope.get("route")
    return str(route.path) if route is not None and hasattr(route, "path") else "unmatched"
