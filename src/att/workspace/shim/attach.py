"""`attach.sock`: follow a task's output from any offset of its log on, type into its terminal, resize it.

The client sends frames: one byte of kind, four of length (big-endian), the payload. `a` with an offset (8 bytes) comes
first; `i` is input; `r` is a size (rows and columns, 2 bytes each). It gets the bytes of the log from the offset on,
and the end of the stream when the task is over: so one that lost its connection goes on where it was.
"""

import fcntl
import os
import socket
import struct
import termios
from collections.abc import Callable

from att.workspace.shim.log import Log
from att.workspace.shim.loop import READ, WRITE, Loop, close

CLIENTS_MAX = 32
FRAME_BYTES_MAX = 64 * 1024
INPUT_BYTES_MAX = 1024 * 1024
_HEADER = struct.Struct(">cI")
_BLOCK = 256 * 1024


class Terminal:
    """The near side of a pseudo-terminal: typed text waits here until the task takes it."""

    def __init__(self, loop: Loop, fd: int, output: Callable[[int], object]) -> None:
        self._loop = loop
        self._fd = fd
        self._output = output
        self._typed = bytearray()
        self._watch()

    def type(self, data: bytes) -> bool:
        """Take typed text; False when the task has not taken what was typed before."""
        if len(self._typed) + len(data) > INPUT_BYTES_MAX:
            return False
        self._typed += data
        self._watch()
        return True

    def resize(self, rows: int, columns: int) -> None:
        """Tell the task the size of its window."""
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _watch(self) -> None:
        self._loop.watch(self._fd, READ | (WRITE if self._typed else 0), self._ready)

    def _ready(self, events: int) -> None:
        if events & WRITE:
            del self._typed[: os.write(self._fd, self._typed)]
            self._watch()
        if events & READ:
            self._output(events)


class Attach:
    """Who follows a task."""

    def __init__(self, loop: Loop, listener: socket.socket, log: Log, terminal: Terminal | None) -> None:
        self._loop = loop
        self._listener = listener
        self.log = log
        self.terminal = terminal
        self.clients = set[Client]()
        self._listen()

    def _listen(self) -> None:
        self._loop.watch(self._listener, READ if len(self.clients) < CLIENTS_MAX else 0, self._accept)

    def _accept(self, _: int) -> None:
        try:
            connection, _address = self._listener.accept()
        except OSError:
            return  # the client went away before it was let in, or there are no descriptors left
        connection.setblocking(False)
        self.clients.add(Client(self._loop, connection, self))
        self._listen()

    def grew(self, beyond: bytes) -> None:
        """Tell everybody of new output; `beyond` is what the log had no room for."""
        for client in list(self.clients):
            client.grew(beyond)

    def gone(self, client: "Client") -> None:
        """Let go of a client."""
        self.clients.discard(client)
        self._listen()


class Client:
    """One who follows: a position in the log, so that a slow one costs no memory and holds up nobody."""

    def __init__(self, loop: Loop, connection: socket.socket, attach: Attach) -> None:
        self._loop = loop
        self._connection = connection
        self._attach = attach
        self._frames = bytearray()
        self._position: int | None = None
        self._watch()

    @property
    def behind(self) -> bool:
        """Whether the log holds bytes that were not sent."""
        return self._position is not None and self._position < self._attach.log.size

    def grew(self, beyond: bytes) -> None:
        """Send what is new. What the log did not keep is sent to those who are at its end, as far as they take it."""
        if self._position is not None and not self.behind and beyond:
            self._guarded(lambda: self._connection.send(beyond))
        else:
            self._watch()

    def _watch(self) -> None:
        self._loop.watch(self._connection, READ | (WRITE if self.behind else 0), self._ready)

    def _ready(self, events: int) -> None:
        self._guarded(lambda: self._serve(events))

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except BlockingIOError:
            return
        except (OSError, ValueError, struct.error):
            close(self._loop, self._connection)
            self._attach.gone(self)
            return
        self._watch()

    def _serve(self, events: int) -> None:
        if events & WRITE and self._position is not None:
            if self._position < self._attach.log.first:
                raise ConnectionResetError  # it fell behind what the log keeps, and zeros are no output
            room = min(_BLOCK, self._attach.log.size - self._position)
            self._position += os.sendfile(self._connection.fileno(), self._attach.log.fd, self._position, room)
        if events & READ:
            data = self._connection.recv(FRAME_BYTES_MAX)
            if not data:
                raise ConnectionResetError
            self._frames += data
            while self._frame():
                pass

    def _frame(self) -> bool:
        if len(self._frames) < _HEADER.size:
            return False
        kind, length = _HEADER.unpack_from(self._frames)
        if length > FRAME_BYTES_MAX:
            raise ValueError("a frame is too long")
        if len(self._frames) < _HEADER.size + length:
            return False
        payload = bytes(self._frames[_HEADER.size : _HEADER.size + length])
        del self._frames[: _HEADER.size + length]
        self._obey(kind, payload)
        return True

    def _obey(self, kind: bytes, payload: bytes) -> None:
        terminal = self._attach.terminal
        if kind == b"a":
            (self._position,) = struct.unpack(">Q", payload)
        elif kind == b"i" and terminal is not None and terminal.type(payload):
            return
        elif kind == b"r" and terminal is not None:
            terminal.resize(*struct.unpack(">HH", payload))
        else:
            raise ValueError("this task takes no such frame")


def frame(kind: bytes, payload: bytes) -> bytes:
    """Return a frame as a client sends it."""
    return _HEADER.pack(kind, len(payload)) + payload
