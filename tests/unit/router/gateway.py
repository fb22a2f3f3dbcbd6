"""A whole router in this process, and a provider beside it, both without a socket of the router's own."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from att.router.admin import Admin
from att.router.app import RouterApp
from att.router.auth import Gate
from att.router.figures import Figures
from att.router.gateway import Gateway
from att.router.keys import RouterKeys, public_file
from att.router.providers import Providers
from att.router.script import LiveScript
from att.router.upstream import Upstream
from att.site.decision import Site

Handler = Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]


@dataclass
class Answered:
    """What came back: `whole` is False where the end of the body never came."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    whole: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Router:
    """A router and who may knock at it."""

    app: RouterApp
    keys: RouterKeys
    providers: Providers
    folder: Path

    @property
    def key(self) -> str:
        return self.keys.for_project("prj_1")

    async def ask(
        self,
        method: str,
        path: str,
        payload: object = None,
        *,
        key: str | None = None,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        gone: asyncio.Event | None = None,
        heard: Callable[[bytes], None] = lambda _: None,
    ) -> Answered:
        """Send one request; with `gone` the client goes away when it is set."""
        data = body if body is not None else json.dumps(payload).encode() if payload is not None else b""
        sent = {"authorization": f"Bearer {key if key is not None else self.key}", **(headers or {})}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(name.encode(), value.encode()) for name, value in sent.items() if value],
        }
        given = iter([{"type": "http.request", "body": data, "more_body": False}])
        answered = Answered()

        async def receive() -> Any:
            for message in given:
                return message
            await (gone or asyncio.Event()).wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answered.status = message["status"]
                answered.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                answered.pieces.append(message.get("body", b""))
                answered.whole = not message.get("more_body", False)
                heard(message.get("body", b""))

        await self.app(scope, receive, send)
        return answered


@asynccontextmanager
async def router(
    folder: Path, *, silence_seconds: float = 5.0, site: Callable[[], Site] = Site
) -> AsyncIterator[Router]:
    state = folder / "state"
    state.mkdir(exist_ok=True)
    keys = RouterKeys.load(state, folder / "run")
    upstream = Upstream(site, silence_seconds=silence_seconds)
    providers, script = Providers(state), LiveScript(folder / "s")
    await upstream.start()
    gateway = Gateway(script, providers, upstream, now=lambda: 7.0)
    admin = Admin(providers, upstream, script)
    app = RouterApp(Gate(public_file(folder / "run")), gateway, admin, Figures("1.0.0"), "1.0.0")
    try:
        yield Router(app, keys, providers, folder)
    finally:
        await upstream.stop()


@asynccontextmanager
async def provider(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve `handler` for every path, with `tls` over https; gives the base_url."""
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}/v1"
    finally:
        await runner.cleanup()
