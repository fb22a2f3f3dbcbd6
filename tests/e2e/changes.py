"""Changes of ATT by itself on an appliance, made with attctl at the SSH door, as an operator makes them."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dev.vm.machine import wait_until
from tests.appliance.box import Box
from tests.bench.table import Row

PATCHES = Path(__file__).parents[1] / "bootstrap"
HOME = "/home/operator"
SETTINGS = f"{HOME}/att.yaml"
WAIT_SECONDS_MAX = 900.0
HINTS = "src/att/surfaces/rest/failures.py"
"""Where a text lies that whoever asks for a path that is not there can see."""
_ASK = """
import http.client, ssl, sys
door = http.client.HTTPSConnection("127.0.0.1", 7443, timeout=60, context=ssl._create_unverified_context())
door.request("GET", sys.argv[1])
print(door.getresponse().read().decode())
"""

Cycle = Mapping[str, Any]
"""What `attctl bootstrap show` prints."""


class Changes:
    """The changes of one appliance."""

    def __init__(self, box: Box) -> None:
        self.box = box

    def begin(self, patch: Path, *options: str) -> str:
        """Have a patch made a change of ATT; returns the id of its job."""
        there = f"{HOME}/{patch.name}"
        self.box.write(there, patch.read_text(encoding="utf-8"))
        title = patch.stem.replace("_", " ")
        return str(self.box.told("bootstrap", "run", there, "--title", title, *options)["job_id"])

    def shown(self, job: str) -> Cycle:
        """The change as it is now."""
        found: Cycle = self.box.told("bootstrap", "show", job)
        return found

    def status(self) -> Mapping[str, Any]:
        """What the engine says of all changes."""
        found: Mapping[str, Any] = self.box.told("bootstrap", "status")
        return found

    def proposal(self, number: int) -> Mapping[str, Any] | None:
        """How a pull request stands with the engine."""
        return next((one for one in self.status()["proposals"] if one["number"] == number), None)

    def waiting(self, job: str) -> Mapping[str, Any]:
        """Wait until the change waits for people; returns its proposal."""
        found: list[Mapping[str, Any]] = []

        def waits() -> bool:
            cycle = self.shown(job)
            assert cycle["finished"] is None, f"it does not wait: {cycle}"
            if cycle["step"] == "approve" and (one := self.proposal(cycle["number"])):
                found.append(one)
            return bool(found)

        self._until(waits, f"{job} to wait for an approval")
        return found[0]

    def approve(self, number: int, *options: str) -> str:
        """Look at a change and allow it, as a person at the SSH door; returns what was shown."""
        return self.box.attctl("bootstrap", "approve", str(number), "--yes", *options).stderr

    def allow(self, job: str) -> None:
        """Wait until a change waits for people, and say all that is missing: twice where it touches what judges it."""
        proposal = self.waiting(job)
        self.approve(proposal["number"])
        if proposal["protected"]:
            self.approve(proposal["number"], "--protected")

    def ended(self, job: str) -> Cycle:
        """Wait until nothing of the change is left to do, through a release that does not answer."""
        self._until(lambda: self._finished(job), f"{job} to end")
        return self.shown(job)

    def made(self, patch: Path, *options: str) -> Cycle:
        """Have a patch made and approved, and wait for whatever becomes of it."""
        job = self.begin(patch, *options)
        self.allow(job)
        return self.ended(job)

    def settings(self, **upgrade: str) -> None:
        """Apply settings of the section `upgrade` as an operator at the SSH door."""
        lines = "".join(f"  {name}: {value}\n" for name, value in upgrade.items())
        self.box.write(SETTINGS, f"upgrade:\n{lines}")
        self.box.told("config", "apply", SETTINGS)

    def serves(self) -> str:
        """The release that answers at the appliance port."""
        return str(self.answer("/readyz")["release"])

    def hint(self) -> str:
        """The text that a change of `HINTS` changes, as a client sees it."""
        return str(self.answer("/api/v1/nowhere")["hint"])

    def answer(self, path: str) -> Mapping[str, Any]:
        """What the appliance port answers to whoever has not signed in."""
        found: Mapping[str, Any] = json.loads(self.box.run("python3", "-c", _ASK, path).stdout)
        return found

    def audited(self, number: int) -> list[str]:
        """What was done about a pull request, as the engine's own log tells it."""
        lines = self.box.run("cat", "/var/log/att/audit.log").stdout.splitlines()
        return [one["action"] for one in map(json.loads, lines) if one.get("number") == number]

    def _finished(self, job: str) -> bool:
        try:
            return self.shown(job)["finished"] is not None
        except AssertionError as error:
            if "error[unreachable]" not in str(error):
                raise
            return False

    def _until(self, done: Any, what: str) -> None:
        wait_until(done, WAIT_SECONDS_MAX * self.box.patience, what, every_seconds=0.5)


class Stopwatch:
    """How long a person waited, from the begin."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began


def steps_of(cycle: Cycle) -> dict[str, float]:
    """The seconds that each step took, all passes through it together."""
    found: dict[str, float] = {}
    for one in cycle["steps"]:
        found[one["step"]] = round(found.get(one["step"], 0.0) + (one["seconds"] or 0.0), 1)
    return found


def rows_of(what: str, took: Mapping[Any, float], seconds: float, bound: float) -> Iterator[Row]:
    """A line of a table for each step of a change, and one for all."""
    for step, part in took.items():
        yield Row(f"{what}: {step}", f"{part:.1f} s")
    yield Row(f"{what}: request to committed", f"{seconds:.0f} s", f"{bound:.0f} s")
