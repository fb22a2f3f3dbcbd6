"""The login banner against a folder and a socket that is played."""

import importlib.util
import os
import socket
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.fakes.chains import issue

from att.machine.tls.pem import read_chain

ROOT = Path(__file__).parents[3]
FACTS: dict[str, Any] = {
    "paths": {"current": "/opt/current", "run": "/run", "tls": "/tls", "state": "/"},
    "ports": {"appliance": 7443},
}
READY = b'{"status": "ready", "checks": {"database": {"status": "ok"}, "disk": {"status": "ok"}}}'
SICK = b'{"status": "ready", "checks": {"database": {"status": "ok"}, "disk": {"status": "degraded"}}}'


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("banner", ROOT / "appliance/banner/banner.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


banner = load()


def answering(path: Path, status: str, body: bytes) -> None:
    """One answer of the API; with no status a door behind which nobody says a word."""
    path.parent.mkdir(parents=True, exist_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        with listener, listener.accept()[0] as peer:
            peer.recv(4096)
            if status:
                peer.sendall(f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            else:
                peer.recv(1)

    threading.Thread(target=serve, daemon=True).start()


def test_a_well_appliance_is_told_with_release_address_and_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt/current").symlink_to("releases/1.2.3")
    (tmp_path / "tls").mkdir()
    own = issue()
    (tmp_path / "tls/server.crt").write_bytes(own.pem + issue("authority").pem)
    answering(tmp_path / "run/api.sock", "200", READY)
    monkeypatch.setattr(banner, "addresses", lambda: ["192.0.2.7", "[2001:db8::7]"])
    monkeypatch.setattr(banner, "disk_percent", lambda _path: 40)
    assert list(banner.lines(FACTS, tmp_path)) == [
        "ATT appliance 1.2.3: ready",
        "  console  https://192.0.2.7:7443/",
        "  console  https://[2001:db8::7]:7443/",
        f"  TLS      SHA-256 {read_chain(own.pem)[0].sha256}",
    ]


def test_a_bare_machine_still_has_a_banner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(banner, "addresses", list)
    monkeypatch.setattr(banner, "disk_percent", lambda _path: 97)
    assert list(banner.lines(FACTS, tmp_path)) == [
        "ATT appliance without a release: see `journalctl -u att-recover`: "
        "the API does not answer, see `attctl status`",
        "  disk     97 % full: see `attctl disk show`",
    ]


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        ("200", READY, "ready"),
        ("200", SICK, "degraded (disk), see `attctl status`"),
        ("503", SICK, "not ready (disk), see `attctl status`"),
        ("503", b"{}", "not ready (starting), see `attctl status`"),
        ("200", b"[]", "the API does not answer, see `attctl status`"),
        ("200", b"<html>", "the API does not answer, see `attctl status`"),
    ],
)
def test_health_is_a_word_or_two(tmp_path: Path, status: str, body: bytes, told: str) -> None:
    answering(tmp_path / "api.sock", status, body)
    assert banner.health(tmp_path / "api.sock") == told


def test_nobody_waits_long_for_an_api_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(banner, "ASK_SECONDS", 0.05)
    answering(tmp_path / "api.sock", "", b"")
    begun = time.monotonic()
    assert "does not answer" in banner.health(tmp_path / "api.sock")
    assert time.monotonic() - begun < 5


def test_a_damaged_certificate_is_no_line(tmp_path: Path) -> None:
    for text in ("", "junk", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"):
        (tmp_path / "crt").write_text(text)
        assert banner.fingerprint(tmp_path / "crt") == ""


def test_the_machine_itself_can_be_asked(tmp_path: Path) -> None:
    assert isinstance(banner.addresses(), list)
    assert 0 <= banner.disk_percent(tmp_path) <= 100
    assert banner.disk_percent(tmp_path / "none") == 0
    assert os.access(ROOT / "appliance/banner/10-att", os.X_OK)
