"""The engine's door: a thread a connection, one request each, bounded in size, time and number."""

import array
import grp
import json
import os
import pwd
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from att.effects.peers import peer_uid
from att.kernel.error_json import error_object
from att.kernel.errors import AttError, Failed, Forbidden, InvalidInput, TooLarge, TooMany
from att.upgrade.wire import LINE_BYTES_MAX, WITH_FILE, Ask, Peer, allowed, line_of, read_ask

OPERATORS = "att-operators"
API_USER = "att"
CONNECTIONS_MAX = 64
REQUEST_SECONDS = 10.0
SEND_SECONDS = 30.0
_FDS_MAX = 4
_CHUNK = 65_536

log = structlog.get_logger(__name__)

Event = Mapping[str, Any]
Serve = Callable[[Ask, Peer, int | None], Any]
"""Answers one request: returns the result, or an iterator of events whose return value is the result."""


@dataclass(frozen=True)
class Request:
    """What came in: the line and at most one descriptor, which is the receiver's to close."""

    line: bytes
    fd: int | None


class Door:
    """Serves `listener` until `stop`. `who` names the peer of a connection."""

    def __init__(
        self, listener: socket.socket, serve: Serve, *, who: Callable[[socket.socket], Peer] | None = None
    ) -> None:
        self._listener = listener
        self._serve = serve
        self._who = who or peer_of
        self._room = threading.BoundedSemaphore(CONNECTIONS_MAX)
        self._stopping = threading.Event()
        self._leaving = threading.Event()

    def run(self, idle: Callable[[], None], idle_seconds: float) -> None:
        """Accept until `stop`; `idle` is called at least every `idle_seconds`, which feeds the watchdog."""
        self._listener.settimeout(idle_seconds)
        while not self._leaving.is_set():
            idle()
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError as error:
                log.warning("cannot accept", error=str(error))
                self._leaving.wait(0.1)
                continue
            if self._room.acquire(blocking=False):
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()
            else:
                self._turn_away(connection)

    def stop(self) -> None:
        """End `run` and all streams; connections that wait in the backlog stay for the next engine."""
        self._leaving.set()
        self._stopping.set()

    def leave(self) -> None:
        """End `run`, but let those who are inside end by themselves."""
        self._leaving.set()

    def emptied(self, seconds: float) -> bool:
        """Wait until everybody inside has gone; False when somebody stays longer."""
        until = time.monotonic() + seconds
        taken = 0
        while taken < CONNECTIONS_MAX and self._room.acquire(timeout=max(0.0, until - time.monotonic())):
            taken += 1
        for _ in range(taken):
            self._room.release()
        return taken == CONNECTIONS_MAX

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called: streams end, their clients come back."""
        return self._stopping.is_set()

    def _turn_away(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(1.0)
            full = TooMany("rate_limited", "cannot serve: too many connections", retry_after_seconds=1)
            _send(connection, line_of("error", error_object(full)))

    def _one(self, connection: socket.socket) -> None:
        request: Request | None = None
        try:
            with connection:
                try:
                    peer = self._who(connection)
                    request = receive(connection)
                    self._answer(connection, peer, request)
                except AttError as error:
                    _send(connection, line_of("error", error_object(error)))
                except OSError as error:
                    failed = Failed("internal", f"cannot serve: {error}")
                    _send(connection, line_of("error", error_object(failed)))
        finally:
            if request is not None and request.fd is not None:
                os.close(request.fd)
            self._room.release()

    def _answer(self, connection: socket.socket, peer: Peer, request: Request) -> None:
        ask = read_ask(request.line)
        if not allowed(peer, ask.verb):
            raise Forbidden("not_allowed", f"cannot {ask.verb}: {peer.told} may not ask the engine for it")
        check_file(ask, request.fd)
        connection.settimeout(SEND_SECONDS)
        found = self._serve(ask, peer, request.fd)
        if isinstance(found, Iterator):
            for event in found:
                if self.stopping:
                    return
                if not _send(connection, line_of(*event)):
                    return
            return
        _send(connection, line_of("result", found))


def check_file(ask: Ask, fd: int | None) -> None:
    """Demand a regular file, open for reading, where the verb takes one."""
    if ask.verb not in WITH_FILE:
        return
    if fd is None:
        raise InvalidInput("bundle_unreadable", f"cannot {ask.verb}: no file came with the request", field="upload")
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise InvalidInput("bundle_foreign", f"cannot {ask.verb}: that is no regular file", field="upload")


def receive(connection: socket.socket) -> Request:
    """Read one line and what descriptors came along; all but the first are closed."""
    connection.settimeout(REQUEST_SECONDS)
    data, fds = b"", array.array("i")
    try:
        while b"\n" not in data:
            part, control, _, _ = connection.recvmsg(_CHUNK, socket.CMSG_SPACE(_FDS_MAX * fds.itemsize))
            for level, kind, raw in control:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds.frombytes(raw[: len(raw) - len(raw) % fds.itemsize])
            if not part:
                raise InvalidInput("invalid_input", "cannot read the request: it broke off", field="")
            data += part
            if len(data) > LINE_BYTES_MAX:
                raise TooLarge("invalid_input", f"cannot read the request: more than {LINE_BYTES_MAX} bytes")
    except (AttError, OSError):
        _close(fds)
        raise
    _close(fds[1:])
    for fd in fds[:1]:
        os.set_inheritable(fd, False)
    return Request(data.partition(b"\n")[0], fds[0] if fds else None)


def peer_of(connection: socket.socket) -> Peer:
    """Who connected, by the kernel's word."""
    return peer(peer_uid(connection))


def peer(uid: int) -> Peer:
    """What a uid is on this machine."""
    if uid == 0:
        return Peer(0, "root", operator=True, api=False)
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        return Peer(uid, "?", operator=False, api=False)
    return Peer(uid, name, operator=is_operator(name), api=name == API_USER)


def is_operator(name: str) -> bool:
    """Whether a user is a member of att-operators."""
    try:
        group = grp.getgrnam(OPERATORS)
        return name in group.gr_mem or pwd.getpwnam(name).pw_gid == group.gr_gid
    except KeyError:
        return False


def operators() -> frozenset[str]:
    """The names of all members of att-operators, by whichever of the two files."""
    try:
        group = grp.getgrnam(OPERATORS)
    except KeyError:
        return frozenset()
    return frozenset(group.gr_mem) | {one.pw_name for one in pwd.getpwall() if one.pw_gid == group.gr_gid}


def newest_of(text: bytes, limit: int) -> list[dict[str, Any]]:
    """The last `limit` JSON lines of the end of a log, newest first; lines that are none are passed over."""
    found = []
    for line in reversed(text.splitlines()):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            found.append(entry)
        if len(found) >= limit:
            break
    return found


def _send(connection: socket.socket, line: bytes) -> bool:
    try:
        connection.sendall(line)
    except OSError:
        return False
    return True


def _close(fds: Any) -> None:
    for fd in fds:
        os.close(fd)
