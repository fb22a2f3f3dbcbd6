"""The bad releases that `make test` leaves out: each is rolled back by itself under load."""

import pytest
from tests.appliance.nspawn.upgrading import Upgrades, assert_rolled_back
from tests.fakes.bundles import CATALOGUE

IN_MAKE_TEST = {"crashes_in_probation", "never_ready"}
BAD = sorted({name for name, one in CATALOGUE.items() if one.outcome == "ROLLED_BACK"} - IN_MAKE_TEST)


@pytest.mark.parametrize("variant", BAD)
def test_a_bad_release_is_rolled_back_by_itself(upgrades: Upgrades, variant: str) -> None:
    assert_rolled_back(upgrades, variant)
