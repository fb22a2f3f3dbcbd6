"""Good releases with a migration, under load: the one of `make test` has none."""

from tests.appliance.nspawn.outcomes import assert_committed_and_given_back, assert_nothing_was_lost
from tests.appliance.nspawn.upgrading import Upgrades


def test_an_additive_release_is_committed_and_no_request_notices(upgrades: Upgrades) -> None:
    assert_committed_and_given_back(upgrades, "good_additive")


def test_a_breaking_migration_fences_writes_and_loses_none(upgrades: Upgrades) -> None:
    version, bundle = upgrades.make("good_breaking")
    with upgrades.load("breaking") as report:
        code, _, said = upgrades.apply(bundle)
    assert code == 0, said
    assert upgrades.serving() == version
    assert_nothing_was_lost(report, "POST 503")
