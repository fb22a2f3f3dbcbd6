"""What the engine's process looks after when it starts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.upgrade.approvals.appliance import API, Appliance

from att.entrypoints import upgraded


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    made = Appliance(tmp_path)
    yield made
    made.close()


def rolled_back(appliance: Appliance) -> Path:
    appliance.workshop.sick = "never ready"
    head = appliance.change()
    appliance.propose(head)
    appliance.approve()
    appliance.release(appliance.merged(head))
    return appliance.machine.layout.upgrade_state / "bootstrap" / "held.json"


def test_main_is_held_by_the_next_engine_before_anybody_asks(appliance: Appliance) -> None:
    held = rolled_back(appliance)
    assert not held.exists()
    upgraded.look_back(appliance.verbs)
    assert held.exists()


def test_what_cannot_be_written_keeps_no_engine_from_serving(appliance: Appliance) -> None:
    held = rolled_back(appliance)
    (held / "in the way").mkdir(parents=True)
    upgraded.look_back(appliance.verbs)
    assert appliance.ask(API, "status")["current"] == "1.0.0"
    assert [one.verdict for one in appliance.verbs.releases._store.cycles()[0]] == [None]
