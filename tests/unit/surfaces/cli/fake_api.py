"""An API of the far side: real HTTP on loopback, TLS or a unix socket, answers given by the test, requests kept."""

import json
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """`lines` are sent as NDJSON and then the connection is closed without an ending when `cut`."""

    status: int = 200
    body: Any = None
    lines: list[Any] | None = None
    media: str = "application/json"


@dataclass
class FakeApi:
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answers: list[tuple[str, str, Answer]] = field(default_factory=list)
    """Method, path without query, answer; several of one route are given in turn, the last one for ever."""

    def on(self, method: str, path: str, body: Any = None, status: int = 200, lines: list[Any] | None = None) -> None:
        self.answers.append((method, path, Answer(status, body, lines)))

    def problem(self, method: str, path: str, status: int, code: str, **more: Any) -> None:
        body = {"code": code, "status": status, "detail": f"cannot: {code}", "hint": f"mend {code}", **more}
        self.on(method, path, body, status)

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        path = request.path.partition("?")[0]
        found = [one for one in self.answers if one[0] == request.method and one[1] == path]
        if not found:
            return Answer(404, {"code": "not_found", "detail": f"cannot find {path}", "hint": "none", "status": 404})
        if len(found) > 1:
            self.answers.remove(found[0])
        return found[0][2]


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            return

        def _serve(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = api.answer(Request(self.command, self.path, headers, self.rfile.read(size)))
            if answer.lines is not None:
                body = b"".join(json.dumps(line).encode() + b"\n" for line in answer.lines)
            else:
                body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.media)
            if answer.lines is None:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _serve

    return Handler


class _UnixServer(socketserver.ThreadingUnixStreamServer):
    def get_request(self) -> tuple[Any, Any]:
        connection, _ = super().get_request()
        return connection, ("", 0)


@contextmanager
def serve(make: Callable[[FakeApi], socketserver.BaseServer]) -> Iterator[FakeApi]:
    api = FakeApi()
    server = make(api)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def over_tcp(context: ssl.SSLContext | None = None) -> Callable[[FakeApi], socketserver.BaseServer]:
    def make(api: FakeApi) -> socketserver.BaseServer:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(api))
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        api.url = f"{'https' if context else 'http'}://127.0.0.1:{server.server_address[1]}"
        return server

    return make


def over_socket(path: Path) -> Callable[[FakeApi], socketserver.BaseServer]:
    return lambda api: _UnixServer(str(path), _handler(api))
