"""HTTP over a unix socket, one request a connection: how the health gate and attctl speak to a service directly."""

import contextlib
import http.client
import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BODY_BYTES_MAX = 4_000_000


class NoAnswer(Exception):
    """Nobody answered in time: refused, reset, timed out, or what came back is no HTTP."""


@dataclass(frozen=True)
class Answer:
    """One response; `json` is None where the body is none."""

    status: int
    json: Any
    body: bytes


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_seconds: float) -> None:
        super().__init__("localhost", timeout=timeout_seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def request(
    path: Path,
    method: str,
    target: str,
    *,
    timeout_seconds: float,
    token: str | None = None,
    payload: object | None = None,
) -> Answer:
    """Send one request to the service behind the socket at `path`; raises `NoAnswer`.

    `payload` is sent as JSON, `token` as a bearer token. At most 4 MB of the answer are read.
    """
    headers = {"Host": "localhost", "Connection": "close", "Accept": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    data = None
    if payload is not None:
        data = json.dumps(payload).encode()
        headers["Content-Type"] = "application/json"
    try:
        with contextlib.closing(_UnixConnection(path, timeout_seconds)) as connection:
            connection.request(method, target, body=data, headers=headers)
            response = connection.getresponse()
            body = response.read(BODY_BYTES_MAX)
            status = response.status
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"cannot ask {path} for {target}: {error or type(error).__name__}") from error
    return Answer(status, _as_json(body), body)


def _as_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
