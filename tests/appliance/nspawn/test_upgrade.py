"""Upgrades of a running appliance under load: two bad releases go by themselves, a good one is taken after them and
given back; nobody is refused and nothing is lost. `make e2e` has every other release, good and bad.
"""

import pytest
from tests.appliance.nspawn.outcomes import assert_committed_and_given_back, assert_rolled_back
from tests.appliance.nspawn.upgrading import Upgrades
from tests.fakes.bundles import CATALOGUE


@pytest.mark.parametrize("variant", ["does_not_start", "wrong_version"])
def test_a_bad_release_is_rolled_back_by_itself(upgrades: Upgrades, variant: str) -> None:
    assert_rolled_back(upgrades, CATALOGUE[variant])


def test_a_good_release_is_committed_and_no_request_notices(upgrades: Upgrades) -> None:
    assert_committed_and_given_back(upgrades, "good_none")
