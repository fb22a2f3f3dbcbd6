"""FAILED_SAFE and the ways out, bad versions, operator rollback, lost journals, full disks, a manager that hangs."""

import errno
from dataclasses import replace
from pathlib import Path

import pytest
from tests.crash.machine import Crash, Machine, problems
from tests.crash.releases import Content
from tests.crash.test_engine_crashes import ADDITIVE, BREAKING, CLASSES, NONE, OLD

from att.effects import sealing_keys
from att.kernel.errors import AttError, Conflict, NotFound, Refused
from att.upgrade.service import Asked
from att_stage0.asked_for import CannotGoBack, operator_rollback
from att_stage0.journal import Journal, Record
from att_stage0.policy.decision import Override
from att_stage0.recover import repair
from att_stage0.units import UnitState

NEXT = Content("1.2.0", steps=((1, 1, "none"), (2, 1, "additive")))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "m")
    made.install(OLD)
    made.first_boot()
    return made


def state(machine: Machine) -> str:
    transaction = machine.world().transaction()
    return transaction.state if transaction else "IDLE"


def code_of(machine: Machine) -> str:
    transaction = machine.world().transaction()
    return str(transaction.failure.get("code", "")) if transaction else ""


def current(machine: Machine) -> str | None:
    return machine.world().links().current


def roll_back(machine: Machine, to: str | None = None) -> None:
    machine.engine().rollback(to, Asked(by="test"))


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
        i for i, effect in enumerate(_effects_of(machine, NONE), 1) if effect == "journal SWITCHED done"
    )
    with pytest.raises(Crash):
        machine.apply(NONE)
    for _ in range(5):
        machine.power_cut()
        machine.boot()
    machine.apply(Content("1.1.0"))
    assert code_of(machine) != "version_bad"


def _effects_of(machine: Machine, content: Content) -> list[str]:
    twin = Machine(machine.root.with_name("twin"))
    twin.install(OLD)
    twin.first_boot()
    twin.effects.clear()
    twin.apply(content)
    return twin.effects


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


# -- FAILED_SAFE


def failed_safe(machine: Machine) -> None:
    """Both releases turn sick in the middle of an upgrade."""
    machine.sick["1.1.0"] = "probation"
    real = machine.tick

    def tick(effect: str) -> None:
        real(effect)
        if effect == "journal ROLLING_BACK intent":
            machine.sick["1.0.0"] = "never ready"

    machine.tick = tick  # type: ignore[method-assign]
    machine.apply(NONE)
    machine.tick = real  # type: ignore[method-assign]
    assert state(machine) == "FAILED_SAFE"
    assert machine.layout.maintenance.exists()


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
        made.crash_at = 1 + next(i for i, one in enumerate(_trail(made, name), 1) if one == effect)
        with pytest.raises(Crash):
            made.apply(CLASSES[name])
        world = made.world()
        with world.lock():
            done = operator_rollback(world, None, "root")
        assert done.state == "ROLLED_BACK", effect
        assert problems(made) == [], effect


def _trail(machine: Machine, name: str) -> list[str]:
    twin = Machine(machine.root.with_name(machine.root.name + "-twin"))
    twin.install(OLD)
    twin.first_boot()
    twin.effects.clear()
    twin.apply(CLASSES[name])
    return twin.effects


# -- what the journal does not say


@pytest.mark.parametrize("name", CLASSES)
def test_a_journal_lost_at_any_record_is_derived_from_the_disk(tmp_path: Path, name: str) -> None:
    count = len(_trail(Machine(tmp_path / "count"), name))
    for number in range(1, count + 1):
        machine = Machine(tmp_path / f"n{number}")
        machine.install(OLD)
        machine.first_boot()
        machine.effects.clear()
        machine.crash_at = number
        with pytest.raises(Crash):
            machine.apply(CLASSES[name])
        machine.layout.journal.unlink(missing_ok=True)
        machine.power_cut()
        machine.boot()
        links = machine.world().links()
        assert links.current in links.releases
        process = machine._api()
        assert process is not None, number
        assert machine._ready(process), (number, links)


@pytest.mark.parametrize("cut", [1, 7, 30])
def test_a_torn_last_record_counts_as_not_written(tmp_path: Path, cut: int) -> None:
    count = len(_trail(Machine(tmp_path / "count"), "additive"))
    for number in range(2, count + 1, 2):
        machine = Machine(tmp_path / f"n{number}")
        machine.install(OLD)
        machine.first_boot()
        machine.effects.clear()
        machine.crash_at = number
        with pytest.raises(Crash):
            machine.apply(ADDITIVE)
        trail = list(machine.effects)
        if trail[-1].startswith("journal") and trail[-2].startswith("journal"):
            continue
        data = machine.layout.journal.read_bytes() if machine.layout.journal.exists() else b""
        machine.layout.journal.write_bytes(data + b"ATJ1" + b"\x07" * cut)
        machine.power_cut()
        machine.boot()
        assert problems(machine) == [], (number, trail[-3:])


# -- disks and managers that fail


def test_a_full_disk_at_any_record_of_an_upgrade_leaves_a_whole_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Journal._append
    for number in range(1, 14):
        machine = Machine(tmp_path / f"n{number}")
        machine.install(OLD)
        machine.first_boot()
        seen = [0]

        def full(
            self: Journal, transaction: str, body: dict[str, object], seen: list[int] = seen, number: int = number
        ) -> Record:
            seen[0] += 1
            if seen[0] == number or (seen[0] == number + 1):
                raise OSError(errno.ENOSPC, "full")
            return real(self, transaction, body)

        monkeypatch.setattr(Journal, "_append", full)
        try:
            machine.apply(ADDITIVE)
        except OSError:
            assert number == 1
        monkeypatch.setattr(Journal, "_append", real)
        machine.power_cut()
        machine.boot()
        assert problems(machine) == [], number


@pytest.mark.parametrize("verb", ["reload", "restart", "start", "stop"])
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("name", CLASSES)
def test_a_service_manager_that_fails_now_and_then_breaks_nothing(
    machine: Machine, name: str, verb: str, times: int
) -> None:
    machine.failing_verbs[verb] = times
    machine.apply(CLASSES[name])
    machine.failing_verbs.clear()
    assert state(machine) in ("COMMITTED", "ROLLED_BACK", "REFUSED")
    machine.power_cut()
    machine.boot()
    assert problems(machine) == []


# -- one at a time


def test_a_second_upgrade_is_told_who_runs(machine: Machine) -> None:
    with machine.world().lock(), pytest.raises(Conflict) as caught:
        machine.apply(NONE)
    assert caught.value.code == "upgrade_running"
    machine.apply(NONE)
    assert state(machine) == "COMMITTED"


def test_the_same_version_again_repairs_what_was_damaged(machine: Machine) -> None:
    machine.apply(NONE)
    damaged = machine.layout.release("1.1.0") / "salt"
    damaged.chmod(0o644)
    damaged.write_bytes(b"damaged")
    machine.apply(NONE)
    assert state(machine) == "COMMITTED"
    assert (machine.layout.release("1.1.0") / "salt").read_bytes() == b""
    assert problems(machine) == []


def test_retention_keeps_three_and_never_the_one_in_use(machine: Machine) -> None:
    for number in range(1, 6):
        machine.apply(Content(f"1.{number}.0"))
    assert sorted(machine.world().links().releases) == ["1.3.0", "1.4.0", "1.5.0"]
    assert problems(machine) == []


def test_history_outlives_the_journal(machine: Machine) -> None:
    for number in range(1, 6):
        machine.apply(Content(f"1.{number}.0"))
    found = machine.engine().history(50)
    assert [one.target for one in found] == [f"1.{number}.0" for number in range(5, 0, -1)]
    assert {one.verdict for one in found} == {"committed"}
    with pytest.raises(NotFound):
        machine.engine().show("txn_nobody")


def test_a_line_of_history_that_nobody_can_read_stops_no_upgrade(machine: Machine) -> None:
    for number in (1, 2):
        machine.apply(Content(f"1.{number}.0"))
    lines = b'{"id": "txn_of_another_form"}\n{"id": "torn\n\xff\n[]\n'
    with (machine.layout.upgrade_state / "history.jsonl").open("ab") as file:
        file.write(lines)
    machine.apply(Content("1.3.0"))
    assert (state(machine), current(machine)) == ("COMMITTED", "1.3.0")
    assert [one.target for one in machine.engine().history(50)] == ["1.3.0", "1.2.0", "1.1.0"]


def test_every_transition_is_audited(machine: Machine) -> None:
    machine.sick["1.1.0"] = "probation"
    machine.apply(NONE)
    text = machine.layout.audit.read_text()
    for name in ("VERIFIED", "STAGED", "PREFLIGHT", "SNAPSHOT", "SWITCHED", "RESTARTED", "PROBATION", "ROLLED_BACK"):
        assert f'"state":"{name}"' in text
    assert "watchdog_failure" in text


def test_the_error_of_a_refusal_is_what_the_engine_raised(machine: Machine) -> None:
    machine.apply(Content("1.1.0", from_versions=("==0.1.0",)))
    assert (state(machine), code_of(machine)) == ("REFUSED", "from_version")
    assert issubclass(Conflict, AttError)


# -- who brought the bundle


@pytest.mark.parametrize("how", ["committed", "refused", "killed"])
def test_who_brings_a_bundle_hears_once_that_nobody_reads_it_any_more(machine: Machine, how: str) -> None:
    heard: list[str] = []
    machine.contents[NONE.version] = machine.bundles[7] = NONE
    if how == "refused":
        failed_safe(machine)
    if how == "killed":
        machine.effects.clear()
        machine.crash_at = 20
    try:
        machine.engine().apply(7, Asked("test"), lambda: heard.append(how))
        ended = "committed"
    except Refused:
        ended = "refused"
    except Crash:
        ended = "killed"
    assert ended == how
    assert heard == [how]
