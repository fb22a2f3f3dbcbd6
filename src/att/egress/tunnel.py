"""Carries bytes between a sandbox and a host until both have ended, nothing moves, or it may no longer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

_BLOCK = 64 * 1024
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True)
class End:
    """One side of a tunnel."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def close(self) -> None:
        """Close within bounds: what the other side does not read is thrown away."""
        try:
            self.writer.close()
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self.writer.wait_closed()
        except OSError:  # a timeout is one too
            self.writer.transport.abort()


class Tunnel:
    """`sent` and `received` count the bytes that went out and came in."""

    def __init__(self, near: End, far: End, *, idle_seconds: float, total_seconds: float) -> None:
        self._near = near
        self._far = far
        self._idle_seconds = idle_seconds
        self._total_seconds = total_seconds
        self.sent = 0
        self.received = 0

    async def carry(self, look: Callable[[], None], look_seconds: float) -> None:
        """Carry; `look` is called again and again and raises to end it. Raises that, TimeoutError, OSError.

        One side's end is handed on as such, the other goes on; any error breaks both.
        """
        try:
            async with asyncio.timeout(self._total_seconds), asyncio.timeout(self._idle_seconds) as self._idle:
                await self._both(look, look_seconds)
        except BaseException:
            for end in (self._near, self._far):
                end.writer.transport.abort()
            raise

    async def _both(self, look: Callable[[], None], look_seconds: float) -> None:
        """Run both ways and the look beside them; the first error ends all three and is raised."""
        ways = {asyncio.create_task(self._outward()), asyncio.create_task(self._inward())}
        watch = asyncio.create_task(_watch(look, look_seconds))
        try:
            while ways:
                done, _ = await asyncio.wait((*ways, watch), return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                ways -= done
        finally:
            for task in (*ways, watch):
                task.cancel()
            await asyncio.gather(*ways, watch, return_exceptions=True)

    async def _outward(self) -> None:
        while data := await self._near.reader.read(_BLOCK):
            await self._hand_on(self._far.writer, data)
            self.sent += len(data)
        self._far.writer.write_eof()

    async def _inward(self) -> None:
        while data := await self._far.reader.read(_BLOCK):
            await self._hand_on(self._near.writer, data)
            self.received += len(data)
        self._near.writer.write_eof()

    async def _hand_on(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        writer.write(data)
        await writer.drain()
        self._idle.reschedule(asyncio.get_running_loop().time() + self._idle_seconds)


async def _watch(look: Callable[[], None], seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        look()
