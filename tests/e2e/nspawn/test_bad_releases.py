"""Every bad release there is, of each class of migration: each is rolled back by itself under load.

The two of `make test` are here again, with a migration. One whose migration fails ends before the switch: nothing of
what runs was touched, and all else holds for it too.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.appliance.nspawn.outcomes import assert_good_one_is_taken, assert_rolled_back
from tests.appliance.nspawn.upgrading import Upgrades
from tests.bench.table import Row, write
from tests.fakes.bundles import BAD, CATALOGUE

# The database keeps an additive migration whose release went: the breaking one comes after it, in the last case.
CASES = {
    "does_not_start": (),
    "crash_loop": (),
    "wrong_version": (),
    "unit_broken": (),
    "unit_fails": (),
    "router_fails": (),
    "migration_fails": (),
    "crashes_in_probation": ("additive",),
    "never_ready": ("additive", "breaking"),
}


@pytest.fixture(scope="module")
def rows() -> Iterator[list[Row]]:
    found: list[Row] = []
    yield found
    if found:
        write("bad-releases", "make e2e", found)


def test_no_bad_release_is_left_out() -> None:
    assert set(CASES) == set(BAD)


@pytest.mark.parametrize("name", CASES)
def test_a_bad_release_is_rolled_back_by_itself(upgrades: Upgrades, rows: list[Row], name: str) -> None:
    variant = CATALOGUE[name]
    variant = replace(variant, migrations=CASES[name] or variant.migrations)
    told = assert_rolled_back(upgrades, variant)
    assert_good_one_is_taken(upgrades)
    rows.append(Row(" ".join((name, *CASES[name][-1:])), told, "refused 0, lost 0"))
