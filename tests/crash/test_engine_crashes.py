"""The engine dies before every effect of an upgrade; afterwards the machine is whole, whoever recovers it."""

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from tests.crash.machine import Crash, Machine, problems, snapshot_of
from tests.crash.releases import Content

from att_stage0.rollback import LOGS_KEPT

OLD = Content("1.0.0")
NONE = Content("1.1.0")
ADDITIVE = Content("1.1.0", steps=((1, 1, "none"), (2, 1, "additive")))
BREAKING = Content("1.1.0", steps=((1, 1, "none"), (2, 2, "breaking")))
CLASSES = {"none": NONE, "additive": ADDITIVE, "breaking": BREAKING}
SICK_API = ("start", "crash loop", "probation", "wrong version", "never ready", "unit")
SICKNESSES = ("", *SICK_API, "launcher", "migration", "self-test")


def a_power_cut(machine: Machine) -> None:
    machine.power_cut()
    machine.boot()


RECOVERIES: dict[str, Callable[[Machine], None]] = {
    "engine": Machine.engine_restarts,
    "power": a_power_cut,
    "watchdog": Machine.watchdog_fires,
}
ENDINGS = ("", "probation", "unit", "migration")
"""The sicknesses whose upgrades take different ways."""


def deaths() -> Iterator[Any]:
    """Each two of class, sickness and recovery at once, all three of them as long proofs."""
    for (row, name), (column, sickness) in product(enumerate(CLASSES), enumerate(ENDINGS)):
        for number, recovery in enumerate(RECOVERIES):
            short = number == (row + column) % len(RECOVERIES)
            yield pytest.param(name, sickness, recovery, marks=() if short else pytest.mark.long)


def second_deaths() -> Iterator[Any]:
    """Each class, first and second recovery once, all three of them as long proofs."""
    short = (("none", "engine", "power"), ("additive", "power", "watchdog"), ("breaking", "watchdog", "engine"))
    for case in product(CLASSES, RECOVERIES, RECOVERIES):
        yield pytest.param(*case, marks=() if case in short else pytest.mark.long)


def made(root: Path, sickness: str = "") -> Machine:
    machine = Machine(root)
    machine.install(OLD)
    machine.first_boot()
    assert problems(machine) == []
    if sickness:
        machine.sick["1.1.0"] = sickness
    machine.effects.clear()
    return machine


def effects_of(root: Path, content: Content, sickness: str) -> list[str]:
    machine = made(root, sickness)
    machine.apply(content)
    assert problems(machine) == [], machine.effects
    return list(machine.effects)


@pytest.mark.parametrize("sickness", SICKNESSES)
@pytest.mark.parametrize("name", CLASSES)
def test_an_uninterrupted_upgrade_ends_with_its_verdict(tmp_path: Path, name: str, sickness: str) -> None:
    machine = made(tmp_path / "m", sickness)
    machine.apply(CLASSES[name])
    assert problems(machine) == []
    transaction = machine.world().transaction()
    assert transaction is not None
    current = machine.world().links().current
    migrates = name != "none"
    if not sickness or (sickness == "migration" and not migrates):
        assert (transaction.state, current) == ("COMMITTED", "1.1.0")
    elif sickness == "self-test":
        assert (transaction.state, current) == ("REFUSED", "1.0.0")
    else:
        verdict = "REFUSED" if sickness == "migration" else "ROLLED_BACK"
        assert (transaction.state, current) == (verdict, "1.0.0")
        logs = [path.name for path in machine.layout.logs.glob("rollback-*.log")]
        assert logs == [transaction.values["log"]]
    assert machine.refused_connections == 0


def test_old_logs_that_cannot_go_or_are_of_a_wrong_clock_cost_no_rollback_and_not_its_own_log(tmp_path: Path) -> None:
    machine = made(tmp_path / "m", "start")
    machine.layout.logs.mkdir(parents=True, exist_ok=True)
    (machine.layout.logs / "rollback-00000000T000000Z.log").mkdir()
    for number in range(LOGS_KEPT):
        (machine.layout.logs / f"rollback-9999{number:04d}T000000Z.log").touch()
    machine.apply(CLASSES["none"])
    transaction = machine.world().transaction()
    assert transaction is not None
    assert transaction.state == "ROLLED_BACK"
    assert (machine.layout.logs / transaction.values["log"]).is_file()


@pytest.mark.parametrize(("name", "sickness", "recovery"), list(deaths()))
def test_a_death_before_any_effect_leaves_a_whole_machine(
    tmp_path: Path, name: str, sickness: str, recovery: str
) -> None:
    content = CLASSES[name]
    count = len(effects_of(tmp_path / "count", content, sickness))
    assert count > 15
    for number in range(1, count + 1):
        machine = made(tmp_path / f"n{number}", sickness)
        machine.crash_at = number
        with pytest.raises(Crash):
            machine.apply(content)
        committed = _committed(machine)
        RECOVERIES[recovery](machine)
        trail = machine.effects[number - 3 :]
        assert problems(machine) == [], (number, trail)
        if committed:
            assert machine.world().links().current == "1.1.0", (number, trail)
        before = snapshot_of(machine.layout.opt)
        machine.power_cut()
        machine.boot()
        assert problems(machine) == [], (number, "second boot")
        assert snapshot_of(machine.layout.opt) == before, (number, "recovery is not idempotent")


@pytest.mark.parametrize(("name", "first", "second"), list(second_deaths()))
def test_a_second_death_during_recovery_leaves_a_whole_machine(
    tmp_path: Path, name: str, first: str, second: str
) -> None:
    content = CLASSES[name]
    count = len(effects_of(tmp_path / "count", content, "probation"))
    for number in range(1, count + 1, 3):
        again = 1
        while True:
            machine = made(tmp_path / f"n{number}-{again}", "probation")
            machine.crash_at = number
            with pytest.raises(Crash):
                machine.apply(content)
            machine.crash_at = len(machine.effects) + again
            try:
                RECOVERIES[first](machine)
            except Crash:
                RECOVERIES[second](machine)
            else:
                machine.crash_at = None
                break
            assert problems(machine) == [], (number, again, machine.effects[-30:])
            again += 2


def test_a_power_cut_in_its_trial_does_not_cost_a_good_release_its_commit(tmp_path: Path) -> None:
    effects = effects_of(tmp_path / "count", NONE, "")
    machine = made(tmp_path / "m")
    machine.crash_at = effects.index("journal RESTARTED done") + 2
    with pytest.raises(Crash):
        machine.apply(NONE)
    a_power_cut(machine)
    transaction = machine.world().transaction()
    assert transaction is not None
    assert (transaction.state, machine.world().links().current) == ("COMMITTED", "1.1.0")


@pytest.mark.parametrize("recovery", RECOVERIES)
def test_a_service_that_cannot_start_ends_the_trial_whoever_goes_on_with_it(tmp_path: Path, recovery: str) -> None:
    effects = effects_of(tmp_path / "count", NONE, "launcher")
    for number in range(effects.index("restart services") + 2, len(effects) + 1):
        machine = made(tmp_path / f"n{number}", "launcher")
        machine.crash_at = number
        with pytest.raises(Crash):
            machine.apply(NONE)
        RECOVERIES[recovery](machine)
        transaction = machine.world().transaction()
        assert transaction is not None
        assert (transaction.state, machine.world().links().current) == ("ROLLED_BACK", "1.0.0"), number


def _committed(machine: Machine) -> bool:
    transaction = machine.world().transaction()
    return transaction is not None and transaction.state == "COMMITTED"
