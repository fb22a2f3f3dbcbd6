"""attctl's HTTP over real TLS and real unix sockets: whom it trusts, and what it says when it does not."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from tests.fakes.certificates import self_signed
from tests.unit.surfaces.cli.fake_api import FakeApi, over_socket, over_tcp, serve

from att.appliance import Facts, facts
from att.kernel.errors import AttError, Forbidden, InvalidInput, Unavailable
from att.surfaces.cli import box
from att.surfaces.cli.client import Client
from att.surfaces.cli.run import client_for
from att.surfaces.cli.target import Options, Target, remote


def certificate(folder: Path) -> tuple[Path, Path, str]:
    """Return certificate, key and SHA-256 of a self-signed one for 127.0.0.1, as first boot makes it."""
    made, key = self_signed("att", x509.IPAddress(IPv4Address("127.0.0.1")))
    pem, secret = folder / "server.crt", folder / "server.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, secret, made.fingerprint(hashes.SHA256()).hex()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls(shown: tuple[Path, Path, str]) -> Iterator[FakeApi]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown[0], shown[1])
    with serve(over_tcp(context)) as api:
        api.on("GET", "/api/v1/jobs", {"jobs": []})
        yield api


def ask(options: Options) -> object:
    return client_for(options).call("GET", "/jobs", {})[1]


def test_the_pinned_certificate_is_trusted_in_every_way_of_writing_it(
    tls: FakeApi, shown: tuple[Path, Path, str]
) -> None:
    digits = shown[2]
    colons = ":".join(digits[at : at + 2] for at in range(0, 64, 2)).upper()
    for written in (digits, colons, f"SHA256:{digits}", f"sha256 Fingerprint={colons}"):
        assert ask(Options(url=tls.url, fingerprint=written)) == {"jobs": []}


def test_another_certificate_is_refused_before_the_token_is_sent(tls: FakeApi) -> None:
    with pytest.raises(Unavailable, match="another fingerprint"):
        ask(Options(url=tls.url, fingerprint="0" * 64, token="att_secret"))
    assert tls.requests == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_unknown_certificate_is_refused_with_a_hint_and_before_the_token_is_sent(tls: FakeApi) -> None:
    with pytest.raises(Unavailable, match="cannot trust") as raised:
        ask(Options(url=tls.url, token="att_secret"))
    assert "--fingerprint" in raised.value.hint
    assert tls.requests == []


def test_the_certificate_of_a_file_is_trusted_and_insecure_trusts_all(
    tls: FakeApi, shown: tuple[Path, Path, str]
) -> None:
    assert ask(Options(url=tls.url, cacert=str(shown[0]))) == {"jobs": []}
    assert ask(Options(url=tls.url, insecure=True)) == {"jobs": []}
    with pytest.raises(InvalidInput, match="cannot read"):
        ask(Options(url=tls.url, cacert="/nonexistent.pem"))


@pytest.mark.parametrize(
    "url", ["ftp://x", "https://", "127.0.0.1:7443", "http://192.0.2.1:7443", "https://x:99999", "https://x:y"]
)
def test_a_url_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        remote(Options(url=url))
    assert raised.value.field == "url"


def test_a_url_is_taken_apart() -> None:
    found = remote(Options(url="https://att.example/base/"))
    assert found
    assert (found.host, found.port, found.base) == ("att.example", 443, "/base")
    assert str(found) == "https://att.example:443/base"
    assert remote(Options()) is None


@pytest.mark.parametrize("digits", ["", "ab", "g" * 64])
def test_a_wrong_fingerprint_is_refused(digits: str) -> None:
    with pytest.raises(InvalidInput, match="64 hex digits"):
        remote(Options(url="https://x", fingerprint=digits))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facts:
    """A machine below a temporary root with an empty /run/att."""
    found = facts().rooted(tmp_path)
    found.paths.run.mkdir(parents=True)
    monkeypatch.setattr(box, "facts", lambda: found)
    return found


def launcher(machine: Facts, answer: bytes) -> socket.socket:
    """Listen at local.sock and answer one caller."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(machine.paths.run / "local.sock"))
    server.listen(1)

    def serve_one() -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(answer)

    threading.Thread(target=serve_one, daemon=True).start()
    return server


def test_on_the_box_the_launcher_gives_the_token_and_the_socket_is_the_apis(machine: Facts) -> None:
    with launcher(machine, b'{"token": "att1.x.y", "expires": 1}\n'), serve(over_socket(box.api_socket())) as api:
        api.on("GET", "/api/v1/jobs", {"jobs": []})
        assert ask(Options()) == {"jobs": []}
        assert api.requests[0].headers["authorization"] == "Bearer att1.x.y"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b'{"error": {"code": "not_allowed", "detail": "no operator"}}\n', Forbidden),
        (b"", Forbidden),
        (b"[]\n", Forbidden),
        (b"junk\n", Unavailable),
    ],
)
def test_a_launcher_that_gives_no_token_is_told(machine: Facts, answer: bytes, error: type[AttError]) -> None:
    with launcher(machine, answer), pytest.raises(error, match="cannot sign in"):
        box.local_token()


def test_without_a_launcher_signing_in_is_unreachable(machine: Facts) -> None:
    with pytest.raises(Unavailable, match=r"cannot sign in at .*local\.sock") as raised:
        ask(Options())
    assert "att-launcher" in raised.value.hint
    assert machine.paths.run.exists()


def test_where_there_is_no_appliance_the_hint_names_url_and_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(box, "facts", lambda: facts().rooted(tmp_path))
    with pytest.raises(Unavailable) as raised:
        ask(Options())
    assert raised.value.code == "unreachable"
    assert "--url" in raised.value.hint


def test_a_socket_without_permission_names_the_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("att.surfaces.cli.client._UnixConnection.connect", refused)
    with pytest.raises(Unavailable) as raised:
        Client(Target(tmp_path / "api.sock"), lambda: None).call("GET", "/jobs", {})
    assert "att-operators" in raised.value.hint


def test_an_answer_that_is_no_json_is_told(tmp_path: Path) -> None:
    with serve(over_socket(tmp_path / "a.sock")) as api:
        api.on("GET", "/api/v1/jobs", b"<html>")
        with pytest.raises(Unavailable, match="not JSON"):
            Client(Target(tmp_path / "a.sock"), lambda: None).call("GET", "/jobs", {})
        api.answers.clear()
        api.on("GET", "/api/v1/jobs", b"")
        assert Client(Target(tmp_path / "a.sock"), lambda: None).call("GET", "/jobs", {}) == (200, {})


def test_bodies_are_json_and_lists_repeat_in_the_query(tmp_path: Path) -> None:
    with serve(over_socket(tmp_path / "a.sock")) as api:
        api.on("GET", "/api/v1/x", {})
        api.on("PUT", "/api/v1/x/a%2Fb/c/d", {})
        client = Client(Target(tmp_path / "a.sock"), lambda: None)
        client.call("GET", "/x", {"a": [1, 2], "b": True, "c": None})
        client.call("PUT", "/x/{id}/{rest:path}", {"id": "a/b", "rest": "c/d", "on": False})
        assert api.requests[0].path == "/api/v1/x?a=1&a=2&b=true"
        assert json.loads(api.requests[1].body) == {"on": False}
        assert "authorization" not in api.requests[0].headers


def test_an_upload_that_is_refused_halfway_tells_the_refusal(tmp_path: Path) -> None:
    body = json.dumps({"code": "body_too_large", "detail": "cannot take it", "hint": "h", "status": 413}).encode()
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(tmp_path / "a.sock"))
    server.listen(1)

    def refuse() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            connection.shutdown(socket.SHUT_RD)
            # A client that waits for room is woken when what it has sent is taken, and then told that nobody reads.
            while connection.recv(65536):
                pass
            done.wait(10)

    done = threading.Event()
    thread = threading.Thread(target=refuse)
    thread.start()
    file = tmp_path / "large"
    file.write_bytes(b"x" * 8_000_000)
    with server, file.open("rb") as content, pytest.raises(AttError) as raised:
        Client(Target(tmp_path / "a.sock"), lambda: None).upload(content, 8_000_000, lambda _done, _size: None)
    done.set()
    thread.join()
    assert (raised.value.code, raised.value.exit_code) == ("body_too_large", 2)
