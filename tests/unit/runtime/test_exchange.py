import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from att.runtime.exchange import HEAD_BYTES_MAX, AppBroken, Patience, Sent, exchange, request

pytestmark = pytest.mark.anyio

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def app(serve: Serve) -> AsyncIterator[socket.socket]:
    """Lend a connection to an app that serves as the test says; it has ended at the end."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=theirs)
    serving = asyncio.ensure_future(serve(reader, writer))
    try:
        async with asyncio.timeout(30):
            yield ours
    finally:
        serving.cancel()
        await asyncio.wait([serving])
        writer.close()


def says(*parts: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
        writer.write_eof()
        await asyncio.Event().wait()

    return serve


async def test_a_short_answer_is_read_whole() -> None:
    async with app(says(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")) as connection:
        assert await request(connection, Sent("GET", "/"), seconds=5, bytes_max=10) == (200, b"hi")


async def test_parts_are_handed_on_as_they_come() -> None:
    asked = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        await asked.wait()
        writer.write(b"3\r\ntwo\r\n0\r\n\r\n")

    async with app(serve) as connection, exchange(connection, Sent("GET", "/")) as answer:
        parts = answer.parts()
        assert await anext(parts) == b"one"
        asked.set()
        assert [part async for part in parts] == [b"two"]


async def test_an_answer_begins_while_the_body_is_still_sent() -> None:
    answered = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        await answered.wait()
        yield b"second"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"5\r\nfirst\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n")
        await reader.readuntil(b"6\r\nsecond\r\n0\r\n\r\n")
        writer.write(b"3\r\nend\r\n0\r\n\r\n")

    async with app(serve) as connection, exchange(connection, Sent("POST", "/", body=body())) as answer:
        parts = answer.parts()
        assert await anext(parts) == b"ok"
        answered.set()
        assert [part async for part in parts] == [b"end"]


async def test_what_the_body_raises_is_raised_and_nothing_waits_for_an_answer() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        raise ValueError("no more")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    async with app(serve) as connection:
        with pytest.raises(ValueError, match="no more"):
            async with exchange(connection, Sent("POST", "/", body=body())):
                pytest.fail("there is no answer")


async def test_informational_answers_are_passed_over() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
    async with app(says(early)) as connection:
        assert await request(connection, Sent("GET", "/"), seconds=5, bytes_max=10) == (204, b"")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"", "closed the connection too early"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort", "closed the connection too early"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n" + b"x" * 11, "longer than 10 bytes"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * (HEAD_BYTES_MAX + 1), "does not speak HTTP"),
    ],
)
async def test_an_app_that_breaks_the_rules_is_broken_and_told_how(said: bytes, why: str) -> None:
    async with app(says(said)) as connection:
        with pytest.raises(AppBroken, match=why):
            await request(connection, Sent("GET", "/"), seconds=5, bytes_max=10)


async def test_an_app_that_stays_silent_is_waited_for_only_so_long() -> None:
    async with app(says(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n")) as connection:
        with pytest.raises(AppBroken, match=r"did not answer within 0\.05 s|closed|HTTP"):
            await request(connection, Sent("GET", "/"), seconds=0.05, bytes_max=10)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with app(silent) as connection:
        with pytest.raises(AppBroken, match=r"said nothing for 0\.05 s"):
            async with exchange(connection, Sent("GET", "/"), patience=Patience(head_seconds=0.05)):
                pytest.fail("there is no answer")


async def test_the_connection_is_closed_at_the_end_of_the_block_whatever_was_read() -> None:
    closed = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n")
        try:
            while await reader.read(100):
                pass
        except ConnectionError:
            pass
        closed.set()

    async with app(endless) as connection:
        async with exchange(connection, Sent("GET", "/")) as answer:
            assert await anext(answer.parts()) == b"x"
        await closed.wait()
