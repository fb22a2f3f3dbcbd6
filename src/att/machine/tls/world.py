"""The front and the machine as they are: nginx, systemctl, a TLS handshake, the console's notice."""

import hashlib
import json
import os
import pwd
import shutil
import socket
import ssl
import tempfile
import time
from pathlib import Path

from att.appliance import Facts
from att.effects.filesystem import write_atomically
from att.effects.processes import run

USER = "www-data"
UNIT = "att-front.service"
TOOL_SECONDS = 30.0
_HANDSHAKE_SECONDS = 2.0
_PAUSE_SECONDS = 0.1
_LEAVING = b"shutting down"
"""What nginx calls a worker that takes no more connections, and which stays until its streams have ended."""


class Nginx:
    """`att-front.service` of this machine."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._former: tuple[Path, ...] = ()

    def running(self) -> bool:
        """See `Front`."""
        return run(["systemctl", "is-active", "--quiet", UNIT], timeout_seconds=TOOL_SECONDS).ok

    def refusal(self, pair: Path) -> str:
        """See `Front`; nginx tests its own configuration, with `pair` for the certificate, as its own user."""
        paths = self._facts.paths
        text = (paths.image / "nginx/att.conf").read_text(encoding="utf-8")
        owner = pwd.getpwnam(USER)
        work = Path(tempfile.mkdtemp(prefix="front-", dir=paths.run))
        try:
            trial = text.replace(str(paths.tls / "server.pem"), str(pair)).replace("/run/att-front", str(work))
            (work / "att.conf").write_text(trial, encoding="utf-8")
            (work / "att.conf").chmod(0o644)
            # Only now: root writes into no folder where another user could have put a link.
            os.chown(work, owner.pw_uid, owner.pw_gid)
            command = ["/usr/sbin/nginx", "-t", "-q", "-c", str(work / "att.conf")]
            tried = run(command, timeout_seconds=TOOL_SECONDS, user=USER)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return "" if tried.ok else f"nginx says: {_last_line(tried.errors)}"

    def reload(self) -> str:
        """See `Front`."""
        self._former = _workers()
        done = run(["systemctl", "reload", UNIT], timeout_seconds=TOOL_SECONDS)
        return "" if done.ok else f"nginx does not read it: {_last_line(done.errors)}"

    def serves(self, sha256: str, within_seconds: float) -> bool:
        """See `Front`; a worker of before the last reload may still take one of many connections."""
        deadline = time.monotonic() + within_seconds
        while True:
            if not any(map(takes_connections, self._former)) and self._served() == sha256:
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE_SECONDS)

    def _served(self) -> str | None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        place = ("127.0.0.1", self._facts.ports.appliance)
        try:
            with (
                socket.create_connection(place, timeout=_HANDSHAKE_SECONDS) as plain,
                context.wrap_socket(plain) as secured,
            ):
                given = secured.getpeercert(binary_form=True)
        except OSError:
            return None
        return ":".join(f"{byte:02X}" for byte in hashlib.sha256(given).digest()) if given else None


class Box:
    """The machine of the front."""

    def __init__(self, facts: Facts) -> None:
        self._notices = facts.root / "run/issue.d"

    def names(self) -> list[str]:
        """See `Machine`."""
        listed = run(["ip", "-j", "address", "show", "scope", "global"], timeout_seconds=TOOL_SECONDS)
        links = json.loads(listed.output or "[]") if listed.ok else []
        addresses = [entry["local"] for link in links for entry in link.get("addr_info", []) if "local" in entry]
        return list(dict.fromkeys([socket.gethostname(), *addresses]))

    def owner(self) -> tuple[int, int]:
        """See `Machine`."""
        found = pwd.getpwnam(USER)
        return found.pw_uid, found.pw_gid

    def tell_console(self, before: str, after: str) -> None:
        """See `Machine`; the first boot writes the notice anew at each boot."""
        for path in self._notices.glob("*.issue"):
            text = path.read_text(encoding="utf-8")
            if before in text:
                write_atomically(path, text.replace(before, after).encode(), mode=path.stat().st_mode & 0o777)
        run(["agetty", "--reload"], timeout_seconds=TOOL_SECONDS)


def takes_connections(worker: Path) -> bool:
    """Return whether the nginx worker with this folder below `/proc` is there and has not been told to leave."""
    try:
        title = (worker / "cmdline").read_bytes()
    except OSError:
        return False
    return bool(title) and _LEAVING not in title


def _workers() -> tuple[Path, ...]:
    shown = run(["systemctl", "show", "-P", "MainPID", UNIT], timeout_seconds=TOOL_SECONDS)
    main = shown.output.strip() or "0"
    try:
        children = Path(f"/proc/{main}/task/{main}/children").read_text(encoding="ascii")
    except OSError:
        return ()
    return tuple(Path("/proc", child) for child in children.split())


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["nothing"])[-1]
