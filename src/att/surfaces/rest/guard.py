"""At the door of every request: the host it names, how many come from one caller, and foreign pages (CORS)."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from att.config.settings import Api
from att.identity.schema import COOKIE
from att.kernel.errors import AttError, Forbidden, TooMany
from att.surfaces.rest.failures import problem_answer
from att.surfaces.rest.requests import peer_of

CALLERS_MAX = 10_000
_FREE = frozenset({"/healthz", "/readyz"})
_EXPOSED = ["X-Request-ID", "Location", "Retry-After", "Upload-Offset", "Upload-Complete", "Mcp-Session-Id"]


class Guard:
    """ASGI middleware; `settings` is asked at each request, so a change holds at once."""

    def __init__(self, app: ASGIApp, *, settings: Callable[[], Api]) -> None:
        self._app = app
        self._settings = settings
        self._rates = Rates()
        self._cors: tuple[tuple[str, ...], ASGIApp] = ((), app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request in or answer it."""
        if scope["type"] not in ("http", "websocket") or scope["path"] in _FREE:
            await self._app(scope, receive, send)
            return
        settings = self._settings()
        try:
            require_host(scope, settings.allowed_hosts)
            self._rates.take(_who(HTTPConnection(scope)), settings.requests_per_minute)
        except AttError as error:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": error.code})
            else:
                await problem_answer(Request(scope), error)(scope, receive, send)
            return
        await self._inner(tuple(settings.cors_origins))(scope, receive, send)

    def _inner(self, origins: tuple[str, ...]) -> ASGIApp:
        if origins != self._cors[0]:
            wrapped: ASGIApp = self._app
            if origins:
                wrapped = CORSMiddleware(
                    self._app, allow_origins=origins, allow_methods=["*"], allow_headers=["*"], expose_headers=_EXPOSED
                )
            self._cors = (origins, wrapped)
        return self._cors[1]


def require_host(scope: Scope, allowed: list[str]) -> None:
    """Refuse a Host that is not of the appliance: a foreign name that resolves to it (DNS rebinding).

    Whoever connects to the socket itself, as attctl and the health gate do, names no host that matters.
    """
    connection = HTTPConnection(scope)
    if "*" in allowed or not peer_of(connection):
        return
    host = _host_name(connection.headers.get("host", ""))
    for name in allowed:
        if host == name.lower() or (name.startswith("*.") and host.endswith(name[1:].lower())):
            return
    raise Forbidden("host_wrong", "cannot answer under this host name")


def _host_name(header: str) -> str:
    try:
        return (urlsplit("//" + header).hostname or "").lower()
    except ValueError:
        return ""


@dataclass
class _Bucket:
    left: float
    seen: float


class Rates:
    """A token bucket for each caller: one minute's worth at once, refilled steadily; the idlest are forgotten."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._buckets: dict[str, _Bucket] = {}

    def take(self, who: str, per_minute: int) -> None:
        """Count one request of `who`; TooMany when the minute's worth is used up."""
        now = self._now()
        bucket = self._buckets.pop(who, None) or _Bucket(per_minute, now)
        bucket.left = min(per_minute, bucket.left + (now - bucket.seen) * per_minute / 60)
        bucket.seen = now
        self._buckets[who] = bucket
        if len(self._buckets) > CALLERS_MAX:
            del self._buckets[next(iter(self._buckets))]
        if bucket.left < 1:
            raise TooMany("rate_limited", "cannot answer: too many requests", retry_after_seconds=1)
        bucket.left -= 1


def _who(connection: HTTPConnection) -> str:
    credential = connection.headers.get("authorization") or connection.cookies.get(COOKIE)
    if credential:
        return hashlib.sha256(credential.encode()).hexdigest()
    return peer_of(connection)
