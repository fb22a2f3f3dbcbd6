"""Another host: real git over HTTPS on loopback, with a certificate of its own and, if it wants, a login."""

import base64
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.fakes.certificates import self_signed

NAME = "git.test"


class GitHost(ThreadingHTTPServer):
    """Serves the bare repositories in `folder`; with a `login` it refuses others, and remembers what it saw."""

    def __init__(self, folder: Path, login: tuple[str, str] | None) -> None:
        super().__init__(("127.0.0.1", 0), _Serving)
        self.folder = folder
        self.login = login
        self.asked: list[str] = []
        self.seen: list[str] = []
        self.brought = 0

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, name: str) -> str:
        return f"https://{NAME}:{self.port}/{name}"

    def look_for_secret(self) -> None:
        """Note each process of the machine whose arguments or environment hold the login's secret."""
        if self.login is None:
            return
        for process in Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                try:
                    text = (process / name).read_bytes()
                except OSError:
                    continue
                if self.login[1].encode() in text:
                    self.seen.append(f"{process.name}/{name}")


class _Serving(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: GitHost

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            self._serve(b"".join(self._chunks()))
        else:
            self._serve(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _serve(self, body: bytes) -> None:
        host, parts = self.server, urlsplit(self.path)
        host.asked.append(f"{self.command} {parts.path}")
        host.look_for_secret()
        if host.login is not None:
            wanted = "Basic " + base64.b64encode(":".join(host.login).encode()).decode()
            if self.headers.get("Authorization") != wanted:
                self._answer(401, [("WWW-Authenticate", 'Basic realm="x"')], b"")
                return
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(host.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": self.command,
            "REMOTE_USER": "somebody",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.decode().splitlines()]
        status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
        host.brought += len(content)
        self._answer(status, [(name, value) for name, value in headers if name != "Status"], content)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        return None


@contextmanager
def git_host(folder: Path, authority: Path, login: tuple[str, str] | None = None) -> Iterator[GitHost]:
    """Serve `folder` as `NAME`; the file `authority` gets what a client trusts it by."""
    own = folder / "server.pem"
    _certify(own, authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    with GitHost(folder, login) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _certify(own: Path, authority: Path) -> None:
    certificate, key = self_signed(NAME, x509.DNSName(NAME))
    made = certificate.public_bytes(Encoding.PEM)
    authority.write_bytes(made)
    own.write_bytes(made + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
