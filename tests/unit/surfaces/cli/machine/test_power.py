"""`attctl reboot` and `attctl poweroff` from the command line; the service manager is played."""

import pytest
from tests.unit.machine.test_power import wrote
from tests.unit.surfaces.cli.conftest import Attctl
from tests.unit.surfaces.cli.machine.conftest import Audited

from att.appliance import Facts
from att.effects.processes import Finished
from att.machine import power


@pytest.fixture
def asked(box: Facts, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What systemctl was asked for; it refuses when the list begins with `broken`."""
    box.paths.journal.mkdir(parents=True)
    calls: list[list[str]] = []

    def run(command: list[str], **_: object) -> Finished:
        calls.append(command)
        return Finished(int(calls[0] == ["broken"]), "", "no manager")

    monkeypatch.setattr(power, "run", run)
    return calls


@pytest.mark.parametrize("verb", ["reboot", "poweroff"])
def test_it_asks_then_audits_then_goes(asked: list[list[str]], attctl: Attctl, audited: Audited, verb: str) -> None:
    assert attctl(verb, answer="n").code == 4
    assert (asked, audited()) == ([], [])
    assert attctl(verb, answer="y").code == 0
    assert asked == [["systemctl", "--no-block", verb]]
    assert [(one["action"], one["by"]) for one in audited()] == [(f"machine.{verb}", "ann")]


def test_an_upgrade_is_not_cut_unless_it_is_forced(asked: list[list[str]], box: Facts, attctl: Attctl) -> None:
    wrote(box, "SWITCHED")
    refused = attctl("reboot", "--yes")
    assert (refused.code, "error[upgrade_running]" in refused.err, asked) == (4, True, [])
    assert attctl("reboot", "--yes", "--force").code == 0
    assert len(asked) == 1


def test_a_manager_that_refuses_is_told(asked: list[list[str]], attctl: Attctl) -> None:
    asked.append(["broken"])
    ran = attctl("poweroff", "--yes")
    assert (ran.code, "no manager" in ran.err) == (4, True)
