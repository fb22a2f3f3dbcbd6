"""Who waits for whom: backups beside each other, a restore alone, held services for a restore that lives."""

from pathlib import Path

import pytest

from att.backup.turns import turn, turn_of_the_dead
from att.kernel.errors import Conflict


def test_backups_run_beside_each_other_and_no_restore_beside_them(tmp_path: Path) -> None:
    with (
        turn(tmp_path, alone=False),
        turn(tmp_path, alone=False),
        pytest.raises(Conflict) as refused,
        turn(tmp_path, alone=True),
    ):
        raise AssertionError("not reached")
    assert refused.value.code == "backup_running"
    with turn(tmp_path, alone=True):
        pass


def test_a_service_waits_while_the_restore_holds_it_and_starts_when_it_lets_go(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            gate.unlink()

    with turn(tmp_path, alone=True), turn_of_the_dead(tmp_path, gate, sleep) as free:
        assert not free, "whoever restores goes on by itself"
    assert len(slept) == 3


def test_of_a_restore_that_died_somebody_takes_the_turn_at_once(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    with turn_of_the_dead(tmp_path, gate) as free:
        assert free
        with pytest.raises(Conflict), turn(tmp_path, alone=False):
            raise AssertionError("not reached")
