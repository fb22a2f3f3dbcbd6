"""The engine dies twice: every class, first and second recovery that `make test` leaves out."""

from itertools import product
from pathlib import Path

import pytest
from tests.crash.test_engine_crashes import CLASSES, RECOVERIES, TWICE, die_twice

OTHERS = [case for case in product(CLASSES, RECOVERIES, RECOVERIES) if case not in TWICE]


@pytest.mark.parametrize(("name", "first", "second"), OTHERS)
def test_a_second_death_during_recovery_leaves_a_whole_machine(
    tmp_path: Path, name: str, first: str, second: str
) -> None:
    die_twice(tmp_path, CLASSES[name], first, second)
