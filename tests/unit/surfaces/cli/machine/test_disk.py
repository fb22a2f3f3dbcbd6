"""`attctl disk` from the command line."""

import json

import pytest
from tests.unit.machine.disk.test_service import Disks
from tests.unit.surfaces.cli.conftest import Attctl
from tests.unit.surfaces.cli.machine.conftest import Audited

from att.appliance import Facts
from att.effects.room import Room


@pytest.fixture
def disks(box: Facts, monkeypatch: pytest.MonkeyPatch) -> Disks:
    made = Disks()
    monkeypatch.setattr("att.machine.disk.world.SystemDisks", lambda _facts: made)
    monkeypatch.setattr("att.machine.disk.service.room_of", lambda _path: Room(50.0, 50_000_000))
    box.paths.config.parent.mkdir(parents=True)
    return made


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ("disk: {warn_percent: 98, limit_percent: 99, free_mb_min: 0}", 0),
        ("disk: {warn_percent: 98, limit_percent: 99, free_mb_min: 1000000000}", 3),
        ("disk: {warn_percent: 1, limit_percent: 2}", 4),
    ],
)
def test_the_exit_code_says_how_full_it_is(disks: Disks, box: Facts, attctl: Attctl, settings: str, code: int) -> None:
    box.paths.config.write_text(settings)
    ran = attctl("disk", "show", "--json")
    assert (ran.code, len(json.loads(ran.out)["file_systems"])) == (code, 1)


def test_growing_asks_first_and_is_audited(disks: Disks, attctl: Attctl, audited: Audited) -> None:
    asked = attctl("disk", "grow", answer="n")
    assert (asked.code, disks.done) == (4, [])
    assert attctl("disk", "grow", "--yes").code == 0
    assert disks.done[-1] == "file system /dev/vda3"
    assert [(one["action"], one["device"]) for one in audited()] == [("machine.disk.grow", "/dev/vda3")]
