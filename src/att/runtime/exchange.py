"""One HTTP/1.1 exchange with an app over a connected unix socket: bodies stream both ways, everything is bounded.

The API process may open unix sockets alone, and a task's socket is reached through a descriptor, so no client that
connects by itself fits here.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import h11

HEAD_BYTES_MAX = 64 * 1024
READ_BYTES = 64 * 1024
HEAD_SECONDS = 300.0
IDLE_SECONDS = 300.0
_ENDED = (h11.EndOfMessage, h11.ConnectionClosed)

Headers = Sequence[tuple[bytes, bytes]]


class AppBroken(Exception):
    """The app closed the connection, spoke no HTTP, or stayed silent too long; the text says which."""


@dataclass(frozen=True)
class Sent:
    """What is asked of the app. A body without a length among `headers` is sent in chunks."""

    method: str
    target: str
    headers: Headers = field(default_factory=tuple)
    body: AsyncIterator[bytes] | bytes = b""


@dataclass(frozen=True)
class Patience:
    """Seconds until the answer begins, and between two parts of it."""

    head_seconds: float = HEAD_SECONDS
    idle_seconds: float = IDLE_SECONDS


class Answer:
    """What the app answered; `parts` yields its body as it comes."""

    def __init__(self, wire: "_Wire", response: h11.Response) -> None:
        self._wire = wire
        self.status = response.status_code
        self.headers: Headers = list(response.headers)

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the body to its end; raises AppBroken."""
        while True:
            event = await self._wire.event(self._wire.patience.idle_seconds)
            if isinstance(event, _ENDED):
                return
            if isinstance(event, h11.Data):
                yield bytes(event.data)

    async def body(self, bytes_max: int) -> bytes:
        """Return the whole body; AppBroken when it is longer."""
        whole = bytearray()
        async for part in self.parts():
            whole += part
            if len(whole) > bytes_max:
                raise AppBroken(f"its answer is longer than {bytes_max} bytes")
        return bytes(whole)


@asynccontextmanager
async def exchange(connection: socket.socket, sent: Sent, *, patience: Patience | None = None) -> AsyncIterator[Answer]:
    """Send a request and lend its answer; the connection is closed at the end of the block, whatever was read.

    The request's body goes on being sent while the answer is read. Raises AppBroken, and what the body raises.
    """
    reader, writer = await asyncio.open_unix_connection(sock=connection)
    wire = _Wire(reader, writer, patience or Patience())
    sender = asyncio.create_task(wire.send(sent))
    try:
        yield Answer(wire, await wire.response())
    finally:
        sender.cancel()
        writer.transport.abort()
        with suppress(asyncio.CancelledError):
            await sender


async def request(connection: socket.socket, sent: Sent, *, seconds: float, bytes_max: int) -> tuple[int, bytes]:
    """Return status and body of one short exchange; raises AppBroken."""
    try:
        async with asyncio.timeout(seconds), exchange(connection, sent) as answer:
            return answer.status, await answer.body(bytes_max)
    except TimeoutError as error:
        raise AppBroken(f"it did not answer within {seconds:g} s") from error


class _Wire:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: Patience) -> None:
        self._reader = reader
        self._writer = writer
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES_MAX)
        self._ended = False
        self.patience = patience

    async def send(self, sent: Sent) -> None:
        """Send the request. An app may answer and close before it has read everything: that is its answer's matter."""
        headers = [*sent.headers, (b"connection", b"close")]
        if not any(name.lower() == b"host" for name, _ in headers):
            headers.insert(0, (b"host", b"app"))
        lengths = {name.lower() for name, _ in headers} & {b"content-length", b"transfer-encoding"}
        if not lengths:
            headers.append(_length(sent.body))
        try:
            await self._put(h11.Request(method=sent.method, target=sent.target, headers=headers))
            async for part in _parts(sent.body):
                await self._put(h11.Data(data=part))
            await self._put(h11.EndOfMessage())
        except ConnectionError:
            return
        except Exception:
            self._writer.transport.abort()  # or the answer to half a request would be waited for
            raise

    async def response(self) -> h11.Response:
        """Return the head of the answer, behind what is only informational."""
        while True:
            event = await self.event(self.patience.head_seconds)
            if isinstance(event, h11.Response):
                return event

    async def event(self, seconds: float) -> h11.Event:
        """Return the next thing the app said."""
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                raise AppBroken(self._said(error)) from error
            if event is h11.NEED_DATA:
                self._h11.receive_data(await self._read(seconds))
            elif isinstance(event, h11.Event):
                return event
            else:
                raise AppBroken("it changed the protocol without being asked")

    def _said(self, error: h11.RemoteProtocolError) -> str:
        return "it closed the connection too early" if self._ended else f"it does not speak HTTP: {error}"

    async def _read(self, seconds: float) -> bytes:
        try:
            async with asyncio.timeout(seconds):
                data = await self._reader.read(READ_BYTES)
        except TimeoutError as error:
            raise AppBroken(f"it said nothing for {seconds:g} s") from error
        except ConnectionError as error:
            raise AppBroken("it closed the connection") from error
        self._ended = not data
        return data

    async def _put(self, event: h11.Event) -> None:
        data = self._h11.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()


async def _parts(body: AsyncIterator[bytes] | bytes) -> AsyncIterator[bytes]:
    if isinstance(body, bytes):
        yield body
        return
    async for part in body:
        yield part


def _length(body: AsyncIterator[bytes] | bytes) -> tuple[bytes, bytes]:
    if isinstance(body, bytes):
        return b"content-length", str(len(body)).encode()
    return b"transfer-encoding", b"chunked"
