"""ATT changes itself in the machine, with the power cut where it hurts; a bad change gets no further than its tests."""

import threading
from collections.abc import Iterator

import pytest
from tests.appliance.box import settled
from tests.appliance.vm.operated import Operated
from tests.bench.table import Row, write
from tests.e2e.changes import PATCHES, Changes, Stopwatch, rows_of, steps_of

from att.bootstrap.decision import Step

ALL_SECONDS_MAX = 3_600.0
CUT_AT = ("merge", "release", "switch")
# In the machine itself, because the way there takes longer than a merge.
WATCH = """
import os, sqlite3, sys, time
at, before = sys.argv[1], os.readlink("/opt/att/current")
place = "file:/var/lib/att/api/db/att.db?mode=ro"
ask = "SELECT step FROM jobs WHERE operation = 'att.bootstrap.run' ORDER BY seq DESC LIMIT 1"
while True:
    if at == "switch":
        there = os.readlink("/opt/att/current") != before
    else:
        database = sqlite3.connect(place, uri=True, timeout=20)
        there = database.execute(ask).fetchone() == (at,)
        database.close()
    if there:
        break
    time.sleep(0.02)
print("there", flush=True)
"""


@pytest.fixture(scope="module")
def machine(booted: Operated) -> Operated:
    if booted.machine.pid() is None:
        booted.boot()
    booted.status_becomes_ok()
    settled(booted.box)
    return booted


@pytest.fixture(scope="module")
def changes(machine: Operated) -> Changes:
    return Changes(machine.box)


@pytest.fixture(scope="module")
def watch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture(scope="module")
def rows() -> Iterator[list[Row]]:
    told: list[Row] = []
    yield told
    write("changes-in-the-machine", "make e2e", told)


def test_a_patch_becomes_the_running_release_in_one_job(changes: Changes, rows: list[Row], watch: Stopwatch) -> None:
    before = changes.serves()
    cycle = changes.made(PATCHES / "good" / "another_hint.patch")
    assert cycle["outcome"] == "released", cycle
    assert cycle["deployed_release_id"] == changes.serves() != before
    assert changes.status()["base"] == cycle["merge_commit"]
    assert changes.hint().startswith("every path")
    assert list(steps_of(cycle)) == list(Step)
    rows += rows_of("attctl, one job", steps_of(cycle), watch.seconds, ALL_SECONDS_MAX)


def test_a_bad_change_gets_no_further_than_its_tests(changes: Changes) -> None:
    before = changes.serves()
    cycle = changes.ended(changes.begin(PATCHES / "bad" / "breaks_a_unit_test.patch"))
    assert (cycle["problem"]["code"], cycle["steps"][-1]["step"]) == ("tests_failed", Step.TEST)
    assert cycle["steps"][-1]["evidence"]["failed"], "a test has failed, not their start"
    assert (cycle["number"], changes.serves()) == (None, before)


def test_power_cuts_at_merge_build_and_switch_leave_nothing_half_done(
    machine: Operated, changes: Changes, rows: list[Row], watch: Stopwatch
) -> None:
    before = changes.serves()
    job = changes.begin(PATCHES / "beside" / "another_answer.patch")
    number = changes.waiting(job)["number"]
    for at in CUT_AT:
        if at == CUT_AT[0]:
            threading.Timer(5, changes.approve, [number]).start()
        machine.guest.ssh("sudo", "python3", "-c", WATCH, at, timeout_seconds=ALL_SECONDS_MAX)
        machine.machine.power_cut()
        machine.boot()
        machine.status_becomes_ok()
        cycle = changes.shown(job)
        rows.append(Row(f"power cut at {at}", str(cycle["outcome"] or f"went on with {cycle['step']}")))
        if cycle["finished"]:
            break
    cycle = changes.ended(job)
    assert cycle["outcome"] in ("released", "rolled_back"), cycle
    assert (changes.serves() != before) == (cycle["outcome"] == "released")
    assert [one["number"] for one in changes.status()["releases"]].count(number) == 1
    assert changes.box.told("git", "status", "att")["files"] == []
    assert changes.box.run("ls", "-A", "/var/lib/att/upgrade/building").stdout.split() == []
    rows.append(Row("after three power cuts", str(cycle["outcome"])))
    rows.append(Row("all of it", f"{watch.seconds / 60:.0f} min", f"{ALL_SECONDS_MAX / 60:.0f} min"))
