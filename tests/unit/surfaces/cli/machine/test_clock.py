"""`attctl time` from the command line."""

import json

import pytest
from tests.unit.machine.clock.test_service import Clock
from tests.unit.surfaces.cli.conftest import Attctl
from tests.unit.surfaces.cli.machine.conftest import Audited

from att.appliance import Facts
from att.effects.clock import STAMP, boot_time


def test_a_jump_is_shown_accepted_and_audited(
    box: Facts, attctl: Attctl, audited: Audited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("att.machine.clock.world.SystemClock", Clock)
    (box.paths.run / STAMP).write_text(f"{boot_time() + 600:.3f}\n")
    shown = attctl("time", "show", "--json")
    assert shown.code == 3
    assert json.loads(shown.out)["jump_seconds"] == pytest.approx(-600, abs=1)
    assert attctl("time", "accept").code == 0
    assert json.loads(attctl("time", "show", "--json").out)["jump_seconds"] == pytest.approx(0, abs=1)
    (line,) = audited()
    assert (line["action"], line["jump_seconds"]) == ("machine.time.accept", pytest.approx(-600, abs=1))
