"""Changes of ATT by itself beside others: two at once, one beside an operator's upgrade, one that breaks the schema."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dev.vm.machine import wait_until
from tests.appliance.box import settled
from tests.appliance.nspawn import template
from tests.appliance.nspawn.container import Container, overlay
from tests.e2e.changes import PATCHES, Changes
from tests.fakes.bundles import derive_bundle

BESIDE = PATCHES / "beside"
KEPT = "kept"
NEWER = "/home/operator/newer.attb"
SCHEMA = "SELECT version_num FROM alembic_version"
BEGUN_SECONDS_MAX = 60.0


@pytest.fixture(scope="module")
def machine(whole_root: Path, committed: str) -> Iterator[Container]:
    with overlay(whole_root, template.folder()) as container:
        container.boot()
        settled(container)
        container.told("project", "create", KEPT, "--template", "chatbot")
        yield container


@pytest.fixture(scope="module")
def changes(machine: Container) -> Changes:
    return Changes(machine)


def test_of_two_at_once_the_second_waits_until_the_first_has_ended(machine: Container, changes: Changes) -> None:
    first = changes.begin(PATCHES / "good" / "another_hint.patch", "--release", "none")
    second = changes.begin(BESIDE / "another_answer.patch")
    changes.waiting(first)
    assert machine.told("job", "show", second)["state"] == "queued"
    changes.allow(first)
    assert changes.ended(first)["outcome"] == "merged"
    changes.allow(second)
    cycle = changes.ended(second)
    assert (cycle["outcome"], cycle["deployed_release_id"]) == ("released", changes.serves())
    assert cycle["created"] < changes.shown(first)["finished"] <= cycle["steps"][0]["began"]
    assert changes.hint().startswith("every path"), "the release holds what was merged before it"


def test_while_an_operator_upgrades_none_begins_and_it_is_said_who(
    machine: Container, changes: Changes, whole_bundle: Path, signing_key: Ed25519PrivateKey, tmp_path: Path
) -> None:
    newer = derive_bundle(whole_bundle, "9.0.0", key=signing_key, output=tmp_path, thin=True)
    (machine.root / NEWER.lstrip("/")).write_bytes(newer.read_bytes())
    machine.told("upgrade", "apply", NEWER)
    wait_until(lambda: running(machine), BEGUN_SECONDS_MAX, "the upgrade to run", every_seconds=0.2)
    cycle = changes.ended(changes.begin(BESIDE / "another_answer.patch"))
    assert cycle["problem"]["code"] == "upgrade_running", cycle
    assert "asked for by operator" in cycle["problem"]["detail"]
    assert cycle["number"] is None
    wait_until(lambda: not running(machine), 300, "the upgrade to end", every_seconds=1)
    assert changes.serves() == "9.0.0"


def test_a_breaking_migration_that_is_rolled_back_leaves_a_change_that_says_so(
    machine: Container, changes: Changes
) -> None:
    machine.told("rollback", "--yes", "--wait")
    before, schema = changes.serves(), version(machine)
    cycle = changes.made(BESIDE / "moves_a_table_and_is_never_ready.patch")
    assert cycle["outcome"] == "rolled_back", cycle
    assert (changes.serves(), version(machine)) == (before, schema)
    evidence = {one["step"]: one["evidence"] for one in cycle["steps"]}
    assert evidence["health"]["verdict"] == "rolled_back"
    transaction = machine.told("upgrade", "show", cycle["transaction"])
    assert (transaction["schema_class"], transaction["rollback_policy_status"]) == ("breaking", "allow")
    assert machine.told("code", "read", KEPT, "README.md")["content"]
    assert machine.attctl("status").returncode == 0


def running(machine: Container) -> bool:
    """Whether the engine works on an upgrade."""
    newest = machine.told("upgrade", "history", "--limit", "1")["transactions"]
    return bool(newest) and newest[0]["verdict"] == "running"


def version(machine: Container) -> str:
    """The version of the live database's schema."""
    program = (
        "import sqlite3\n"
        "database = sqlite3.connect('file:/var/lib/att/api/db/att.db?mode=ro', uri=True, timeout=20)\n"
        f"print(database.execute('{SCHEMA}').fetchone()[0])"
    )
    return machine.run("python3", "-c", program).stdout.strip()
