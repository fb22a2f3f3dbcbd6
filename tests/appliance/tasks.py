"""Drives tasks in an appliance as the API does: as its user, over the launcher's socket."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.appliance.box import Box

HERE = Path(__file__).parent
BIN = "/usr/local/bin"
PROGRAMS = ("probe.py", "drive_tasks.py", "resident.py")
PROBE = ("/usr/bin/python3", "-I", f"{BIN}/probe.py")
RELEASED_PYTHON = "/opt/att/current/venv/bin/python"
TASK_SECONDS_MAX = 60.0


class Tasks:
    """Tasks of the project in a slot, whether or not the API knows one there."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self._count = 0
        for name in PROGRAMS:
            box.write(f"{BIN}/{name}", (HERE / name).read_text(encoding="utf-8"), mode=0o755)

    def do(self, what: str, slot: int, **given: Any) -> dict[str, Any]:
        """Do what `drive_tasks.py` offers, and return its answer."""
        seconds = TASK_SECONDS_MAX * self.box.patience
        asked = json.dumps({"do": what, "slot": slot, "seconds": seconds, **given})
        done = self.box.run(
            RELEASED_PYTHON, "-P", f"{BIN}/drive_tasks.py", user="att", stdin=asked, timeout_seconds=seconds + 60
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def run(self, slot: int, command: Sequence[str], **spec: Any) -> dict[str, Any]:
        """Run a task to its end; returns its state and log."""
        return self.do("run", slot, spec={"task_id": self._new_id(), "kind": "test", "command": command, **spec})

    def start(self, slot: int, command: Sequence[str], **spec: Any) -> str:
        """Start a task and return its id."""
        whole = {"task_id": self._new_id(), "kind": "test", "command": command, **spec}
        started = self.do("start", slot, spec=whole)
        assert "state" in started, started
        return str(whole["task_id"])

    def probes(self, slot: int, *probes: str, **spec: Any) -> dict[str, str]:
        """Try the probes in a task of the slot; returns what each came to."""
        answer = self.run(slot, [*PROBE, *probes], **spec)
        found: dict[str, str] = json.loads(answer["log"])
        return found

    def router_key(self, slot: int) -> str:
        """A key for the router as the API gives it to apps of that slot."""
        return str(self.do("key", slot)["key"])

    def _new_id(self) -> str:
        self._count += 1
        return f"task_{self._count}"


def probes_as_root(box: Box, *probes: str) -> dict[str, str]:
    """Try the probes as root outside of every sandbox: what fails there proves nothing."""
    found: dict[str, str] = json.loads(box.run(*PROBE, *probes).stdout)
    return found


def denied(answers: Mapping[str, str], expected: Mapping[str, str]) -> None:
    """Every probe failed, and with the error that says by what it was stopped."""
    assert {probe: answers[probe] for probe in expected if answers[probe] != expected[probe]} == {}
    assert "ok" not in answers.values()
