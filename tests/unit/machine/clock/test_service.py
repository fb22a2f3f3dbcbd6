"""The clock of a machine that is a folder, against the kernel's own clocks."""

import os
from pathlib import Path

import pytest
from tests.unit.machine.clock.test_decision import STATUS

from att.appliance import Facts, facts
from att.effects.clock import STAMP, boot_time, jump_seconds
from att.machine.clock.service import TimeService
from att.machine.clock.world import SystemClock


@pytest.fixture
def machine(tmp_path: Path) -> Facts:
    found = facts().rooted(tmp_path)
    found.paths.run.mkdir(parents=True)
    return found


class Clock(SystemClock):
    """The folder's clock; the programs of systemd are played."""

    running = True

    def active(self) -> bool:
        return self.running

    def status(self) -> str:
        return STATUS

    def servers(self) -> str:
        return "SystemNTPServers=ntp.example.org\n"


def test_a_clock_of_the_network_is_told_with_its_server_and_when(machine: Facts) -> None:
    clock = Clock(machine)
    synchronised = machine.root / "run/systemd/timesync/synchronized"
    synchronised.parent.mkdir(parents=True)
    synchronised.touch()
    os.utime(synchronised, (clock.now() - 30, clock.now() - 30))
    clock.accept()
    rtc = machine.root / "sys/class/rtc/rtc0"
    rtc.mkdir(parents=True)
    (rtc / "date").write_text("2026-11-22\n")
    (rtc / "time").write_text("10:11:12\n")
    (machine.root / "etc").mkdir()
    (machine.root / "etc/localtime").symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    found = TimeService(clock).show()
    assert (found.source, found.synchronised, found.server, found.servers) == (
        "systemd-timesyncd",
        True,
        "ntp.example.org",
        ["ntp.example.org"],
    )
    assert (found.time_zone, found.hardware_clock) == ("Europe/Berlin", "2026-11-22T10:11:12+00:00")
    assert found.jump_seconds == pytest.approx(0, abs=1)
    assert found.warnings == []


def test_a_bare_machine_is_told_as_it_is_and_a_service_that_stands_is_not_asked(
    machine: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(machine)
    clock.running = False
    monkeypatch.setattr(Clock, "status", None)
    monkeypatch.setattr(Clock, "servers", None)
    found = TimeService(clock).show()
    assert (found.source, found.synchronised, found.last_sync, found.jump_seconds) == ("none", False, None, None)
    assert (found.time_zone, found.hardware_clock) == ("UTC", None)
    assert len(found.warnings) == 1


def test_a_clock_that_was_set_is_told_until_it_is_accepted(machine: Facts) -> None:
    clock = Clock(machine)
    stamp = machine.paths.run / STAMP
    stamp.write_text(f"{boot_time() - 3600:.3f}\n")
    assert jump_seconds(stamp) == pytest.approx(3600, abs=1)
    assert "+3600 s" in " ".join(TimeService(clock).show().warnings)
    assert "set by" not in " ".join(TimeService(clock).accept().warnings)
    assert jump_seconds(stamp) == pytest.approx(0, abs=1)


@pytest.mark.parametrize("text", ["", "soon", "1e999999x"])
def test_a_damaged_stamp_is_none(machine: Facts, text: str) -> None:
    (machine.paths.run / STAMP).write_text(text)
    assert jump_seconds(machine.paths.run / STAMP) is None
