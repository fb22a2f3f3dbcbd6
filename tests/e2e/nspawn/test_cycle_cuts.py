"""The power is cut in each of the ten steps of one change: it goes on, or ends and leaves nothing half done."""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.appliance.box import settled
from tests.appliance.nspawn import template
from tests.appliance.nspawn.container import CannotBoot, Container, overlay
from tests.bench.table import Row, write
from tests.e2e.changes import PATCHES, Changes

from att.bootstrap.decision import Step

STEP_SECONDS_MAX = 600.0
DATABASE = "var/lib/att/api/db/att.db"
FORGE = "var/lib/att/api/forge"
BUILDING = "/var/lib/att/upgrade/building"
NEWEST = "SELECT step FROM jobs WHERE operation = 'att.bootstrap.run' ORDER BY seq DESC LIMIT 1"
ATTEMPTS = "SELECT attempts FROM jobs WHERE operation = 'att.bootstrap.run' ORDER BY seq DESC LIMIT 1"
JOB = "SELECT id FROM jobs WHERE operation = 'att.bootstrap.run' ORDER BY seq DESC LIMIT 1"


@pytest.fixture(scope="module")
def machine(whole_root: Path, committed: str) -> Iterator[Container]:
    with overlay(whole_root, template.folder()) as container:
        yield container


@pytest.fixture(scope="module")
def rows() -> Iterator[list[Row]]:
    told: list[Row] = []
    yield told
    write("change-cuts", "make e2e", told)


class Cut(threading.Thread):
    """Pulls the plug as soon as the newest change is at a step; looks at the disk from outside."""

    def __init__(self, machine: Container, step: Step) -> None:
        super().__init__(daemon=True)
        self._machine = machine
        self._step = step
        self._until = time.monotonic() + STEP_SECONDS_MAX
        self.made = False
        self.start()

    def run(self) -> None:
        """Watch, then kill the container's first process: nothing in it runs another instruction."""
        while time.monotonic() < self._until:
            if self._machine.leader and asked(self._machine, NEWEST) == self._step:
                os.kill(self._machine.leader, signal.SIGKILL)
                self.made = True
                return
            time.sleep(0.002)

    def wait(self) -> None:
        """Return once the plug is pulled; an AssertionError says that the step never came."""
        self.join()
        self._machine.cut()
        assert self.made, f"the change never came to {self._step}: {asked(self._machine, NEWEST)}"


def asked(machine: Container, question: str) -> str:
    """The first answer of the API's database, as it lies on the container's disk; empty where there is none yet."""
    place = f"file:{machine.root / DATABASE}?mode=ro"
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(place, uri=True, timeout=5)) as database:
        found = database.execute(question).fetchone()
        return str(found[0]) if found else ""
    return ""


def test_a_power_cut_while_it_is_registered_leaves_a_project_to_be_registered_again(
    machine: Container, rows: list[Row]
) -> None:
    begun = threading.Event()

    def watch() -> None:
        until = time.monotonic() + STEP_SECONDS_MAX
        while time.monotonic() < until and not begun.is_set():
            if machine.leader and any((machine.root / FORGE).glob("*.git*")):
                os.kill(machine.leader, signal.SIGKILL)
                begun.set()
            time.sleep(0.001)

    threading.Thread(target=watch, daemon=True).start()
    with suppress(CannotBoot):
        machine.boot()
    assert begun.wait(STEP_SECONDS_MAX)
    machine.cut()
    machine.boot()
    settled(machine)
    assert machine.told("git", "status", "att")["files"] == []
    rows.append(Row(Step.REGISTER, "registered at the next boot"))


def test_a_change_survives_a_power_cut_in_each_of_its_steps(machine: Container, rows: list[Row]) -> None:
    changes = Changes(machine)
    before, steps = changes.serves(), list(Step)[1:]
    cut = Cut(machine, steps[0])
    with suppress(AssertionError, ValueError):
        changes.begin(PATCHES / "good" / "another_hint.patch")  # the plug may be pulled before it answers
    for step, after in zip(steps, [*steps[1:], None], strict=True):
        cut.wait()
        job = asked(machine, JOB)
        if after is not None:
            cut = Cut(machine, after)
        with suppress(CannotBoot):
            machine.boot()
        if step is Step.APPROVE:
            changes.approve(changes.waiting(job)["number"])
        rows.append(Row(step, f"went on to {after}" if after else "", how=f"attempt {asked(machine, ATTEMPTS)}"))
    cycle = changes.ended(asked(machine, JOB))
    rows[-1] = Row(Step.HEALTH, cycle["outcome"])
    told = machine.told("bootstrap", "status")
    assert [one["number"] for one in told["releases"]] == [cycle["number"]], "one release was begun"
    machine.told("git", "fetch", "att", "--wait")
    log = machine.told("git", "log", "att", "--ref", "origin/main", "--limit", "5")["commits"]
    assert [one["commit"] for one in log].count(cycle["merge_commit"]) == 1
    assert sum(one["message"].startswith("another hint") for one in log) == 1, log
    assert machine.run("ls", "-A", BUILDING).stdout.split() == []
    assert machine.attctl("status").returncode == 0
    assert (changes.serves() != before) == (cycle["outcome"] == "released")
    assert changes.hint().startswith("every path") == (cycle["outcome"] == "released")
    assert machine.told("git", "status", "att")["files"] == []
