"""When the machine may be restarted, by the journal of a folder."""

from pathlib import Path

import pytest

from att.appliance import Facts, facts
from att.kernel.errors import Conflict
from att.machine.power import demand_no_upgrade, upgrade_under_way
from att_stage0.journal import Journal


@pytest.fixture
def machine(tmp_path: Path) -> Facts:
    found = facts().rooted(tmp_path)
    found.paths.journal.mkdir(parents=True)
    return found


def wrote(machine: Facts, state: str, phase: str = "done") -> None:
    body = {"v": 1, "at": 1.0, "boot": "b", "monotonic": 1.0, "state": state, "phase": phase, "set": {}}
    Journal(machine.paths.journal / "journal", lambda _: None).append("tx_1", body)


def test_a_machine_at_rest_may_go(machine: Facts) -> None:
    demand_no_upgrade(machine, "reboot", force=False)
    for state in ("STAGED", "SWITCHED", "COMMITTED"):
        wrote(machine, state)
    demand_no_upgrade(machine, "reboot", force=False)


@pytest.mark.parametrize("state", ["VERIFIED", "SNAPSHOT", "SWITCHED", "PROBATION", "ROLLING_BACK"])
def test_an_upgrade_holds_the_machine_unless_it_is_forced(machine: Facts, state: str) -> None:
    wrote(machine, state)
    with pytest.raises(Conflict) as refused:
        demand_no_upgrade(machine, "reboot", force=False)
    assert (refused.value.code, state in refused.value.detail) == ("upgrade_running", True)
    demand_no_upgrade(machine, "reboot", force=True)


def test_a_torn_journal_is_read_as_far_as_it_is_whole(machine: Facts) -> None:
    wrote(machine, "SWITCHED")
    with (machine.paths.journal / "journal").open("ab") as file:
        file.write(b"\0\0\1")
    found = upgrade_under_way(machine)
    assert found is not None
    assert found.id == "tx_1"
