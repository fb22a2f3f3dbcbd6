"""A disk that is full at any record; a service manager that fails or hangs."""

import errno
from pathlib import Path

import pytest
from tests.crash.machine import Machine, problems
from tests.crash.test_engine_crashes import ADDITIVE, CLASSES, OLD
from tests.crash.verdicts import state

from att_stage0.journal import Journal, Record


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
