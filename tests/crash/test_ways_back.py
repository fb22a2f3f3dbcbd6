"""Bad versions, the operator's rollback, a release that is sick before, a rotation of keys that was interrupted."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.crash.machine import Crash, Machine, problems
from tests.crash.releases import Content
from tests.crash.test_engine_crashes import ADDITIVE, BREAKING, CLASSES, NONE
from tests.crash.verdicts import code_of, current, effects_of, roll_back, state

from att.effects import sealing_keys
from att.kernel.errors import Conflict, Refused
from att.upgrade.service import Asked
from att_stage0.policy.decision import Override
from att_stage0.units import UnitState

NEXT = Content("1.2.0", steps=((1, 1, "none"), (2, 1, "additive")))


# -- bad versions


@pytest.mark.parametrize(("self_test_seconds", "ready_seconds"), [(1.0, 11.0), (40.0, 101.0)])
def test_a_release_has_as_long_to_get_ready_as_its_self_test_says_that_the_machine_is_slow(
    machine: Machine, self_test_seconds: float, ready_seconds: float
) -> None:
    machine.self_test_seconds = self_test_seconds
    machine.sick["1.1.0"] = "never ready"
    machine.apply(NONE)
    transaction = machine.world().transaction()
    assert transaction is not None
    assert f"not healthy after {ready_seconds:.0f} s" in str(transaction.failure["detail"])


def test_a_version_that_rolled_back_is_refused_until_it_is_forced(machine: Machine) -> None:
    machine.sick["1.1.0"] = "never ready"
    machine.apply(NONE)
    assert state(machine) == "ROLLED_BACK"
    machine.apply(NONE)
    assert (state(machine), code_of(machine)) == ("REFUSED", "version_bad")
    machine.sick.clear()
    machine.apply(NONE, force=True)
    assert (state(machine), current(machine)) == ("COMMITTED", "1.1.0")
    assert problems(machine) == []


@pytest.mark.parametrize("content", [ADDITIVE, BREAKING])
def test_a_version_whose_migration_failed_is_refused_until_it_is_forced(machine: Machine, content: Content) -> None:
    machine.sick["1.1.0"] = "migration"
    machine.apply(content)
    assert (state(machine), code_of(machine)) == ("REFUSED", "migration_failed")
    machine.apply(content)
    assert (state(machine), code_of(machine)) == ("REFUSED", "version_bad")
    machine.sick.clear()
    machine.apply(content, force=True)
    assert (state(machine), current(machine)) == ("COMMITTED", "1.1.0")
    assert problems(machine) == []


@pytest.mark.parametrize("content", [ADDITIVE, BREAKING])
def test_a_write_lock_that_fell_too_early_refuses_the_switch(machine: Machine, content: Content) -> None:
    machine.sick["1.1.0"] = "lock"
    machine.apply(content)
    assert (state(machine), code_of(machine), current(machine)) == ("REFUSED", "snapshot_failed", "1.0.0")
    assert problems(machine) == []


@pytest.mark.parametrize("content", [ADDITIVE, BREAKING])
def test_a_fault_of_our_own_ends_the_transaction_and_leaves_no_fence(machine: Machine, content: Content) -> None:
    machine.sick["1.1.0"] = "fault"
    machine.apply(content)
    assert (state(machine), code_of(machine), current(machine)) == ("REFUSED", "internal", "1.0.0")
    assert problems(machine) == []


@pytest.mark.parametrize("active", ["active", "deactivating"])
def test_a_former_process_that_is_being_stopped_is_restarted_by_the_rollback(machine: Machine, active: str) -> None:
    machine.sick["1.1.0"] = "unit"
    real = machine.state

    def stopping(name: str) -> UnitState:
        found = real(name)
        rolls_back = "journal ROLLING_BACK done" in machine.effects
        return replace(found, active=active) if name == "att-api.service" and rolls_back else found

    machine.state = stopping  # type: ignore[method-assign]
    machine.apply(NONE)
    machine.state = real  # type: ignore[method-assign]
    after = machine.effects[machine.effects.index("journal ROLLING_BACK done") :]
    assert ("restart services" in after) == (active == "deactivating")
    assert (state(machine), problems(machine)) == ("ROLLED_BACK", [])


def test_an_interrupted_version_is_not_bad(machine: Machine) -> None:
    machine.effects.clear()
    machine.crash_at = 1 + next(
        i for i, effect in enumerate(effects_of(machine, NONE), 1) if effect == "journal SWITCHED done"
    )
    with pytest.raises(Crash):
        machine.apply(NONE)
    for _ in range(5):
        machine.power_cut()
        machine.boot()
    machine.apply(Content("1.1.0"))
    assert code_of(machine) != "version_bad"


@pytest.mark.parametrize("sickness", ["start", "migration"])
@pytest.mark.parametrize("name", CLASSES)
def test_after_a_failed_upgrade_a_different_good_version_upgrades_cleanly(
    machine: Machine, name: str, sickness: str
) -> None:
    machine.sick["1.1.0"] = sickness
    machine.apply(CLASSES[name])
    machine.apply(NEXT)
    assert (state(machine), current(machine)) == ("COMMITTED", "1.2.0")
    assert problems(machine) == []


# -- operator rollback


def test_an_operator_goes_back_and_forth_and_keeps_every_row(machine: Machine) -> None:
    machine.apply(ADDITIVE)
    roll_back(machine)
    assert (state(machine), current(machine)) == ("COMMITTED", "1.0.0")
    assert problems(machine) == []
    roll_back(machine)
    assert current(machine) == "1.1.0"
    assert problems(machine) == []


def test_a_rollback_without_target_is_refused(machine: Machine) -> None:
    with pytest.raises(Refused) as caught:
        roll_back(machine)
    assert caught.value.code == "no_rollback_target"
    assert problems(machine) == []


def test_a_release_that_cannot_read_the_database_is_no_rollback_target(machine: Machine) -> None:
    machine.apply(BREAKING)
    with pytest.raises(Refused) as caught:
        roll_back(machine)
    assert caught.value.code == "schema_too_new"
    assert current(machine) == "1.1.0"


def test_a_damaged_release_is_no_rollback_target(machine: Machine) -> None:
    machine.apply(NONE)
    damaged = machine.layout.release("1.0.0") / "salt"
    damaged.chmod(0o644)
    roll_back(machine)
    assert (state(machine), code_of(machine)) == ("REFUSED", "no_rollback_target")
    assert problems(machine) == []


def test_a_rollback_to_a_sick_release_comes_back(machine: Machine) -> None:
    machine.apply(NONE)
    machine.sick["1.0.0"] = "never ready"
    roll_back(machine)
    assert (state(machine), current(machine)) == ("ROLLED_BACK", "1.1.0")
    assert problems(machine) == []


# -- a sick baseline


def test_a_sick_release_refuses_the_upgrade_instead_of_blaming_it(machine: Machine) -> None:
    machine.sick["1.0.0"] = "never ready"
    machine.apply(NONE)
    assert (state(machine), code_of(machine)) == ("REFUSED", "baseline_sick")
    assert current(machine) == "1.0.0"


def test_a_sick_release_is_replaced_by_its_fix_when_asked(machine: Machine) -> None:
    machine.sick["1.0.0"] = "never ready"
    machine.apply(NONE, despite_baseline=True)
    assert (state(machine), current(machine)) == ("COMMITTED", "1.1.0")
    assert problems(machine) == []


# -- a rotation that was interrupted


def rotating(machine: Machine) -> Path:
    """Values are sealed with either of two keys."""
    path = machine.facts.paths.secrets / sealing_keys.PROJECTS_FILE
    path.parent.mkdir(parents=True)
    sealing_keys.make(path)
    sealing_keys.begin(path)
    return path


def test_no_release_that_may_know_one_key_alone_comes_between_two(machine: Machine) -> None:
    path = rotating(machine)
    machine.apply(NONE)
    assert (state(machine), code_of(machine), current(machine)) == ("REFUSED", "rotation_unfinished", "1.0.0")
    sealing_keys.end(path)
    machine.apply(NONE)
    assert (state(machine), current(machine)) == ("COMMITTED", "1.1.0"), "what was refused is not remembered as bad"
    sealing_keys.begin(path)
    with pytest.raises(Conflict) as refused:
        roll_back(machine)
    assert (refused.value.code, current(machine)) == ("rotation_unfinished", "1.1.0")


def test_a_release_that_cannot_finish_a_rotation_is_left_when_asked(machine: Machine) -> None:
    path = rotating(machine)
    machine.sick["1.0.0"] = "never ready"
    machine.apply(NONE, despite_baseline=True)
    assert (state(machine), current(machine)) == ("COMMITTED", "1.1.0")
    machine.sick.clear()
    machine.engine().rollback(None, Asked("test", override=Override.ALLOW))
    assert (state(machine), current(machine)) == ("COMMITTED", "1.0.0")
    assert sealing_keys.under_way(path)
