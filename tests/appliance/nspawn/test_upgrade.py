"""Upgrades and rollbacks of a running appliance under load: nobody is refused, nothing is lost, a bad release goes."""

import pytest
from tests.appliance.nspawn.upgrading import Upgrades, assert_nothing_was_lost, assert_rolled_back
from tests.fakes.bundles import CATALOGUE


@pytest.mark.parametrize("variant", ["good_none", "good_additive"])
def test_a_good_release_is_committed_and_no_request_notices(upgrades: Upgrades, variant: str) -> None:
    version, bundle = upgrades.make(variant)
    before = upgrades.current()
    with upgrades.load(variant.replace("_", "-")) as report:
        code, transaction, said = upgrades.apply(bundle)
    assert code == 0, said
    assert transaction["verdict"] == "committed"
    assert upgrades.current() == upgrades.serving() == version
    assert upgrades.audited(transaction["id"])[-1] == "COMMITTED"
    assert upgrades.sockets_down() == []
    assert_nothing_was_lost(report)

    with upgrades.load(f"{variant.replace('_', '-')}-back") as report:
        code, said = upgrades.roll_back()
    assert code == 0, said
    assert upgrades.current() == upgrades.serving() == before
    assert_nothing_was_lost(report)


def test_a_breaking_migration_fences_writes_and_loses_none(upgrades: Upgrades) -> None:
    version, bundle = upgrades.make("good_breaking")
    with upgrades.load("breaking") as report:
        code, _, said = upgrades.apply(bundle)
    assert code == 0, said
    assert upgrades.serving() == version
    assert_nothing_was_lost(report, "POST 503")


@pytest.mark.parametrize("variant", ["does_not_start", "wrong_version"])
def test_a_bad_release_is_rolled_back_by_itself(upgrades: Upgrades, variant: str) -> None:
    assert_rolled_back(upgrades, CATALOGUE[variant])
