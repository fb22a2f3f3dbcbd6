"""A journal that was lost or torn at any record."""

from pathlib import Path

import pytest
from tests.crash.machine import Crash, Machine, problems
from tests.crash.test_engine_crashes import ADDITIVE, CLASSES, OLD
from tests.crash.verdicts import effects_of


@pytest.mark.parametrize("name", CLASSES)
def test_a_journal_lost_at_any_record_is_derived_from_the_disk(tmp_path: Path, name: str) -> None:
    count = len(effects_of(Machine(tmp_path / "count"), CLASSES[name]))
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
    count = len(effects_of(Machine(tmp_path / "count"), ADDITIVE))
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
