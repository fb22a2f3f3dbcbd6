"""What must hold after an upgrade of a container."""

import json
import time

from tests.appliance.nspawn.upgrading import Report, Upgrades
from tests.fakes.bundles import Variant

LONGEST_WAIT_SECONDS = 5.0
ALL = "%"
"""The rows of every load."""


def assert_nothing_was_lost(report: Report, *allowed: str) -> None:
    """Every request was answered well and in time, and every acknowledged write is there once."""
    print(report.summary)
    assert report.seen["errors"] == {}
    assert report.bad_statuses(*allowed) == {}
    assert report.refused() == {}
    assert report.seen["writes_lost"] == []
    assert report.seen["writes_twice"] == []
    assert report.seen["fenced_but_made"] == []
    assert report.seen["writes_acknowledged"] > 20
    assert report.seen["longest_wait_seconds"] <= LONGEST_WAIT_SECONDS


def assert_rolled_back(upgrades: Upgrades, variant: Variant) -> str:
    """A bad release goes by itself and is remembered; what was there before serves. Returns what happened in a line."""
    prefix = variant.name.replace("_", "-")
    _, bundle = upgrades.make(variant)
    before, sick_since = upgrades.current(), time.monotonic()
    with upgrades.load(prefix) as report:
        code, transaction, said = upgrades.apply(bundle)
        seconds = time.monotonic() - sick_since
    if variant.outcome == "REFUSED":
        # The command says why, the transaction is to be asked for.
        transaction = json.loads(upgrades.appliance.attctl("upgrade", "show", "newest", "--json").stdout)
    assert code == 4, f"{variant.name} is no bad release: {said} {transaction}"
    failure = transaction["failure"]
    told = f"{transaction['verdict']}, {failure['class']} {failure['code']}, {seconds:.0f} s; {report.summary}"
    print(f"{variant.name}: {told}\n  {failure['detail']}")
    assert transaction["verdict"] == variant.outcome.lower()
    assert upgrades.current() == upgrades.serving() == before
    assert upgrades.sockets_down() == []
    assert upgrades.audited(transaction["id"])[-1] == variant.outcome
    assert "att-api" in upgrades.appliance.run("cat", f"/var/log/att/{transaction['log']}").stdout
    assert report.refused() == {}
    assert report.seen["writes_lost"] == []
    assert report.seen["fenced_but_made"] == []
    assert report.seen["writes_acknowledged"] > 20
    # Token and session outlived it, and the version is remembered.
    assert upgrades.ask("/api/v1/auth/me")["name"] == "tests"
    assert upgrades.ask("/api/v1/auth/me", by_cookie=True)["name"] == "operator"
    code, transaction, said = upgrades.apply(bundle)
    assert code == 4
    assert "version_bad" in said + json.dumps(transaction)
    assert upgrades.rows(prefix).total() >= report.seen["writes_acknowledged"]
    return told


def assert_good_one_is_taken(upgrades: Upgrades) -> None:
    """A good release without a migration is committed, whatever came before, and costs no row."""
    there = upgrades.rows(ALL)
    version, good = upgrades.make("good_none", thin=True)
    code, _, said = upgrades.apply(good)
    assert code == 0, said
    assert upgrades.serving() == version
    assert upgrades.rows(ALL) == there


def assert_committed_and_given_back(upgrades: Upgrades, variant: str) -> None:
    """A good release is committed and an operator goes back from it; no request notices, no older row is lost."""
    prefix, there = variant.replace("_", "-"), upgrades.rows(ALL)
    version, bundle = upgrades.make(variant)
    before = upgrades.current()
    with upgrades.load(prefix) as report:
        code, transaction, said = upgrades.apply(bundle)
    assert code == 0, said
    assert transaction["verdict"] == "committed"
    assert upgrades.current() == upgrades.serving() == version
    assert upgrades.audited(transaction["id"])[-1] == "COMMITTED"
    assert upgrades.sockets_down() == []
    assert_nothing_was_lost(report)

    with upgrades.load(f"{prefix}-back") as report:
        code, said = upgrades.roll_back()
    assert code == 0, said
    assert upgrades.current() == upgrades.serving() == before
    assert_nothing_was_lost(report)
    assert there <= upgrades.rows(ALL)
