"""Builds the API's one ASGI application from what the entrypoint wired."""

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from att.config.settings import Api
from att.forge.http import HttpForge
from att.kernel.operation import Operation, Role
from att.surfaces.draining import Draining
from att.surfaces.expose import Exposure, require_role
from att.surfaces.metrics import Metrics
from att.surfaces.ports import Audit, Events, Gate, SignIn
from att.surfaces.rest.app_target import Apps
from att.surfaces.rest.apps import app_routes
from att.surfaces.rest.console import Console, Roots
from att.surfaces.rest.envelope import Envelope
from att.surfaces.rest.failures import add_failures, nothing_there, problem_answer
from att.surfaces.rest.git_http import git_routes
from att.surfaces.rest.guard import Guard
from att.surfaces.rest.health import Canary, ProcessState, Readiness, Ready, health_routes
from att.surfaces.rest.openapi import openapi
from att.surfaces.rest.requests import caller_of
from att.surfaces.rest.routes import EVENTS_PATH, add_operation
from att.surfaces.rest.signin import signin_routes
from att.surfaces.rest.streams import StreamResponse, Streams, last_cursor
from att.surfaces.rest.uploads import upload_routes
from att.surfaces.table import by_precision
from att.surfaces.uploads import Uploads
from att.surfaces.websocket.events import EventSocket

OPENAPI_PATH = "/api/v1/openapi.json"
WELL_KNOWN_PATH = "/api/v1/mcp/.well-known"
MCP_PATH = "/mcp"
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Wiring:
    """Everything that the application serves."""

    table: tuple[Operation, ...]
    exposure: Exposure
    identity: SignIn
    events: Events
    canary: Canary
    uploads: Uploads
    readiness: Readiness
    state: Callable[[Ready], ProcessState]
    streams: Streams
    settings: Callable[[], Api]
    console: Roots
    mcp: ASGIApp
    well_known: Callable[[Request], dict[str, Any]]
    apps: Apps | None = None
    git: HttpForge | None = None


def create_app(wiring: Wiring, lifespan: Lifespan | None = None) -> FastAPI:
    """Return the application of `wiring`; `lifespan` runs what must live as long as it does."""
    app = _Application(
        wiring, title="ATT", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, lifespan=lifespan
    )
    identity, streams = wiring.identity, wiring.streams
    # First, since a request is held against one route after the other: agents call here, and call a lot.
    app.router.routes.append(Route(MCP_PATH, wiring.mcp))
    app.router.routes += plain_routes(
        wiring.readiness,
        wiring.canary,
        identity,
        wiring.exposure.audit,
        wiring.uploads,
        wiring.exposure.gate,
        wiring.exposure.metrics,
        wiring.state,
        streams.draining,
    )
    for operation in by_precision(wiring.table):
        add_operation(app, operation, wiring.exposure, identity, streams)
    _add_channels(app, wiring)
    add_failures(app)
    app.router.default = Console(wiring.console, _nothing)
    app.add_middleware(Guard, settings=wiring.settings)
    app.add_middleware(Envelope, metrics=wiring.exposure.metrics, draining=streams.draining)
    return app


def plain_routes(
    readiness: Readiness,
    canary: Canary,
    identity: SignIn,
    audit: Audit,
    uploads: Uploads,
    gate: Gate,
    metrics: Metrics,
    state: Callable[[Ready], ProcessState],
    draining: Draining,
) -> list[BaseRoute]:
    """Return the documented routes that are no operations."""
    routers = (
        health_routes(readiness, canary, identity, metrics, state),
        signin_routes(identity, audit),
        upload_routes(uploads, identity, gate, draining),
    )
    return [route for router in routers for route in router.routes]


class _Application(FastAPI):
    def __init__(self, wiring: Wiring, **options: Any) -> None:
        super().__init__(**options)
        self._wiring = wiring

    def openapi(self) -> dict[str, Any]:
        return openapi(self, self._wiring.table)

    @cached_property
    def openapi_bytes(self) -> bytes:
        return json.dumps(self.openapi(), separators=(",", ":")).encode()


def _add_channels(app: _Application, wiring: Wiring) -> None:
    """Add what is no operation: the document, and the events as server-sent events and over a WebSocket."""

    async def document(_: Request) -> Response:
        return Response(app.openapi_bytes, media_type="application/json", headers={"Cache-Control": "no-cache"})

    async def well_known(request: Request) -> Response:
        content = json.dumps(wiring.well_known(request)).encode()
        return Response(content, media_type="application/json", headers={"Cache-Control": "no-cache"})

    async def events(request: Request) -> Response:
        caller = await caller_of(request, wiring.identity, Role.VIEWER)
        require_role(caller, Role.VIEWER, "follow the events")
        cursor = last_cursor(request) or request.query_params.get("cursor")
        return StreamResponse(request, wiring.events.subscribe(cursor), wiring.streams, follows=True)

    app.router.routes += [
        Route(OPENAPI_PATH, document, methods=["GET"]),
        Route(WELL_KNOWN_PATH, well_known, methods=["GET"]),
        Route(EVENTS_PATH, events, methods=["GET"]),
        WebSocketRoute(EVENTS_PATH, EventSocket(wiring.events, wiring.identity, wiring.streams)),
    ]
    if wiring.apps is not None:
        app.router.routes += app_routes(wiring.apps, wiring.identity, wiring.streams)
    if wiring.git is not None:
        app.router.routes += git_routes(wiring.git, wiring.identity, wiring.exposure, wiring.streams)


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
        return
    request = Request(scope)
    await problem_answer(request, nothing_there(request))(scope, receive, send)
