"""One HTTP exchange over ASGI: the request's head and body within limits, and answers whole or piece by piece."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from att.effects.peers import UNIX_PEER
from att.router.errors import BadRequest, GatewayError, TooBig, TooSlow
from att.router.wire import encode

BODY_BYTES_MAX = 16 * 1024 * 1024
BODY_SECONDS_MAX = 60.0
JSON = "application/json"
EVENTS = "text/event-stream"
_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Gone(Exception):
    """The client has ended the connection: there is nobody to answer."""


class Exchange:
    """One request and its answer; `status` is what was answered, 0 before; `events` that it is a stream of events.

    `uid` is the user who connected, None where the kernel does not say.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        host, number = scope.get("client") or ("", 0)
        self.uid: int | None = number if host == UNIX_PEER else None
        self._headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        self._receive = receive
        self._send = send
        self.status = 0
        self.events = False
        given = self.header("x-request-id")
        self.request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex

    def header(self, name: str) -> str:
        """Return the first header of that name, empty where there is none."""
        wanted = name.encode()
        return next((value.decode("latin-1") for key, value in self._headers if key == wanted), "")

    async def body(self) -> bytes:
        """Return the whole body; raises TooBig, TooSlow, Gone, BadRequest."""
        declared = self.header("content-length")
        if declared.isdigit() and int(declared) > BODY_BYTES_MAX:
            raise _too_big()
        try:
            async with asyncio.timeout(BODY_SECONDS_MAX):
                body = await self._read()
        except TimeoutError as error:
            raise TooSlow("cannot take the request: its body did not arrive in time") from error
        if not body:
            raise BadRequest("cannot take the request: it has no body")
        return body

    async def _read(self) -> bytes:
        pieces, size = [], 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            piece = message.get("body", b"")
            size += len(piece)
            if size > BODY_BYTES_MAX:
                raise _too_big()
            pieces.append(piece)
            if not message.get("more_body", False):
                return b"".join(pieces)

    async def until_gone(self, work: Awaitable[None]) -> None:
        """Run `work` until it is done, or until the client is gone: then it is cancelled and Gone raised."""
        doing, watching = asyncio.ensure_future(work), asyncio.ensure_future(self._gone())
        try:
            await asyncio.wait((doing, watching), return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                raise Gone
            await doing
        finally:
            for task in (doing, watching):
                task.cancel()
            await asyncio.gather(doing, watching, return_exceptions=True)

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def answer(
        self, status: int, body: bytes, content_type: str = JSON, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a whole answer."""
        await self._begin(status, {"content-type": content_type, **(headers or {}), "content-length": str(len(body))})
        await self._send({"type": "http.response.body", "body": body if self.method != "HEAD" else b""})

    async def answer_json(self, status: int, value: Mapping[str, Any]) -> None:
        """Send JSON."""
        await self.answer(status, encode(value))

    async def refuse(self, error: GatewayError) -> None:
        """Send an error in OpenAI's form."""
        headers = {"retry-after": error.retry_after} if error.retry_after else {}
        if error.status == 401:
            headers["www-authenticate"] = "Bearer"
        if error.status in (408, 413):
            headers["connection"] = "close"
        await self.answer(error.status, encode(error.body()), headers=headers)

    async def stream(self, status: int, headers: Mapping[str, str], pieces: AsyncIterator[bytes]) -> None:
        """Send an answer as it is made."""
        await self._begin(status, headers)
        self.events = headers.get("content-type", "").startswith(EVENTS)
        async for piece in pieces:
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self.end(b"")

    async def end(self, last: bytes) -> None:
        """Send the last piece of a stream."""
        await self._send({"type": "http.response.body", "body": last})

    async def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        every = {**headers, "x-request-id": self.request_id, "cache-control": "no-store"}
        listed = [(name.encode(), value.encode("latin-1")) for name, value in every.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": listed})


def _too_big() -> TooBig:
    return TooBig(f"cannot take the request: its body is larger than {BODY_BYTES_MAX} bytes")
