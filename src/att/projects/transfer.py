"""Moves whole worktrees through the agent's stream verbs `archive.take_in` and `archive.give_out`."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from att.kernel.error_json import error_from
from att.kernel.errors import Unavailable
from att.workspace.place import Place
from att.workspace.ports import Agents

SECONDS_SILENT_MAX = 60.0
FRAME_BYTES = 256 * 1024
_FRAME_BYTES_MAX = 4 * 1024 * 1024
_LENGTH_BYTES = 4


async def take_in(
    agents: Agents, place: Place, chunks: Iterator[bytes], *, bytes_max: int, files_max: int
) -> dict[str, Any]:
    """Empty the worktree, fill it from the archive that `chunks` are, and return `files` and `bytes`.

    Raises what the agent found wrong with the archive, Unavailable(agent_unreachable).
    """
    async with agents.of(place).stream("archive.take_in", bytes_max=bytes_max, files_max=files_max) as connection:
        with _speaking():
            while chunk := await anyio.to_thread.run_sync(next, chunks, b""):
                if not await _heard(connection, len(chunk).to_bytes(_LENGTH_BYTES) + chunk):
                    break
            else:
                await _heard(connection, bytes(_LENGTH_BYTES))
            while await _frame(connection):
                pass
            return _last_word(await _frame(connection))


async def give_out(agents: Agents, place: Place, *, history: bool) -> AsyncGenerator[bytes]:
    """Yield the worktree as the bytes of a tar.gz. Raises when it is not whole, so the reader must not keep it."""
    async with agents.of(place).stream("archive.give_out", history=history) as connection:
        with _speaking():
            while chunk := await _frame(connection):
                yield chunk
            _last_word(await _frame(connection))


def blocks(path: Path) -> Iterator[bytes]:
    """Yield the content of a file."""
    with path.open("rb") as file:
        while block := file.read(FRAME_BYTES):
            yield block


def pieces(data: bytes) -> Iterator[bytes]:
    """Yield `data` in frames."""
    for start in range(0, len(data), FRAME_BYTES):
        yield data[start : start + FRAME_BYTES]


@contextmanager
def _speaking() -> Iterator[None]:
    """Turn what goes wrong with a connection into Unavailable(agent_unreachable)."""
    try:
        yield
    except (OSError, EOFError) as error:
        raise Unavailable(
            "agent_unreachable", "cannot move the project's files: the connection to its agent broke"
        ) from error


def _last_word(text: bytes) -> dict[str, Any]:
    """Return what the agent did, or raise what it says was wrong."""
    word = json.loads(text or b"{}")
    if "error" not in word:
        done: dict[str, Any] = word.get("ok", {})
        return done
    raise error_from(word["error"], "the project's agent")


async def _heard(connection: socket.socket, data: bytes) -> bool:
    """Send; False when the other side listens no more, whose last word then says why."""
    try:
        with anyio.fail_after(SECONDS_SILENT_MAX):
            await asyncio.get_running_loop().sock_sendall(connection, data)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


async def _frame(connection: socket.socket) -> bytes:
    length = int.from_bytes(await _exactly(connection, _LENGTH_BYTES))
    if length > _FRAME_BYTES_MAX:
        raise EOFError
    return await _exactly(connection, length)


async def _exactly(connection: socket.socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        with anyio.fail_after(SECONDS_SILENT_MAX):
            piece = await asyncio.get_running_loop().sock_recv(connection, size - len(found))
        if not piece:
            raise EOFError
        found += piece
    return bytes(found)
