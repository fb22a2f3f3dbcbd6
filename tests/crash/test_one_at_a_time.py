"""One transaction at a time, what is kept of each, and who brought the bundle."""

import pytest
from tests.crash.machine import Crash, Machine, problems
from tests.crash.releases import Content
from tests.crash.test_engine_crashes import NONE
from tests.crash.verdicts import code_of, current, failed_safe, state

from att.kernel.errors import AttError, Conflict, NotFound, Refused
from att.upgrade.service import Asked

# -- one at a time


def test_a_second_upgrade_is_told_who_runs(machine: Machine) -> None:
    with machine.world().lock(), pytest.raises(Conflict) as caught:
        machine.apply(NONE)
    assert caught.value.code == "upgrade_running"
    machine.apply(NONE)
    assert state(machine) == "COMMITTED"


def test_the_same_version_again_repairs_what_was_damaged(machine: Machine) -> None:
    machine.apply(NONE)
    damaged = machine.layout.release("1.1.0") / "salt"
    damaged.chmod(0o644)
    damaged.write_bytes(b"damaged")
    machine.apply(NONE)
    assert state(machine) == "COMMITTED"
    assert (machine.layout.release("1.1.0") / "salt").read_bytes() == b""
    assert problems(machine) == []


def test_retention_keeps_three_and_never_the_one_in_use(machine: Machine) -> None:
    for number in range(1, 6):
        machine.apply(Content(f"1.{number}.0"))
    assert sorted(machine.world().links().releases) == ["1.3.0", "1.4.0", "1.5.0"]
    assert problems(machine) == []


def test_history_outlives_the_journal(machine: Machine) -> None:
    for number in range(1, 6):
        machine.apply(Content(f"1.{number}.0"))
    found = machine.engine().history(50)
    assert [one.target for one in found] == [f"1.{number}.0" for number in range(5, 0, -1)]
    assert {one.verdict for one in found} == {"committed"}
    with pytest.raises(NotFound):
        machine.engine().show("txn_nobody")


def test_a_line_of_history_that_nobody_can_read_stops_no_upgrade(machine: Machine) -> None:
    for number in (1, 2):
        machine.apply(Content(f"1.{number}.0"))
    lines = b'{"id": "txn_of_another_form"}\n{"id": "torn\n\xff\n[]\n'
    with (machine.layout.upgrade_state / "history.jsonl").open("ab") as file:
        file.write(lines)
    machine.apply(Content("1.3.0"))
    assert (state(machine), current(machine)) == ("COMMITTED", "1.3.0")
    assert [one.target for one in machine.engine().history(50)] == ["1.3.0", "1.2.0", "1.1.0"]


def test_every_transition_is_audited(machine: Machine) -> None:
    machine.sick["1.1.0"] = "probation"
    machine.apply(NONE)
    text = machine.layout.audit.read_text()
    for name in ("VERIFIED", "STAGED", "PREFLIGHT", "SNAPSHOT", "SWITCHED", "RESTARTED", "PROBATION", "ROLLED_BACK"):
        assert f'"state":"{name}"' in text
    assert "watchdog_failure" in text


def test_the_error_of_a_refusal_is_what_the_engine_raised(machine: Machine) -> None:
    machine.apply(Content("1.1.0", from_versions=("==0.1.0",)))
    assert (state(machine), code_of(machine)) == ("REFUSED", "from_version")
    assert issubclass(Conflict, AttError)


# -- who brought the bundle


@pytest.mark.parametrize("how", ["committed", "refused", "killed"])
def test_who_brings_a_bundle_hears_once_that_nobody_reads_it_any_more(machine: Machine, how: str) -> None:
    heard: list[str] = []
    machine.contents[NONE.version] = machine.bundles[7] = NONE
    if how == "refused":
        failed_safe(machine)
    if how == "killed":
        machine.effects.clear()
        machine.crash_at = 20
    try:
        machine.engine().apply(7, Asked("test"), lambda: heard.append(how))
        ended = "committed"
    except Refused:
        ended = "refused"
    except Crash:
        ended = "killed"
    assert ended == how
    assert heard == [how]
