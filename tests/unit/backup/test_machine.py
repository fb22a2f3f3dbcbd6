"""How held services are let go, told by a service manager that notes what it is asked and may be cut anywhere."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.unit.backup.appliance import FACTS

from att.backup import machine
from att.backup.machine import Machine
from att.effects.processes import Finished
from att.upgrade.tools import layout_of
from att_stage0.readiness import Readiness
from att_stage0.units import UnitsFailed, UnitState
from att_stage0.world import SystemClock, World


class Hurried(SystemClock):
    """Nobody waits."""

    def sleep(self, seconds: float) -> None:
        pass


class Cut(BaseException):
    """It is killed."""


@dataclass
class Manager:
    """Loads the drop-ins at each reload; is killed before the call of that number."""

    units: Path
    cut_at: int = 0
    asked: list[str] = field(default_factory=list)
    waiting: bool = True
    listening: bool = True
    silent: int = 0

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if len(self.asked) == self.cut_at:
            raise Cut(what)

    def reload(self) -> None:
        self._ask("reload")
        self.waiting = bool(list(self.units.glob("*.d/*")))

    def restart(self, names: Sequence[str]) -> None:
        self._ask("restart")

    def start(self, names: Sequence[str]) -> None:
        self._ask("start")

    def stop(self, names: Sequence[str]) -> None:
        self._ask("stop")

    def kill(self, name: str) -> None:
        self._ask("kill")

    def reset_failed(self, names: Sequence[str]) -> None:
        self._ask("reset")

    def state(self, name: str) -> UnitState:
        if self.silent:
            self.silent -= 1
            raise UnitsFailed("no answer")
        return UnitState("loaded", "active" if self.listening else "inactive", 1, 0, "")

    def log(self, name: str, since: float) -> str:
        return ""

    def command_lines(self) -> str:
        return ""


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Machine, Manager]:
    """One whose services a restore holds."""
    facts = FACTS.rooted(tmp_path)
    monkeypatch.setattr(machine, "running_release", lambda: "1.0.0")
    units = tmp_path / "units"
    for name in ("att-api", "att-router", "att-upgraded"):
        (units / f"{name}.service.d").mkdir(parents=True)
        (units / f"{name}.service.d" / "60-restore.conf").touch()
    carried = facts.paths.releases / "1.0.0" / "systemd"
    carried.mkdir(parents=True)
    (carried / "att-api.service").touch()
    layout = layout_of(facts)
    layout.image_units.mkdir(parents=True)
    (layout.image_units / "att-api.socket").write_text("[Socket]\n")
    manager = Manager(units)
    world = World(layout, manager, lambda _: Readiness(True, "1.0.0", (), ""), Hurried())
    made = Machine(facts, world, units)
    made.gate.parent.mkdir(parents=True)
    made.gate.touch()
    return made, manager


@pytest.mark.parametrize("cut_at", [1, 2])
def test_killed_while_it_lets_go_the_gate_stays_and_whoever_resumes_it_lets_all_of_them_go(
    held: tuple[Machine, Manager], cut_at: int
) -> None:
    one, manager = held
    manager.cut_at = cut_at
    with pytest.raises(Cut):
        one.let_go()
    assert one.gate.exists()
    manager.cut_at, manager.asked = 0, []
    one.let_go()
    assert (manager.asked, manager.waiting, one.gate.exists()) == (["reload", "restart"], False, False)
    assert list(manager.units.iterdir()) == []


def test_nobody_is_served_before_the_sockets_listen(held: tuple[Machine, Manager]) -> None:
    one, manager = held
    assert one.serving()
    manager.listening = False
    assert not one.serving()


def test_a_manager_that_does_not_answer_for_a_moment_proves_nothing_against_what_was_restored(
    held: tuple[Machine, Manager],
) -> None:
    one, manager = held
    manager.silent = 3
    assert one.prove() == ""
    assert manager.silent == 0


def test_who_stands_by_starts_once_after_those_whom_it_waits_for(
    held: tuple[Machine, Manager], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, manager = held
    ran: list[list[str]] = []

    def run(command: list[str], **_: object) -> Finished:
        ran.append(command)
        return Finished(0, "", "")

    monkeypatch.setattr(machine, "run", run)
    one.stand_by()
    assert ran == [], "it stands by already"
    manager.listening = False
    one.stand_by()
    assert "--property=After=att-firstboot.service att-api.service att-front.service" in ran[0]
    assert ran[0][-3:] == ["-P", "-m", "att.backup"]
