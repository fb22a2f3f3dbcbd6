"""FAILED_SAFE and the ways out; a rollback by stage0 without an engine."""

import pytest
from tests.crash.machine import Crash, Machine, problems
from tests.crash.releases import Content
from tests.crash.test_engine_crashes import ADDITIVE, BREAKING, CLASSES, NONE, OLD
from tests.crash.verdicts import current, effects_of, failed_safe, state

from att.kernel.errors import Refused
from att_stage0.asked_for import CannotGoBack, operator_rollback
from att_stage0.recover import repair

NEXT = Content("1.2.0", steps=((1, 1, "none"), (2, 1, "additive")))


# -- FAILED_SAFE


def test_two_sick_releases_end_safe_and_stay_so_over_boots(machine: Machine) -> None:
    failed_safe(machine)
    for _ in range(3):
        machine.power_cut()
        machine.boot()
    assert (state(machine), current(machine)) == ("FAILED_SAFE", "1.0.0")
    assert machine.layout.maintenance.exists()
    with pytest.raises(Refused) as caught:
        machine.apply(NEXT)
    assert caught.value.code == "failed_safe"


def test_repair_leads_out_once_the_cause_is_gone(machine: Machine) -> None:
    failed_safe(machine)
    assert not machine.engine().repair().healthy
    assert state(machine) == "FAILED_SAFE"
    machine.sick.clear()
    assert machine.engine().repair().healthy
    assert problems(machine) == []


@pytest.mark.parametrize("content", [ADDITIVE, BREAKING])
def test_repair_takes_the_fence_down_that_a_failed_rollback_left(machine: Machine, content: Content) -> None:
    machine.sick["1.1.0"] = "probation"
    real = machine.tick

    def tick(effect: str) -> None:
        real(effect)
        if effect == "journal ROLLING_BACK done":
            machine.failing_verbs["reload"] = 10

    machine.tick = tick  # type: ignore[method-assign]
    machine.apply(content)
    machine.tick = real  # type: ignore[method-assign]
    assert state(machine) == "FAILED_SAFE"
    machine.failing_verbs.clear()
    assert machine.engine().repair().healthy
    assert problems(machine) == []


def test_stage0_repairs_without_an_engine(machine: Machine) -> None:
    failed_safe(machine)
    machine.sick.clear()
    world = machine.world()
    with world.lock():
        assert repair(world) is None
    assert problems(machine) == []


def test_a_fix_leads_out_too(machine: Machine) -> None:
    failed_safe(machine)
    machine.apply(NEXT, despite_baseline=True)
    assert (state(machine), current(machine)) == ("COMMITTED", "1.2.0")
    assert problems(machine) == []


# -- without an engine


@pytest.mark.parametrize("content", [NONE, ADDITIVE])
def test_stage0_rolls_back_without_an_engine(machine: Machine, content: Content) -> None:
    machine.apply(content)
    world = machine.world()
    with world.lock():
        done = operator_rollback(world, None, "root")
    assert (done.state, current(machine)) == ("ROLLED_BACK", "1.0.0")
    assert problems(machine) == []


def test_stage0_refuses_a_rollback_that_has_nowhere_to_go(machine: Machine) -> None:
    world = machine.world()
    with world.lock(), pytest.raises(CannotGoBack) as caught:
        operator_rollback(world, None, "root")
    assert caught.value.code == "no_rollback_target"
    assert problems(machine) == []


@pytest.mark.parametrize("name", CLASSES)
def test_stage0_rolls_a_trial_back_whose_engine_died(machine: Machine, name: str) -> None:
    for effect in ("journal SWITCHED done", "journal RESTARTED intent", "journal PROBATION intent"):
        made = Machine(machine.root.with_name(effect.replace(" ", "-")))
        made.install(OLD)
        made.first_boot()
        made.effects.clear()
        made.crash_at = 1 + next(i for i, one in enumerate(effects_of(made, CLASSES[name]), 1) if one == effect)
        with pytest.raises(Crash):
            made.apply(CLASSES[name])
        world = made.world()
        with world.lock():
            done = operator_rollback(world, None, "root")
        assert done.state == "ROLLED_BACK", effect
        assert problems(made) == [], effect
