"""How ATT's HTTP services run on their sockets: ready and watched by the service manager, stopped within bounds.

On SIGTERM no connection is accepted any more (new ones wait in the socket's backlog for the next process), everything
open hears of it, the rest has five seconds.
"""

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Literal

import anyio
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from att.effects.peers import UNIX_PEER, peer_uid
from att.effects.systemd import listen_fds, notify, watchdog_seconds

GRACEFUL_SECONDS = 5
SETTLE_SECONDS = 0.05
SETTLE_SECONDS_MAX = 1.0
KEEP_ALIVE_SECONDS = 75
CALM_SECONDS_MAX = 60
BUSY_SHARE = 0.5


class PeerProtocol(HttpToolsProtocol):
    """HTTP whose `client` is the user at the other end of a unix socket, which uvicorn leaves out."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a connection."""
        super().connection_made(transport)
        near: socket.socket = transport.get_extra_info("socket")
        if near.family == socket.AF_UNIX:
            self.client = (UNIX_PEER, peer_uid(near))


class BoundedServer(uvicorn.Server):
    """uvicorn, but ready and stopping are told, and stopping begins with closing the door."""

    def __init__(
        self,
        app: Any,
        *,
        on_ready: Callable[[], None],
        on_stop: Callable[[], None],
        lifespan: Literal["on", "off"],
        websockets: bool = True,
        peers: bool = False,
    ) -> None:
        """With `peers` the application is told which user is at the other end of a unix socket."""
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                http=PeerProtocol if peers else "httptools",
                ws="websockets-sansio" if websockets else "none",
                lifespan=lifespan,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=GRACEFUL_SECONDS,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
            )
        )
        self._on_ready = on_ready
        self._on_stop = on_stop
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, then say so."""
        self._loop = asyncio.get_running_loop()
        for listener in sockets or ():
            send_at_once(listener)
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals; a SIGTERM that was obeyed is a good end, not raised again."""
        with super().capture_signals():
            yield
            self._captured_signals = [one for one in self._captured_signals if one != signal.SIGTERM]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop at once, not at uvicorn's next look."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.close_door)
        super().handle_exit(sig, frame)

    @property
    def failed(self) -> bool:
        """Whether what runs beside the server, in the application's lifespan, ended with an error."""
        return bool(getattr(self.lifespan, "error_occurred", False))

    async def on_tick(self, counter: int) -> bool:
        """Say whether to stop; a process of which half has failed is replaced, not kept."""
        return await super().on_tick(counter) or self.failed

    def close_door(self) -> None:
        """Accept no more connections and let everything open know."""
        if self._stopping:
            return
        self._stopping = True
        notify("STOPPING=1")
        # Only look away from the listening sockets: closing them now would drop connections that were accepted in
        # this very turn of the loop and have no transport yet. uvicorn closes them a moment later.
        for listener in (listener for server in self.servers for listener in server.sockets):
            asyncio.get_running_loop().remove_reader(listener.fileno())
        self._on_stop()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Give connections that were accepted in the last moment the time to say what they want, then end."""
        self.close_door()
        with anyio.move_on_after(SETTLE_SECONDS_MAX):
            await anyio.sleep(SETTLE_SECONDS)
            while any(map(_has_said_nothing, self.server_state.connections)):  # noqa: ASYNC110 - uvicorn has no event
                await anyio.sleep(SETTLE_SECONDS)
        await super().shutdown(sockets)


def _has_said_nothing(connection: object) -> bool:
    """Whether a client's connection was accepted and its request not yet read: closing it now would lose it."""
    return isinstance(connection, HttpToolsProtocol) and connection.cycle is None


def send_at_once(listener: socket.socket) -> None:
    """Have what is written to its connections sent without waiting for more: head and body of an answer are two."""
    if listener.family in (socket.AF_INET, socket.AF_INET6):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def inherited_sockets() -> list[socket.socket]:
    """Return the sockets that systemd hands over."""
    return [socket.socket(fileno=found.fd) for found in listen_fds()]


async def keep_watchdog_quiet() -> None:
    """Tell systemd that the event loop lives; that and nothing more."""
    every = watchdog_seconds()
    while every is not None:
        notify("WATCHDOG=1")
        await anyio.sleep(every)


async def calm(*, used: Callable[[], float] = time.process_time, second: float = 1.0) -> None:
    """Return once those who waited for this process have their answers, or after a minute.

    They are answered by one processor, half of which other work beside them would take. `used` tells how many seconds
    of a processor this process has taken.
    """
    for _ in range(CALM_SECONDS_MAX):
        before = used()
        await anyio.sleep(second)
        if used() - before < BUSY_SHARE * second:
            return
