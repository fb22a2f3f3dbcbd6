"""Upgrades and rollbacks of a running appliance under load: nobody is refused, nothing is lost, a bad release goes."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.appliance.nspawn.container import Container
from tests.appliance.nspawn.upgrading import Report, Upgrades

LONGEST_WAIT_SECONDS = 5.0


@pytest.fixture(scope="module")
def upgrades(appliance: Container, appliance_root: Path, signing_key: Ed25519PrivateKey) -> Upgrades:
    base = appliance_root / "opt/att" / (appliance_root / "opt/att/current").readlink()
    return Upgrades(appliance, base, signing_key)


def assert_nothing_was_lost(report: Report, *allowed: str) -> None:
    print(f"longest wait {report.seen['longest_wait_seconds']:.2f} s, answers {report.seen['statuses']}")
    assert report.seen["errors"] == {}
    assert report.bad_statuses(*allowed) == {}
    assert report.seen["writes_lost"] == []
    assert report.seen["writes_twice"] == []
    assert report.seen["writes_acknowledged"] > 20
    assert report.seen["longest_wait_seconds"] <= LONGEST_WAIT_SECONDS


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


@pytest.mark.parametrize("variant", ["crashes_in_probation", "never_ready"])
def test_a_bad_release_is_rolled_back_by_itself(upgrades: Upgrades, variant: str) -> None:
    version, bundle = upgrades.make(variant)
    before = upgrades.current()
    with upgrades.load(variant.replace("_", "-")) as report:
        code, transaction, said = upgrades.apply(bundle)
    assert code == 4, said
    assert transaction["verdict"] == "rolled_back"
    assert upgrades.current() == upgrades.serving() == before
    assert upgrades.sockets_down() == []
    assert upgrades.audited(transaction["id"])[-1] == "ROLLED_BACK"
    log = upgrades.appliance.run("cat", f"/var/log/att/{transaction['log']}").stdout
    assert "att-api" in log
    assert not [error for error in report.seen["errors"] if "refused" in error.lower()]
    assert report.seen["writes_lost"] == []
    # The token outlived it, and the version is remembered.
    assert upgrades.ask("/api/v1/auth/me")["name"]
    code, transaction, said = upgrades.apply(bundle)
    assert code == 4
    assert "version_bad" in said + json.dumps(transaction)

    version, good = upgrades.make("good_none")
    code, _, said = upgrades.apply(good)
    assert code == 0, said
    assert upgrades.serving() == version
