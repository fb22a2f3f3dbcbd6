"""What an operator sees at login: release, health, address, TLS fingerprint, and what is not well. Stdlib only.

Run by pam_motd as root with the system's Python. It asks nothing that may take long, has a limit on each question, and
says nothing where nothing answers: a login waits for it.
"""

import contextlib
import hashlib
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FACTS = Path("/usr/lib/att/appliance.toml")
ASK_SECONDS = 1.0
DISK_PERCENT = 85
CERTIFICATE_BYTES_MAX = 100_000
ANSWER_BYTES_MAX = 100_000


class Door(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=ASK_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect, within the limit."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(ASK_SECONDS)
        self.sock.connect(self._path)


def lines(facts: dict[str, Any], root: Path = Path("/")) -> Iterator[str]:
    """Yield the lines of the banner."""
    paths = {name: root / path.lstrip("/") for name, path in facts["paths"].items()}
    yield f"ATT appliance {release(paths['current'])}: {health(paths['run'] / 'api.sock')}"
    port = facts["ports"]["appliance"]
    yield from (f"  console  https://{address}:{port}/" for address in addresses())
    digest = fingerprint(paths["tls"] / "server.crt")
    if digest:
        yield f"  TLS      SHA-256 {digest}"
    full = disk_percent(paths["state"])
    if full >= DISK_PERCENT:
        yield f"  disk     {full} % full: see `attctl disk show`"


def release(current: Path) -> str:
    """Return the version that the link names."""
    try:
        return current.readlink().name
    except OSError:
        return "without a release: see `journalctl -u att-recover`"


def health(door: Path) -> str:
    """Return in a word or two how the API is."""
    try:
        with contextlib.closing(Door(str(door))) as connection:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            checks = json.loads(answer.read(ANSWER_BYTES_MAX)).get("checks", {})
        bad = sorted(name for name, one in checks.items() if one.get("status") != "ok")
    except (OSError, ValueError, AttributeError, http.client.HTTPException):
        return "the API does not answer, see `attctl status`"
    if answer.status != http.HTTPStatus.OK:
        return f"not ready ({', '.join(bad) or 'starting'}), see `attctl status`"
    return f"degraded ({', '.join(bad)}), see `attctl status`" if bad else "ready"


def addresses() -> list[str]:
    """Return the machine's global addresses as a URL has them."""
    command = ["ip", "-j", "address", "show", "scope", "global", "up"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=ASK_SECONDS, check=True)
        links = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return []
    found = [entry["local"] for link in links for entry in link.get("addr_info", []) if "local" in entry]
    return [f"[{one}]" if ":" in one else one for one in found]


def fingerprint(certificate: Path) -> str:
    """Return the SHA-256 of the first certificate of a PEM file, empty without one."""
    try:
        with certificate.open(encoding="ascii") as file:
            text = file.read(CERTIFICATE_BYTES_MAX)
        first = text[: text.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"
        certified = ssl.PEM_cert_to_DER_cert(first)
    except (OSError, ValueError):
        return ""
    digest = hashlib.sha256(certified).hexdigest().upper() if certified else ""
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def disk_percent(path: Path) -> int:
    """Return how full the file system is for services, 0 when it cannot be asked."""
    try:
        use = os.statvfs(path)
    except OSError:
        return 0
    usable = use.f_blocks - use.f_bfree + use.f_bavail
    return round(100 * (1 - use.f_bavail / usable)) if usable else 0


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines(tomllib.loads(FACTS.read_text(encoding="utf-8")))) + "\n\n")
