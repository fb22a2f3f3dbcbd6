"""Carries connections between two sockets: from `app.sock` to the app's port, from a port to a socket outside."""

import errno
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from att.workspace.shim.loop import READ, WRITE, Loop, close

CONNECTIONS_MAX = 256
BUFFER_BYTES_MAX = 256 * 1024
_BLOCK = 64 * 1024

Target = tuple[int, str | tuple[str, int]]
"""Address family and address."""


class Forward:
    """Accepts on `listener` and connects each to `target`; above the limit the next ones wait in the backlog.

    `preamble` is what the target hears first on each connection.
    """

    def __init__(self, loop: Loop, listener: socket.socket, target: Target, preamble: bytes = b"") -> None:
        self._loop = loop
        self._preamble = preamble
        self._listener = listener
        self._target = target
        self._open = 0
        self._listen()

    def _listen(self) -> None:
        self._loop.watch(self._listener, READ if self._open < CONNECTIONS_MAX else 0, self._accept)

    def _accept(self, _: int) -> None:
        try:
            near, _address = self._listener.accept()
        except OSError:
            return  # the client went away before it was let in, or there are no descriptors left
        near.setblocking(False)
        far = socket.socket(self._target[0])
        far.setblocking(False)
        number = far.connect_ex(self._target[1])
        if number not in (0, errno.EINPROGRESS):
            near.close()
            far.close()
            return
        self._open += 1
        self._listen()
        Pair(self._loop, near, far, self._closed, self._preamble)

    def _closed(self) -> None:
        self._open -= 1
        self._listen()


class _Way:
    """One direction: what was read and not yet written."""

    def __init__(self, source: socket.socket, sink: socket.socket, first: bytes = b"") -> None:
        self.source = source
        self.sink = sink
        self.waiting = bytearray(first)
        self.ended = False
        self.closed = False

    @property
    def wants_read(self) -> bool:
        return not self.ended and len(self.waiting) < BUFFER_BYTES_MAX

    def read(self) -> None:
        data = self.source.recv(_BLOCK)
        self.waiting += data
        self.ended = not data

    def write(self) -> None:
        if self.waiting:
            del self.waiting[: self.sink.send(self.waiting)]

    def finish(self) -> None:
        """Hand the end of the stream on, once all before it is handed on."""
        if self.ended and not self.waiting and not self.closed:
            self.closed = True
            with suppress(OSError):
                self.sink.shutdown(socket.SHUT_WR)


class Pair:
    """Two connected sockets; each direction ends by itself, and either failing ends both."""

    def __init__(
        self, loop: Loop, near: socket.socket, far: socket.socket, closed: Callable[[], None], preamble: bytes = b""
    ) -> None:
        self._loop = loop
        self._ends = (near, far)
        self._ways = (_Way(near, far, preamble), _Way(far, near))
        self._connected = False
        self._closed = closed
        self._watch()

    def _watch(self) -> None:
        for index, end in enumerate(self._ends):
            outgoing, incoming = self._ways[index], self._ways[1 - index]
            connecting = not self._connected
            events = READ if outgoing.wants_read and not connecting else 0
            events |= WRITE if incoming.waiting or (connecting and index == 1) else 0
            self._loop.watch(end, events, partial(self._ready, index))

    def _ready(self, index: int, events: int) -> None:
        try:
            if not self._connected:
                self._connect()
            else:
                self._carry(index, events)
        except BlockingIOError:
            return
        except OSError:
            self._close()
            return
        for way in self._ways:
            way.finish()
        if all(way.closed for way in self._ways):
            self._close()
        else:
            self._watch()

    def _connect(self) -> None:
        number = self._ends[1].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, "cannot connect")
        self._connected = True

    def _carry(self, index: int, events: int) -> None:
        if events & WRITE:
            self._ways[1 - index].write()
        if events & READ and self._ways[index].wants_read:
            self._ways[index].read()

    def _close(self) -> None:
        for end in self._ends:
            close(self._loop, end)
        self._closed()
