"""One request over a real unix socket."""

import http.server
import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from att.effects import http as unix_http


class _Echo(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = json.dumps({"got": json.loads(self.rfile.read(length)), "auth": self.headers["Authorization"]})
        self.send_response(201)
        self.end_headers()
        self.wfile.write(body.encode())

    def do_GET(self) -> None:
        self.send_response(503)
        self.end_headers()
        self.wfile.write(b"not json")

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(socketserver.UnixStreamServer):
    allow_reuse_address = False


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "s.sock"
    with _Server(str(path), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield path
        server.shutdown()
        thread.join()


def test_json_goes_and_comes_with_the_token(service: Path) -> None:
    answer = unix_http.request(service, "POST", "/x", timeout_seconds=5, token="t0", payload={"a": 1})
    assert answer.status == 201
    assert answer.json == {"got": {"a": 1}, "auth": "Bearer t0"}


def test_a_body_that_is_no_json_is_still_an_answer(service: Path) -> None:
    answer = unix_http.request(service, "GET", "/x", timeout_seconds=5)
    assert (answer.status, answer.json, answer.body) == (503, None, b"not json")


def test_nobody_there_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(unix_http.NoAnswer, match="cannot ask"):
        unix_http.request(tmp_path / "gone.sock", "GET", "/", timeout_seconds=5)
