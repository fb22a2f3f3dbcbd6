"""No rollback without a recorded decision, wherever the engine dies; and what is denied goes nowhere."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.crash.machine import Crash, Machine, problems, undecided
from tests.crash.releases import Content
from tests.crash.test_engine_crashes import CLASSES, NONE, OLD, RECOVERIES

from att.kernel.errors import AttError, NotFound, Refused
from att.upgrade.service import Asked
from att_stage0.asked_for import CannotGoBack, operator_rollback
from att_stage0.policy.decision import Context, Override

FIX = Content("1.2.0", steps=((1, 1, "none"), (2, 2, "additive")))
DENIED = ("missing", "below floor")
ONCE_EACH = (("none", "engine"), ("additive", "power"), ("breaking", "watchdog"))
"""Each class and each recovery once: `problems` asks the same of every other death in this folder."""


class Watched(Machine):
    """Says of every move of `current` from a transaction's target to its source whether it was allowed by then."""

    def tick(self, effect: str) -> None:
        here = str(self.layout.current.readlink()) if self.layout.current.is_symlink() else ""
        former, self.former = getattr(self, "former", ""), here
        transaction = self.world().transaction()
        if former != here and transaction is not None:
            back = here == f"releases/{transaction.source}" and former == f"releases/{transaction.target}"
            if back and not decisions(self, transaction.id):
                raise AssertionError(f"{former} became {here} undecided, before {effect}")
        super().tick(effect)


def made(root: Path, *, denied: str = "", kind: type[Machine] = Watched) -> Machine:
    machine = kind(root)
    machine.install(OLD)
    machine.first_boot()
    machine.effects.clear()
    if denied == "below floor":
        machine.layout.floor.write_text('{"version": "1.1.0"}')
    if denied == "missing":
        real = machine.tick

        def tick(effect: str) -> None:
            real(effect)
            if effect == "journal PROBATION intent":
                (machine.layout.release("1.0.0") / ".complete").unlink(missing_ok=True)

        machine.tick = tick  # type: ignore[method-assign]
    return machine


def decisions(machine: Machine, transaction: str | None = None) -> list[dict[str, Any]]:
    """What the policy said, as the journal has it."""
    records = machine.world().journal.read().records
    found = [one for one in records if one.body["phase"] == "rollback_policy"]
    return [one.body["set"] for one in found if transaction in (None, one.transaction)]


def audited(machine: Machine) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in machine.layout.audit.read_text().splitlines()]
    return [line for line in lines if line["action"] == "upgrade.rollback_policy"]


def standing(machine: Machine) -> tuple[str, str | None]:
    transaction = machine.world().transaction()
    return (transaction.state if transaction else "IDLE"), machine.world().links().current


# -- what is carried out was allowed before


@pytest.mark.parametrize(("name", "recovery"), ONCE_EACH)
def test_no_rollback_is_executed_without_a_recorded_decision(tmp_path: Path, name: str, recovery: str) -> None:
    whole = made(tmp_path / "whole")
    whole.sick["1.1.0"] = "probation"
    whole.apply(CLASSES[name])
    assert standing(whole) == ("ROLLED_BACK", "1.0.0")
    assert [one["rollback_policy_status"] for one in decisions(whole)] == ["allow"]
    for number in range(1, len(whole.effects) + 1):
        machine = made(tmp_path / f"n{number}")
        machine.sick["1.1.0"] = "probation"
        machine.crash_at = number
        with pytest.raises(Crash):
            machine.apply(CLASSES[name])
        assert undecided(machine) == [], (number, machine.effects[-3:])
        RECOVERIES[recovery](machine)
        assert problems(machine) == [], (number, machine.effects[number - 3 :])


@pytest.mark.parametrize("recovery", ["engine", "power"])
def test_a_rollback_that_somebody_asked_for_is_decided_before_anything_moves(tmp_path: Path, recovery: str) -> None:
    whole = made(tmp_path / "whole")
    whole.apply(NONE)
    whole.effects.clear()
    whole.engine().rollback(None, Asked("test"))
    assert standing(whole) == ("COMMITTED", "1.0.0")
    for number in range(1, len(whole.effects) + 1):
        machine = made(tmp_path / f"n{number}")
        machine.apply(NONE)
        machine.crash_at = len(machine.effects) + number
        with pytest.raises(Crash):
            machine.engine().rollback(None, Asked("test"))
        assert undecided(machine) == [], (number, machine.effects[-3:])
        RECOVERIES[recovery](machine)
        assert problems(machine) == [], (number, machine.effects[-5:])


def test_stage0_decides_before_it_goes_back_without_an_engine(tmp_path: Path) -> None:
    whole = made(tmp_path / "whole")
    whole.apply(NONE)
    whole.effects.clear()
    _by_stage0(whole)
    assert standing(whole) == ("ROLLED_BACK", "1.0.0")
    assert decisions(whole)[-1]["rollback_target_release_id"] == "1.0.0"
    for number in range(1, len(whole.effects) + 1):
        machine = made(tmp_path / f"n{number}")
        machine.apply(NONE)
        machine.crash_at = len(machine.effects) + number
        with pytest.raises(Crash):
            _by_stage0(machine)
        assert undecided(machine) == [], (number, machine.effects[-3:])
        machine.power_cut()
        machine.boot()
        assert problems(machine) == [], (number, machine.effects[-5:])


def _by_stage0(machine: Machine) -> None:
    world = machine.world()
    with world.lock():
        operator_rollback(world, None, "root")


def test_a_decision_tells_the_class_the_context_and_the_target(tmp_path: Path) -> None:
    machine = made(tmp_path / "m")
    machine.sick["1.1.0"] = "probation"
    machine.apply(NONE)
    (said,) = decisions(machine)
    assert said == {
        "rollback_policy_status": "allow",
        "rollback_policy_reason": "a release that failed does not stay",
        "rollback_target_valid": True,
        "rollback_target_release_id": "1.0.0",
        "rollback_failure_class": "watchdog_failure",
        "context": "appliance",
    }
    passages = [one for one in machine.engine().show("newest").passages if one.phase == "rollback_policy"]
    assert [(one.state, one.note) for one in passages] == [("PROBATION", "allow, a release that failed does not stay")]
    (line,) = audited(machine)
    assert line.items() >= {**said, "phase": "rollback_policy", "state": "PROBATION"}.items()


def test_a_machine_that_lost_its_links_tells_that_it_went_to_another_release(tmp_path: Path) -> None:
    machine = made(tmp_path / "m")
    machine.apply(NONE)
    (machine.layout.release("1.1.0") / ".complete").unlink()
    machine.layout.journal.unlink()
    machine.power_cut()
    machine.boot()
    assert machine.world().links().current == "1.0.0"
    assert audited(machine)[-1]["rollback_target_release_id"] == "1.0.0"


def test_a_machine_that_lost_its_links_goes_to_no_release_below_the_floor(tmp_path: Path) -> None:
    machine = made(tmp_path / "m")
    machine.apply(NONE)
    machine.layout.floor.write_text('{"version": "1.1.0"}')
    (machine.layout.release("1.1.0") / ".complete").unlink()
    machine.layout.journal.unlink()
    machine.power_cut()
    machine.boot()
    assert machine.world().links().current == "1.1.0"
    assert machine.layout.maintenance.exists()


# -- what is denied goes nowhere


@pytest.mark.parametrize("denied", DENIED)
@pytest.mark.parametrize("name", CLASSES)
def test_a_failed_upgrade_whose_way_back_is_denied_stays_and_waits_for_people(
    tmp_path: Path, name: str, denied: str
) -> None:
    machine = made(tmp_path / "m", denied=denied)
    machine.sick["1.1.0"] = "probation"
    machine.apply(CLASSES[name])
    assert standing(machine) == ("FAILED_SAFE", "1.1.0")
    transaction = machine.world().transaction()
    assert transaction is not None
    assert transaction.failure["code"] == "rollback_denied"
    assert transaction.failure["class"] == "watchdog_failure"
    assert machine.layout.maintenance.exists()
    (said,) = decisions(machine)
    assert (said["rollback_policy_status"], said["rollback_target_valid"]) == ("deny", False)
    assert not any("ROLLING_BACK" in effect for effect in machine.effects)
    for _ in range(2):
        machine.power_cut()
        machine.boot()
        assert standing(machine) == ("FAILED_SAFE", "1.1.0")


@pytest.mark.parametrize(
    ("denied", "recovery"), [("missing", "power"), ("below floor", "engine"), ("missing", "watchdog")]
)
def test_a_death_at_any_effect_makes_nothing_of_a_denied_rollback(tmp_path: Path, denied: str, recovery: str) -> None:
    whole = made(tmp_path / "whole", denied=denied)
    whole.sick["1.1.0"] = "probation"
    whole.apply(NONE)
    begin = whole.effects.index("journal PROBATION intent") + 2
    for number in range(begin, len(whole.effects) + 1):
        machine = made(tmp_path / f"n{number}", denied=denied)
        machine.sick["1.1.0"] = "probation"
        machine.crash_at = number
        with pytest.raises(Crash):
            machine.apply(NONE)
        RECOVERIES[recovery](machine)
        assert standing(machine) == ("FAILED_SAFE", "1.1.0"), (number, machine.effects[-5:])
        assert not any("ROLLING_BACK" in effect for effect in machine.effects), number


def test_a_fix_leads_out_of_a_denied_rollback(tmp_path: Path) -> None:
    machine = made(tmp_path / "m", denied="below floor")
    machine.sick["1.1.0"] = "probation"
    machine.apply(NONE)
    machine.apply(FIX, despite_baseline=True)
    assert standing(machine) == ("COMMITTED", "1.2.0")
    assert problems(machine) == []


@pytest.mark.parametrize(
    ("to", "floor", "error", "code"),
    [
        ("1.1.0", "", Refused, "no_rollback_target"),
        ("9.9.9", "", NotFound, "no_rollback_target"),
        ("9" * 5_000, "", NotFound, "no_rollback_target"),
        (None, "1.1.0", Refused, "version_floor"),
    ],
)
def test_a_wish_to_go_where_nobody_may_is_refused_and_told_to_the_audit(
    tmp_path: Path, to: str | None, floor: str, error: type[AttError], code: str
) -> None:
    machine = made(tmp_path / "m")
    machine.apply(NONE)
    if floor:
        machine.layout.floor.write_text(json.dumps({"version": floor}))
    with pytest.raises(error) as caught:
        machine.engine().rollback(to, Asked("test"))
    assert (caught.value.code, caught.value.data["rollback_policy_status"]) == (code, "deny")
    (line,) = audited(machine)
    assert (line["rollback_policy_status"], line["rollback_target_valid"], line["by"]) == ("deny", False, "test")
    assert len(line["rollback_target_release_id"]) <= 101
    assert standing(machine) == ("COMMITTED", "1.1.0")
    assert problems(machine) == []


def test_a_target_that_turns_out_damaged_is_denied_in_the_journal(tmp_path: Path) -> None:
    machine = made(tmp_path / "m")
    machine.apply(NONE)
    (machine.layout.release("1.0.0") / "salt").chmod(0o644)
    machine.engine().rollback(None, Asked("test"))
    transaction = machine.world().transaction()
    assert transaction is not None
    assert (transaction.state, transaction.failure["code"]) == ("REFUSED", "no_rollback_target")
    assert "salt is mode" in str(transaction.failure["detail"])
    assert decisions(machine)[-1]["rollback_policy_status"] == "deny"
    assert problems(machine) == []


# -- production


def test_in_production_a_healthy_release_is_given_up_only_by_an_explicit_override(tmp_path: Path) -> None:
    machine = made(tmp_path / "m")
    machine.context = Context.PRODUCTION
    machine.apply(NONE)
    with pytest.raises(Refused) as caught:
        machine.engine().rollback(None, Asked("test"))
    assert (caught.value.code, caught.value.data["rollback_policy_status"]) == ("rollback_override", "ask")
    assert standing(machine) == ("COMMITTED", "1.1.0")
    machine.engine().rollback(None, Asked("test", override=Override.ALLOW))
    assert standing(machine) == ("COMMITTED", "1.0.0")
    assert problems(machine) == []


def test_in_production_stage0_asks_for_the_override_too(tmp_path: Path) -> None:
    machine = made(tmp_path / "m")
    machine.apply(NONE)
    world = machine.world()
    with world.lock():
        with pytest.raises(CannotGoBack) as caught:
            operator_rollback(world, None, "root", context=Context.PRODUCTION)
        assert caught.value.code == "rollback_override"
        assert standing(machine) == ("COMMITTED", "1.1.0")
        operator_rollback(world, None, "root", context=Context.PRODUCTION, override=Override.ALLOW)
    assert standing(machine) == ("ROLLED_BACK", "1.0.0")
    assert problems(machine) == []


def test_in_production_a_trial_whose_engine_died_is_left_only_by_an_explicit_override(tmp_path: Path) -> None:
    machine = made(tmp_path / "m")
    machine.context = Context.PRODUCTION
    machine.dies_before = "journal PROBATION intent"
    with pytest.raises(Crash):
        machine.apply(NONE)
    world = machine.world()
    with world.lock():
        with pytest.raises(CannotGoBack) as caught:
            operator_rollback(world, None, "root", context=Context.PRODUCTION)
        assert caught.value.code == "rollback_override"
        operator_rollback(world, None, "root", context=Context.PRODUCTION, override=Override.ALLOW)
    assert standing(machine) == ("ROLLED_BACK", "1.0.0")
    assert problems(machine) == []


def test_in_production_what_fails_rolls_back_by_itself(tmp_path: Path) -> None:
    machine = made(tmp_path / "m")
    machine.context = Context.PRODUCTION
    machine.sick["1.1.0"] = "probation"
    machine.apply(NONE)
    assert standing(machine) == ("ROLLED_BACK", "1.0.0")
    assert decisions(machine)[0]["context"] == "production"
