"""The router as an ASGI application: which route, whose key, how many at once; then the gateway or the admin."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

import structlog

from att.router.admin import Admin
from att.router.asgi import Exchange, Gone, Receive, Scope, Send
from att.router.auth import Gate
from att.router.errors import BadKey, GatewayError, NotThere, ProviderSilent, Stopping, TooMany, WrongMethod
from att.router.figures import CONTENT_TYPE, Figures
from att.router.gateway import SCRIPTED, Gateway
from att.router.wire import event

RUNNING_MAX = 256
REQUEST_SECONDS_MAX = 3600.0
CLIENT_GONE = 499
STOP_SECONDS = 3.0

log = structlog.get_logger(__name__)

Answering = Callable[[Exchange], Awaitable[str]]


class RouterApp:
    """Answers every request; raises for none."""

    def __init__(self, gate: Gate, gateway: Gateway, admin: Admin, figures: Figures, release: str) -> None:
        self._gate = gate
        self._gateway = gateway
        self._admin = admin
        self._figures = figures
        self._release = release
        self._running: set[asyncio.Task[object]] = set()
        self._stopping = False
        self._routes: dict[str, tuple[str, Answering]] = {
            "/v1/models": ("GET", gateway.models),
            "/v1/chat/completions": ("POST", gateway.chat),
            "/v1/embeddings": ("POST", gateway.embed),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection's scope."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        exchange = Exchange(scope, receive, send)
        began, route, provider = time.monotonic(), "other", "none"
        try:
            route = self._route(exchange)
            async with asyncio.timeout(REQUEST_SECONDS_MAX):
                provider = await self._answer(exchange, route)
        except GatewayError as error:
            await self._refuse(exchange, error)
        except TimeoutError:
            await self._refuse(exchange, ProviderSilent("cannot answer: it took too long"))
        except asyncio.CancelledError:
            if not self._stopping:
                raise
            await self._refuse(exchange, Stopping("cannot go on: the gateway restarts, ask again", retry_after="1"))
        except Gone:
            exchange.status = CLIENT_GONE
        except Exception:
            log.exception("request_failed", request_id=exchange.request_id, route=route)
            await self._refuse(exchange, GatewayError(f"cannot answer: internal fault, {exchange.request_id}"))
        finally:
            self._figures.observe(route, provider, exchange.status, time.monotonic() - began)

    async def stop(self) -> None:
        """Give what runs a moment to end by itself, then end it with an error that says to ask again."""
        self._stopping = True
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()

    async def _refuse(self, exchange: Exchange, error: GatewayError) -> None:
        if exchange.status == 0:
            await exchange.refuse(error)
        elif exchange.events:
            await exchange.end(b"\n\n" + event(error.body()))
        else:
            # The head is out: to end the connection before the body's end is the one way to say that it is not whole.
            raise error

    def _route(self, exchange: Exchange) -> str:
        path = exchange.path
        if path in ("/healthz", "/readyz", "/metrics") or path in self._routes:
            return path
        if path.startswith("/v1/models/"):
            return "/v1/models/"
        return "/admin" if path.startswith("/admin/") else "other"

    async def _answer(self, exchange: Exchange, route: str) -> str:
        match route:
            case "/healthz":
                await exchange.answer_json(200, {"status": "ok"})
            case "/readyz":
                await self._ready(exchange)
            case "/metrics":
                self._let_in(exchange, admin=True)
                await exchange.answer(200, await asyncio.to_thread(self._figures.text), CONTENT_TYPE)
            case "/admin":
                self._let_in(exchange, admin=True)
                await self._admin.answer(exchange)
            case _:
                self._let_in(exchange, admin=False)
                return await self._limited(exchange, route)
        return SCRIPTED

    def _let_in(self, exchange: Exchange, *, admin: bool) -> None:
        bearer = self._gate.bearer(exchange.header("authorization"), exchange.uid)
        if admin and not bearer.admin:
            raise BadKey("cannot answer: this key is for models alone")

    async def _limited(self, exchange: Exchange, route: str) -> str:
        if len(self._running) >= RUNNING_MAX:
            raise TooMany(f"cannot answer: {RUNNING_MAX} requests run already", retry_after="1")
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - an ASGI application runs in a task
        self._running.add(task)
        self._figures.running.set(len(self._running))
        try:
            return await self._handler(exchange, route)(exchange)
        finally:
            self._running.discard(task)
            self._figures.running.set(len(self._running))

    def _handler(self, exchange: Exchange, route: str) -> Answering:
        if route == "/v1/models/":
            name = unquote(exchange.path.removeprefix(route))
            method, handler = "GET", self._one_model(name)
        elif route in self._routes:
            method, handler = self._routes[route]
        else:
            raise NotThere(f"cannot answer: there is no route {exchange.path[:128]!r}")
        if exchange.method != method and not (method == "GET" and exchange.method == "HEAD"):
            raise WrongMethod(f"cannot answer: {exchange.path[:128]!r} takes {method}")
        return handler

    def _one_model(self, name: str) -> Answering:
        return lambda exchange: self._gateway.model(exchange, name)

    async def _ready(self, exchange: Exchange) -> None:
        well = self._gate.open
        detail = "the API's public key is there" if well else "the API has published no key yet"
        checks = {"key": {"status": "ok" if well else "failed", "detail": detail}}
        report = {"status": "ok" if well else "unavailable", "release": self._release, "checks": checks}
        await exchange.answer_json(200 if well else 503, report)
