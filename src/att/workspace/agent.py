"""The workspace agent: answers verbs on one socket inside a project's sandbox. Standard library and kernel alone.

It greets each connection, so that who connects knows that what it sends from now on is read. Then one JSON line asks
(`{"verb": …, "arguments": …}` or `{"stream": …, "arguments": …}`) and one answers: `{"ok": …}` or `{"error": …}`.
"""

import contextlib
import json
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from att.kernel.error_json import error_object
from att.kernel.errors import AttError, Failed, InvalidInput, TooLarge, TooMany, Unavailable
from att.workspace import verbs

GREETING = b'{"agent": 1}\n'
REQUEST_BYTES_MAX = 64 * 1024 * 1024
RESPONSE_BYTES_MAX = 32 * 1024 * 1024
CONNECTIONS_MAX = 64
IDLE_SECONDS = 15 * 60.0
_REQUEST_SECONDS = 30.0
_LAST_SECONDS = 3.0
_STUCK_MAX = 8
_BLOCK = 256 * 1024

Request = Mapping[str, Any]


class AgentServer:
    """Serves one worktree until nobody asked for `idle_seconds`, or until SIGTERM."""

    def __init__(
        self,
        listener: socket.socket,
        root: Path,
        *,
        idle_seconds: float = IDLE_SECONDS,
        verb_seconds: float = verbs.SECONDS_MAX,
    ) -> None:
        self._listener = listener
        self._root = root
        self._idle_seconds = idle_seconds
        self._verb_seconds = verb_seconds
        self._open = 0
        self._stuck = 0
        self._changed = threading.Condition()

    def serve(self) -> None:
        """Answer until the end; what is being answered then gets a few seconds."""
        with contextlib.suppress(_Stopped):
            signal.signal(signal.SIGTERM, _stop)
            self._accept_all()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._listener.close()
        with self._changed:
            self._changed.wait_for(lambda: self._open == 0, _LAST_SECONDS)

    def _accept_all(self) -> None:
        quiet_since = time.monotonic()
        while self._stuck < _STUCK_MAX:
            self._listener.settimeout(max(0.01, quiet_since + self._idle_seconds - time.monotonic()))
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                if self._open == 0:
                    return
                quiet_since = time.monotonic()
                continue
            except OSError as error:
                _complain(f"cannot accept: {error}")
                time.sleep(_LAST_SECONDS)  # out of descriptors or memory: let something end first
                continue
            quiet_since = time.monotonic()
            self._count(1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _count(self, more: int) -> None:
        with self._changed:
            self._open += more
            self._changed.notify_all()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                self._greet(connection)
        except OSError:
            return  # who asked went away
        finally:
            self._count(-1)

    def _greet(self, connection: socket.socket) -> None:
        connection.settimeout(_REQUEST_SECONDS)
        try:
            if self._open > CONNECTIONS_MAX:
                raise TooMany("too_many_streams", f"cannot answer: {CONNECTIONS_MAX} requests are being answered")
            connection.sendall(GREETING)
            request = _read_request(connection)
            if request is None:
                return
            if "stream" in request:
                connection.settimeout(None)
                verbs.find_stream(str(request["stream"]))(self._root, _arguments(request), connection)
            else:
                connection.sendall(self._answer(request))
        except AttError as error:
            connection.sendall(_error_line(error))
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - a fault in one verb ends that request, not the agent
            _complain("".join(traceback.format_exception(error)))
            connection.sendall(_error_line(_fault()))

    def _answer(self, request: Request) -> bytes:
        name = str(request.get("verb"))
        verb = verbs.find(name)
        arguments = _arguments(request)
        answers: list[bytes] = []
        worker = threading.Thread(target=lambda: answers.append(_run(verb, self._root, arguments)), daemon=True)
        worker.start()
        worker.join(self._verb_seconds)
        if worker.is_alive():
            self._stuck += 1
            raise Unavailable("verb_timed_out", f"cannot finish {name} within {self._verb_seconds:g} seconds")
        return answers[0]


class _Stopped(Exception):
    """SIGTERM arrived."""


def _stop(*_: object) -> None:
    raise _Stopped


def _run(verb: verbs.Verb, root: Path, arguments: Request) -> bytes:
    try:
        line = json.dumps({"ok": verb(root, arguments)}).encode() + b"\n"
        if len(line) > RESPONSE_BYTES_MAX:
            raise TooLarge("file_too_large", "cannot answer: the result is too large", hint="ask for less at once")
    except AttError as error:
        return _error_line(error)
    except Exception as error:  # noqa: BLE001 - as above
        _complain("".join(traceback.format_exception(error)))
        return _error_line(_fault())
    return line


def _read_request(connection: socket.socket) -> Request | None:
    """Return what is asked; None when the other side only looked whether somebody is there."""
    line = bytearray()
    while not line.endswith(b"\n"):
        block = connection.recv(_BLOCK)
        if not block:
            return None
        line += block
        if len(line) > REQUEST_BYTES_MAX:
            raise TooLarge("file_too_large", f"cannot take a request of more than {REQUEST_BYTES_MAX} bytes")
    try:
        request = json.loads(line)
    except ValueError as error:
        raise InvalidInput("malformed", "cannot read the request: it is no line of JSON") from error
    if not isinstance(request, dict):
        raise InvalidInput("malformed", "cannot read the request: it is no JSON object")
    return request


def _arguments(request: Request) -> Request:
    return verbs.taken(request, "arguments", dict, {})


def _error_line(error: AttError) -> bytes:
    return json.dumps({"error": error_object(error)}).encode() + b"\n"


def _fault() -> Failed:
    return Failed("internal", "cannot answer: the agent failed", hint="look at the log of the project's agent")


def _complain(text: str) -> None:
    sys.stderr.write(text.rstrip() + "\n")
    sys.stderr.flush()


def listen_fd(environment: Mapping[str, str]) -> socket.socket:
    """Return the listening socket that `att-run` hands over; KeyError when there is none."""
    listener = socket.socket(fileno=int(environment["ATT_LISTEN_FD"]))
    listener.set_inheritable(False)
    return listener
