"""Asks the API for its readiness through the real socket, as a client would, with the standard library alone."""

import contextlib
import json
import socket
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

BODY_BYTES_MAX = 1_000_000


@dataclass(frozen=True)
class Readiness:
    """What `/readyz` said: the release that answers, and the checks that do not pass. No answer: `release` empty."""

    ready: bool
    release: str
    failing: tuple[str, ...]
    detail: str

    def proves(self, release: str, accepted: Collection[str]) -> bool:
        """Whether this is `release`, ready but for the checks that were accepted as failing before."""
        return self.release == release and (self.ready or (bool(self.failing) and set(self.failing) <= set(accepted)))


class Readyz(Protocol):
    """The far side of the readiness question."""

    def __call__(self, timeout_seconds: float) -> Readiness:
        """Ask once; never raises for a sick service."""


@dataclass(frozen=True)
class SocketReadyz:
    """The real one."""

    path: Path

    def __call__(self, timeout_seconds: float) -> Readiness:
        """See `Readyz`."""
        # A quarter of stage0's start, and a boot that finds nothing unfinished asks nobody.
        import http.client

        try:
            with contextlib.closing(http.client.HTTPConnection("localhost")) as connection:
                connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                connection.sock.settimeout(timeout_seconds)
                connection.sock.connect(str(self.path))
                connection.request("GET", "/readyz", headers={"Connection": "close"})
                response = connection.getresponse()
                body = response.read(BODY_BYTES_MAX)
                return read(response.status, body)
        except (OSError, http.client.HTTPException) as error:
            return Readiness(False, "", (), f"no answer: {error or type(error).__name__}")


def read(status: int, body: bytes) -> Readiness:
    """Understand one answer; whatever the bytes are."""
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        return Readiness(False, "", (), f"status {status} without JSON")
    checks = answer.get("checks")
    failing = tuple(
        str(name)
        for name, check in (checks.items() if isinstance(checks, dict) else ())
        if not isinstance(check, dict) or check.get("status") not in ("ok", "degraded")
    )
    release = answer.get("release")
    detail = f"status {status}" + (f", failing: {', '.join(failing)}" if failing else "")
    return Readiness(status == 200, release if isinstance(release, str) else "", failing, detail)
