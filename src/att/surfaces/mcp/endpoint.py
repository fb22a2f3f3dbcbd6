"""The ASGI endpoint of /mcp: who calls, whose page asks, which session; and the end of all that when the process stops.

Nothing of the SDK is imported before it is wanted: the service is ready before MCP is, the first request waits for it.
"""

import importlib
import re
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from att.config.settings import Api
from att.kernel.errors import AttError, Forbidden
from att.kernel.operation import Caller, Operation, Role
from att.surfaces.draining import Draining
from att.surfaces.expose import Exposure, require_role
from att.surfaces.ports import Authenticator
from att.surfaces.rest.failures import problem_answer
from att.surfaces.rest.requests import caller_of, origin_host
from att.surfaces.rest.streams import RECONNECT_MILLISECONDS

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

SESSION_HEADER = "mcp-session-id"
SESSION_IDLE_SECONDS = 1800.0
SESSIONS_MAX = 500
ENDED_REMEMBERED = 1000
_SESSION = re.compile(r"^[0-9a-f]{32}$")


class McpEndpoint:
    """Serves /mcp; `run` must live in the application's task group.

    A session is kept in memory, so an upgrade's restart ends it. Its client need not notice: a session id of before
    the restart is served without a session from then on (nothing but elicitation needs one).
    """

    def __init__(
        self,
        table: Sequence[Operation],
        exposure: Exposure,
        authenticator: Authenticator,
        draining: Draining,
        settings: Callable[[], Api],
        release: str,
    ) -> None:
        self._table = table
        self._exposure = exposure
        self._authenticator = authenticator
        self._draining = draining
        self._settings = settings
        self._release = release
        self._wanted = anyio.Event()
        self._ready = anyio.Event()
        self._sessions: StreamableHTTPSessionManager | None = None
        self._sessionless: StreamableHTTPSessionManager | None = None
        self._live: set[str] = set()
        self._ended: deque[str] = deque(maxlen=ENDED_REMEMBERED)

    def warm(self) -> None:
        """Load the SDK now rather than at the first request."""
        self._wanted.set()

    async def run(self) -> None:
        """Serve until cancelled."""
        await self._wanted.wait()
        make = await to_thread.run_sync(_load)
        async with AsyncExitStack() as stack:
            self._sessions, self._sessionless = make(self._table, self._exposure, self._draining, self._release)
            await stack.enter_async_context(self._sessions.run())
            await stack.enter_async_context(self._sessionless.run())
            self._ready.set()
            await anyio.sleep_forever()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        request = Request(scope, receive)
        try:
            caller = await self._admit(request)
        except AttError as error:
            await problem_answer(request, error)(scope, receive, send)
            return
        self._wanted.set()
        await self._ready.wait()
        scope["state"]["caller"] = caller
        scope["user"] = _user(caller)
        # RFC 9110 5.5: white space around a value is not part of it; the SDK compares values with the body's.
        scope["headers"] = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
        await (self._get if scope["method"] == "GET" else self._route)(scope, receive, send)

    async def _admit(self, request: Request) -> Caller:
        origin = request.headers.get("origin")
        host = request.headers.get("host", "").lower()
        if origin and origin_host(origin) != host and origin not in self._settings().cors_origins:
            raise Forbidden("origin_wrong", "cannot answer a page of another site here")
        caller = await caller_of(request, self._authenticator, Role.VIEWER)
        require_role(caller, Role.VIEWER, "use MCP")
        return caller

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._sessions is not None and self._sessionless is not None  # noqa: S101, PT018 - set before ready
        session = Headers(scope=scope).get(SESSION_HEADER)
        if session is not None and session not in self._live and _SESSION.match(session) and session not in self._ended:
            await self._sessionless.handle_request(scope, receive, send)
            return
        if scope["method"] == "DELETE" and session is not None:
            self._live.discard(session)
            self._ended.append(session)

        async def note_session(message: Message) -> None:
            if message["type"] == "http.response.start" and session is None:
                begun = Headers(raw=message["headers"]).get(SESSION_HEADER)
                if begun is not None:
                    self._live.add(begun)
            await send(message)

        await self._sessions.handle_request(scope, receive, note_session)

    async def _get(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a stream that the client keeps open; it gets a proper end with a reconnect hint when we stop."""
        unfinished = False

        async def watch(message: Message) -> None:
            nonlocal unfinished
            unfinished = message["type"] == "http.response.start" or bool(message.get("more_body"))
            await send(message)

        await self._route(scope, partial(_receive_or_drained, receive, self._draining), watch)
        if unfinished:
            hint = f"retry: {RECONNECT_MILLISECONDS}\n\n".encode()
            await send({"type": "http.response.body", "body": hint, "more_body": False})


async def _receive_or_drained(receive: Receive, draining: Draining) -> Message:
    """Return the next message; the client seems to leave when the process stops."""
    message: Message = {"type": "http.disconnect"}
    async with anyio.create_task_group() as tasks:

        async def take() -> None:
            nonlocal message
            message = await receive()
            tasks.cancel_scope.cancel()

        async def drained() -> None:
            await draining.wait()
            tasks.cancel_scope.cancel()

        tasks.start_soon(take)
        tasks.start_soon(drained)
    return message


def well_known(request: Request, table: Sequence[Operation]) -> dict[str, Any]:
    """Return the document of /api/v1/mcp/.well-known: where MCP is, how to get in, what it speaks."""
    from mcp_types.version import KNOWN_PROTOCOL_VERSIONS

    scheme = request.headers.get("x-forwarded-proto", request.url.scheme)
    host = request.headers.get("x-forwarded-host") or request.headers.get("host", "")
    return {
        "name": "att",
        "title": "ATT",
        "endpoint": f"{scheme}://{host}/mcp",
        "path": "/mcp",
        "transport": "streamable-http",
        "protocol_versions": list(KNOWN_PROTOCOL_VERSIONS),
        "authentication": {"type": "http", "scheme": "bearer", "header": "Authorization"},
        "tools": len(table),
        "query": {"tools": "all, or names of rooms", "names": "underscore"},
    }


def _user(caller: Caller) -> Any:
    """Return the SDK's idea of who calls: a session answers to the caller who began it, to nobody else."""
    from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
    from mcp.server.auth.provider import AccessToken

    return AuthenticatedUser(AccessToken(token="", client_id=caller.id, scopes=[], subject=caller.id))


def _load() -> Callable[..., tuple["StreamableHTTPSessionManager", "StreamableHTTPSessionManager"]]:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from att.surfaces.mcp.server import build_server

    # The SDK's event streams would break off on SIGTERM, answers of running calls among them; ours end by draining.
    importlib.import_module("sse_starlette.sse").AppStatus.disable_automatic_graceful_drain()

    def make(
        table: Sequence[Operation], exposure: Exposure, draining: Draining, release: str
    ) -> tuple[StreamableHTTPSessionManager, StreamableHTTPSessionManager]:
        server = build_server(table, exposure, draining, release)
        sessions = StreamableHTTPSessionManager(
            server,
            retry_interval=RECONNECT_MILLISECONDS,
            session_idle_timeout=SESSION_IDLE_SECONDS,
            max_sessions=SESSIONS_MAX,
        )
        return sessions, StreamableHTTPSessionManager(server, stateless=True)

    return make
