"""Looks at the appliance from outside as a client would: readiness, release id, a canary written and read, restarts."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from att.effects import http
from att.health.decision import Round
from att_stage0.layout import API
from att_stage0.units import Units, UnitsFailed
from att_stage0.world import Clock

_OK = frozenset({"ok", "degraded"})


class Probe(Protocol):
    """The far side of the gate."""

    def look(self, target: str, units: tuple[str, ...], timeout_seconds: float) -> Round:
        """Make one round for the release `target`; a service that is down is an answer, not an error.

        `units` are the sockets, and with them the services, that must be active.
        """


@dataclass(frozen=True)
class SocketProbe:
    """The real one. `token` makes the gate's bearer token, good for health and canary alone."""

    socket: Path
    units: Units
    clock: Clock
    token: Callable[[], str]

    def look(self, target: str, units: tuple[str, ...], timeout_seconds: float) -> Round:
        """See `Probe`."""
        checks: dict[str, str | None] = {}
        answered_by = ""
        try:
            answer = http.request(self.socket, "GET", "/readyz", timeout_seconds=timeout_seconds)
            answered_by = release_of(answer.json)
            checks |= readiness(answer)
            checks["release"] = None if answered_by == target else f"{answered_by or 'nobody'} answers, not {target}"
            checks["canary"] = self._canary(timeout_seconds)
        except http.NoAnswer as error:
            checks |= dict.fromkeys(("ready", "release", "canary"), str(error))
        process, restarts = "", 0
        try:
            state = self.units.state(f"{API}.service")
            process, restarts = state.invocation, state.restarts
            checks["restarts"] = None if state.active == "active" else f"the service is {state.active}"
            checks["sockets"] = self._inactive(units)
        except UnitsFailed as error:
            checks |= {"restarts": str(error), "sockets": str(error)}
        return Round(self.clock.monotonic(), checks, answered_by, process, restarts)

    def _canary(self, timeout_seconds: float) -> str | None:
        value = secrets.token_hex(16)
        token = self.token()
        path = "/api/v1/health/canary"
        wrote = http.request(
            self.socket, "POST", path, timeout_seconds=timeout_seconds, token=token, payload={"value": value}
        )
        if wrote.status not in (200, 201) or not isinstance(wrote.json, dict):
            return f"writing answered {wrote.status}"
        read = http.request(
            self.socket, "GET", f"{path}/{wrote.json.get('id')}", timeout_seconds=timeout_seconds, token=token
        )
        same = read.status == 200 and isinstance(read.json, dict) and read.json.get("value") == value
        return None if same else f"reading answered {read.status}"

    def _inactive(self, names: tuple[str, ...]) -> str | None:
        down = [name for name in names if self.units.state(name).active != "active"]
        return f"{', '.join(down)} not active" if down else None


def readiness(answer: http.Answer) -> dict[str, str | None]:
    """The check `ready`, and one for each of the service's own checks, as `ready.<name>`."""
    found: dict[str, str | None] = {"ready": None if answer.status == 200 else f"/readyz answered {answer.status}"}
    own = answer.json.get("checks") if isinstance(answer.json, dict) else None
    bad = []
    for name, check in (own if isinstance(own, dict) else {}).items():
        told = check if isinstance(check, dict) else {}
        passed = told.get("status") in _OK
        found[f"ready.{name}"] = None if passed else str(told.get("detail") or told.get("status") or "no status")
        if not passed:
            bad.append(str(name))
    if found["ready"] is not None and bad:
        found["ready"] = f"/readyz answered {answer.status}: {', '.join(bad)} failing"
    return found


def release_of(body: Any) -> str:
    """The release id of a readiness answer, empty where it names none."""
    found = body.get("release") if isinstance(body, dict) else None
    return found if isinstance(found, str) else ""
