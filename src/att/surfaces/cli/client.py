"""attctl's HTTP: one request a connection over the box's socket or TLS, errors as problem documents, NDJSON, uploads.

Standard library alone, because an HTTP library costs more to import than most commands take.
"""

import contextlib
import hashlib
import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode

from att.kernel.errors import InvalidInput, Unavailable
from att.surfaces.cli.failure import Remote
from att.surfaces.cli.target import Target

PREFIX = "/api/v1"
ANSWER_BYTES_MAX = 64_000_000
LINE_BYTES_MAX = 4_000_000
UPLOAD_CHUNK_BYTES = 262_144
FENCE_TRIES = 6
Sent = Callable[[int, int], None]


class Client:
    """Speaks to one API with one token; `token` is asked for at the first request."""

    def __init__(self, target: Target, token: Callable[[], str | None], timeout_seconds: float = 30.0) -> None:
        self._target = target
        self._token = token
        self._timeout_seconds = timeout_seconds

    def call(
        self, method: str, template: str, values: Mapping[str, Any], *, confirmation_id: str | None = None
    ) -> tuple[int, Any]:
        """Return status and JSON of one operation; waits out the write fence of an upgrade, raises `Remote`."""
        path, body = _address(method, template, values)
        headers = {"X-Confirmation-Id": confirmation_id} if confirmation_id else {}
        for left in reversed(range(FENCE_TRIES)):
            try:
                with self._send(method, path, body, headers) as response:
                    return response.status, _json(_whole(response))
            except Remote as error:
                if error.code != "write_fenced" or not left:
                    raise
                time.sleep(1)
        raise AssertionError("unreachable")

    def stream(self, template: str, values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the items of a stream, its closing line (`end`, `reconnect` or `problem`) included."""
        path, _ = _address("GET", template, values)
        with self._send("GET", path, None, {"Accept": "application/x-ndjson"}) as response:
            while line := response.readline(LINE_BYTES_MAX):
                if line.strip():
                    yield _json(line)

    def upload(self, file: IO[bytes], size: int, sent: Sent) -> str:
        """Send a file and return its upload id; `sent(done, size)` is told as it goes."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        with self._send("POST", f"{PREFIX}/uploads", _Told(file, size, sent), headers) as response:
            return str(_json(_whole(response))["upload"])

    def download(self, path: str) -> Iterator[bytes]:
        """Yield the content behind a path of this API that an answer named."""
        if not path.startswith(f"{PREFIX}/uploads/"):
            raise Unavailable("unreachable", "cannot fetch the file: it lies elsewhere")
        with self._send("GET", path, None, {"Accept": "application/octet-stream"}) as response:
            while block := response.read(UPLOAD_CHUNK_BYTES):
                yield block

    def figures(self) -> str:
        """Return what the API counts and measures, in Prometheus' text form."""
        with self._send("GET", "/metrics", None, {"Accept": "text/plain"}) as response:
            return _whole(response).decode("utf-8", "replace")

    @contextlib.contextmanager
    def _send(
        self, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        everything = {"Accept": "application/json", "Connection": "close", **headers}
        token = self._token()
        if token:
            everything["Authorization"] = f"Bearer {token}"
        if isinstance(body, bytes):
            everything |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        with self._reaching(), contextlib.closing(_connection(self._target, self._timeout_seconds)) as connection:
            _write(connection, method, self._target.base + path, body, everything)
            response = connection.getresponse()
            if response.status >= 300:
                raise _problem(response, self._target)
            yield response

    @contextlib.contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            raise Unavailable(
                "unreachable",
                f"cannot trust {self._target}: {error.verify_message}",
                hint="give --fingerprint SHA256 as `make up` printed it, or --cacert FILE",
            ) from error
        except PermissionError as error:
            raise Unavailable(
                "unreachable",
                f"cannot open {self._target}: {error.strerror}",
                hint="be a member of the group att-operators, or use sudo",
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable("unreachable", f"cannot reach {self._target}: {error or type(error).__name__}") from error


class _Told:
    """A file that says how much of it was read."""

    def __init__(self, file: IO[bytes], size: int, sent: Sent) -> None:
        self._file, self._size, self._sent, self._done = file, size, sent, 0

    def read(self) -> bytes:
        data = self._file.read(UPLOAD_CHUNK_BYTES)
        self._done += len(data)
        self._sent(self._done, self._size)
        return data


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_seconds: float) -> None:
        super().__init__("localhost", timeout=timeout_seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class _PinnedConnection(http.client.HTTPSConnection):
    """TLS to a server that shows exactly the certificate of the given SHA-256, whoever signed it."""

    def __init__(self, target: Target, timeout_seconds: float) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without the system's authorities: reading them takes long
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        super().__init__(target.host, target.port, timeout=timeout_seconds, context=context)
        self._digest = target.fingerprint

    def connect(self) -> None:
        super().connect()
        shown = self.sock.getpeercert(binary_form=True) or b""
        if hashlib.sha256(shown).hexdigest() != self._digest:
            self.close()
            raise ConnectionAbortedError("its certificate has another fingerprint")


def _connection(target: Target, timeout_seconds: float) -> http.client.HTTPConnection:
    if target.socket:
        return _UnixConnection(target.socket, timeout_seconds)
    if target.scheme == "http":
        return http.client.HTTPConnection(target.host, target.port, timeout=timeout_seconds)
    if target.fingerprint:
        return _PinnedConnection(target, timeout_seconds)
    try:
        context = ssl.create_default_context(cafile=target.cacert)
    except (OSError, ssl.SSLError) as error:
        raise InvalidInput("invalid_input", f"cannot read {target.cacert}: {error}", field="cacert") from error
    if target.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(target.host, target.port, timeout=timeout_seconds, context=context)


def _write(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any, headers: Mapping[str, str]
) -> None:
    """Send a request; who hangs up in the middle of a file has said why, so that the answer is still to be read."""
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(body if isinstance(body, bytes) else None)
    if isinstance(body, _Told):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while chunk := body.read():
                connection.send(chunk)


def _address(method: str, template: str, values: Mapping[str, Any]) -> tuple[str, bytes | None]:
    """Return path with query, and body, of an operation: path fields in the path, the rest as REST wants it."""
    rest, path = dict(values), template
    for name in [*rest]:
        for form in (f"{{{name}}}", f"{{{name}:path}}"):
            if form in path:
                path = path.replace(form, quote(str(rest.pop(name)), safe="/" if ":" in form else ""))
                break
    if method in ("POST", "PUT", "PATCH"):
        return PREFIX + path, json.dumps(rest).encode()
    query = {name: _text(value) for name, value in rest.items() if value is not None}
    return PREFIX + path + (f"?{urlencode(query, doseq=True)}" if query else ""), None


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _problem(response: http.client.HTTPResponse, target: Target) -> Exception:
    body = response.read(LINE_BYTES_MAX)
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if isinstance(document, dict) and "code" in document:
        return Remote(document, response.status)
    return Unavailable("unreachable", f"cannot use {target}: it answered {response.status} {response.reason}")


def _whole(response: http.client.HTTPResponse) -> bytes:
    return response.read(ANSWER_BYTES_MAX)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data) if data.strip() else {}
    except ValueError as error:
        raise Unavailable("unreachable", "cannot read the answer: it is not JSON, is this an appliance?") from error
