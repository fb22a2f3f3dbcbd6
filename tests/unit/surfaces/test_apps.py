import asyncio
import json
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from tests.unit.surfaces.world import FakeIdentity
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from att.kernel.errors import NotFound, Unavailable
from att.surfaces.draining import Draining
from att.surfaces.metrics import Metrics
from att.surfaces.rest import apps as proxy
from att.surfaces.rest.apps import app_routes
from att.surfaces.rest.envelope import Envelope
from att.surfaces.rest.failures import add_failures
from att.surfaces.rest.streams import Streams
from att.workspace.place import Place

pytestmark = pytest.mark.anyio

DEVELOPER = {"Authorization": "Bearer developer-token"}


@dataclass
class App:
    """A NAT app as far as a proxy sees one; `go` lets its streams go on."""

    go: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def asgi(self) -> FastAPI:
        app = FastAPI(docs_url=None, openapi_url=None)
        app.router.routes += [
            Route("/echo/{rest:path}", _echo, methods=["GET", "POST", "HEAD", "DELETE"]),
            Route("/events", self._events),
            Route("/upload", Upload()),
            Route("/set", _set),
            Route("/away", _away),
            WebSocketRoute("/ws", _socket),
        ]
        return app

    async def _events(self, _: Request) -> Response:
        async def events() -> AsyncIterator[bytes]:
            try:
                yield b"data: one\n\n"
                await self.go.wait()
                yield b"data: two\n\n"
            finally:
                self.left.set()

        return StreamingResponse(events(), media_type="text/event-stream")


class Upload:
    """Answers with each part of the body as it comes."""

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            await send({"type": "http.response.body", "body": message.get("body", b""), "more_body": more})


async def _echo(request: Request) -> Response:
    body = await request.body()
    told = {
        "method": request.method,
        "target": request.scope["raw_path"].decode() + "?" + request.scope["query_string"].decode(),
        "headers": {name.decode(): value.decode() for name, value in request.scope["headers"]},
        "body": body.decode(),
    }
    return JSONResponse(told)


async def _set(_: Request) -> Response:
    response = Response("ok", headers={"Clear-Site-Data": '"*"', "Access-Control-Allow-Origin": "*", "X-Own": "1"})
    response.set_cookie("mine", "1", path="/", domain="example.org", max_age=60)
    response.set_cookie("att_session", "stolen")
    response.set_cookie("__Host-x", "1", secure=True)
    return response


async def _away(request: Request) -> Response:
    return Response(status_code=307, headers={"Location": request.query_params["to"]})


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept(subprotocol=(websocket.scope["subprotocols"] or [None])[0])
    await websocket.send_json(dict(websocket.headers.items()))
    async for text in websocket.iter_text():
        if text == "bye":
            await websocket.close(4000, "as asked")
            return
        await websocket.send_bytes(text.encode() * 2)


class Apps:
    """One running app, called `one`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def connect(self, project: str) -> tuple[Place, Any, socket.socket]:
        if project == "stopped":
            raise Unavailable("app_stopped", "cannot reach the app of stopped: it does not run")
        if project != "one":
            raise NotFound("not_found", f"cannot find the project {project}")
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self.path))
        connection.setblocking(False)
        return Place("prj_1", "one", self.path.parent), None, connection


@asynccontextmanager
async def served(app: FastAPI, listener: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(
        app, log_config=None, ws="websockets-sansio", timeout_graceful_shutdown=2, lifespan="off", http="httptools"
    )
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server._serve([listener]))
    with anyio.fail_after(30):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await anyio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.wait([serving])


@dataclass
class World:
    app: App
    address: str
    draining: Draining
    path: Path
    http: httpx.AsyncClient


@pytest.fixture
async def world() -> AsyncIterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="apps"))
    path, app, draining = folder / "app.sock", App(), Draining()
    upstream = socket.socket(socket.AF_UNIX)
    upstream.bind(str(path))
    upstream.listen()
    front = FastAPI(docs_url=None, openapi_url=None)
    metrics = Metrics("0")
    front.router.routes += app_routes(Apps(path), FakeIdentity(), Streams(draining, metrics))
    add_failures(front)
    front.add_middleware(Envelope, metrics=metrics, draining=draining)
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        await stack.enter_async_context(served(app.asgi(), upstream))
        await stack.enter_async_context(served(front, listener))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=address, headers=DEVELOPER, timeout=10))
        with anyio.fail_after(30):
            yield World(app, address, draining, path, http)
        app.go.set()
        draining.begin()


async def test_a_request_reaches_the_app_as_it_was_sent(world: World) -> None:
    answer = await world.http.post("/apps/one/echo/a%2Fb/%C3%A4?q=%20x&q=2", content=b"hello")
    told = answer.json()
    assert (answer.status_code, told["method"], told["body"]) == (200, "POST", "hello")
    assert told["target"] == "/echo/a%2Fb/%C3%A4?q=%20x&q=2"
    assert told["headers"]["x-forwarded-prefix"] == "/apps/one"
    assert told["headers"]["x-request-id"] == answer.headers["x-request-id"]


async def test_an_app_gets_none_of_atts_credentials(world: World) -> None:
    cookies = "other=1; att_session=cookie-of-developer-token; more=2"
    headers = {"Cookie": cookies, "Connection": "keep-alive, X-Hop", "X-Hop": "1", "X-Forwarded-Prefix": "/evil"}
    told = (await world.http.get("/apps/one/echo/", headers=headers)).json()["headers"]
    assert told["cookie"] == "other=1; more=2"
    assert told["x-forwarded-prefix"] == "/apps/one"
    assert not {"authorization", "x-hop", "keep-alive"} & told.keys()


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/apps/one/echo/", {}, 401, "not_signed_in"),
        ("/apps/one/echo/", {"Authorization": "Bearer viewer-token"}, 403, "not_allowed"),
        ("/apps/none/echo/", DEVELOPER, 404, "not_found"),
        ("/apps/stopped/echo/", DEVELOPER, 503, "app_stopped"),
    ],
)
async def test_who_may_not_or_finds_no_app_gets_a_problem(
    world: World, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    async with httpx.AsyncClient(base_url=world.address, headers=headers) as http:
        answer = await http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_cookie_writes_only_from_atts_own_pages(world: World) -> None:
    cookie = {"Cookie": "att_session=cookie-of-developer-token"}
    async with httpx.AsyncClient(base_url=world.address, headers=cookie) as http:
        assert (await http.get("/apps/one/echo/")).status_code == 200
        refused = await http.post("/apps/one/echo/", headers={"Origin": "http://evil.example"})
        assert (refused.status_code, refused.json()["code"]) == (403, "origin_wrong")
        assert (await http.post("/apps/one/echo/", headers={"Origin": world.address})).status_code == 200


async def test_an_app_that_is_broken_is_a_bad_gateway(world: World) -> None:
    world.path.unlink()
    broken = socket.socket(socket.AF_UNIX)
    broken.bind(str(world.path))
    broken.listen()

    async def answer() -> None:
        connection, _ = await asyncio.to_thread(broken.accept)
        connection.sendall(b"SSH-2.0\r\n\r\n")
        connection.close()

    answering = asyncio.ensure_future(answer())
    found = await world.http.get("/apps/one/echo/")
    await answering
    broken.close()
    assert (found.status_code, found.json()["code"]) == (502, "app_broken")


async def test_an_app_sets_no_cookie_of_atts_and_no_header_that_concerns_the_whole_origin(world: World) -> None:
    answer = await world.http.get("/apps/one/set")
    [cookie] = answer.headers.get_list("set-cookie")
    assert cookie == "mine=1; Path=/apps/one/; HttpOnly; SameSite=Strict; Max-Age=60"
    assert not {"clear-site-data", "access-control-allow-origin"} & set(answer.headers)
    assert answer.headers["x-own"] == "1"
    assert answer.headers["content-security-policy"].startswith("sandbox ")
    assert "allow-same-origin" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("to", "location"),
    [
        ("/docs/?a=1", "/apps/one/docs/?a=1"),
        ("/apps/one/docs", "/apps/one/docs"),
        ("{address}/docs", "/apps/one/docs"),
        ("https://example.org/x", "https://example.org/x"),
        ("//example.org/x", "//example.org/x"),
        ("docs", "docs"),
    ],
)
async def test_redirects_of_an_app_stay_below_its_path(world: World, to: str, location: str) -> None:
    answer = await world.http.get("/apps/one/away", params={"to": to.format(address=world.address)})
    assert (answer.status_code, answer.headers["location"]) == (307, location)


async def test_events_are_handed_on_as_they_come(world: World) -> None:
    async with world.http.stream("GET", "/apps/one/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        parts = answer.aiter_bytes()
        assert await anext(parts) == b"data: one\n\n"
        world.app.go.set()
        assert b"".join([part async for part in parts]) == b"data: two\n\n"


async def test_a_body_is_handed_on_while_it_is_still_sent(world: World) -> None:
    host, _, port = world.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))  # httpx reads nothing before it has sent all
    writer.write(
        b"POST /apps/one/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer developer-token\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"
    )
    assert b" 200 " in await reader.readline()
    await reader.readuntil(b"5\r\nfirst\r\n")
    writer.write(b"6\r\nsecond\r\n0\r\n\r\n")
    await reader.readuntil(b"6\r\nsecond\r\n0\r\n\r\n")
    writer.close()


async def test_an_app_hears_that_the_caller_left(world: World) -> None:
    async with world.http.stream("GET", "/apps/one/events") as answer:
        assert await anext(answer.aiter_bytes()) == b"data: one\n\n"
    await world.app.left.wait()


async def test_streams_end_when_the_process_stops(world: World) -> None:
    async with world.http.stream("GET", "/apps/one/events") as answer:
        parts = answer.aiter_bytes()
        await anext(parts)
        world.draining.begin()
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(parts)


async def test_a_body_beyond_the_limit_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "BODY_BYTES_MAX", 10)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield b"12345"

    for content in (b"x" * 11, body()):
        answer = await world.http.post("/apps/one/echo/", content=content)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_a_head_request_has_no_body_and_a_delete_passes(world: World) -> None:
    head = await world.http.head("/apps/one/echo/")
    assert (head.status_code, head.content) == (200, b"")
    assert (await world.http.delete("/apps/one/echo/")).json()["method"] == "DELETE"


@asynccontextmanager
async def websocket(world: World, project: str = "one", **options: Any) -> AsyncIterator[ClientConnection]:
    options.setdefault("additional_headers", DEVELOPER)
    address = f"ws{world.address.removeprefix('http')}/apps/{project}/ws?a=1"
    async with connect(address, proxy=None, **options) as found:
        yield found


async def test_frames_pass_both_ways(world: World) -> None:
    async with websocket(world) as ws:
        headers = json.loads(await ws.recv())
        assert headers["x-forwarded-prefix"] == "/apps/one"
        assert "authorization" not in headers
        await ws.send("ab")
        assert await ws.recv() == b"abab"
        await ws.send("bye")
        with pytest.raises(ConnectionClosed) as closed:
            await ws.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4000, "as asked")


async def test_a_browser_gives_its_token_as_a_subprotocol_that_the_app_does_not_see(world: World) -> None:
    protocols = ["nat.v1", "att.bearer.developer-token"]
    async with websocket(world, additional_headers={}, subprotocols=protocols) as ws:
        assert ws.subprotocol == "nat.v1"
        assert "developer-token" not in str(await ws.recv())


@pytest.mark.parametrize(
    ("project", "headers", "code", "reason"),
    [
        ("one", {}, 4401, "not_signed_in"),
        ("one", {"Authorization": "Bearer viewer-token"}, 1008, "not_allowed"),
        ("one", {"Cookie": "att_session=cookie-of-developer-token", "Origin": "http://evil.x"}, 1008, "origin_wrong"),
        ("stopped", DEVELOPER, 1013, "app_stopped"),
    ],
)
async def test_a_websocket_is_refused_with_a_code_that_says_why(
    world: World, project: str, headers: dict[str, str], code: int, reason: str
) -> None:
    async with websocket(world, project, additional_headers=headers) as ws:
        with pytest.raises(ConnectionClosed) as closed:
            await ws.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)


async def test_websockets_end_with_a_hint_when_the_process_stops(world: World) -> None:
    async with websocket(world) as ws:
        await ws.recv()
        world.draining.begin()
        with pytest.raises(ConnectionClosed) as closed:
            await ws.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
