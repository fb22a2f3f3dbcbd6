"""The engine is killed at every record of its journal, on real systemd; the appliance recovers by itself.

Line 6 of the first story: SIGKILL, then recovery: healthy, complete, committed data there.
"""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.appliance.nspawn import template
from tests.appliance.nspawn.container import Container, overlay
from tests.appliance.nspawn.upgrading import Upgrades
from tests.fakes.bundles import derive_bundle, unpacked

from att.release.install import install_file
from att_stage0.journal import decode
from att_stage0.transaction import Transaction, fold

QUICK = b"[gate]\nsuccesses = 3\nprobation_seconds = 3\n[deadlines]\nready_seconds = 60\n"
RECORDS_MAX = 30
RECOVERED_SECONDS_MAX = 180.0
pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def quick(appliance_root: Path, signing_key: Ed25519PrivateKey) -> Iterator[Upgrades]:
    """An appliance whose probation is short, so that thirty upgrades fit into minutes."""
    with overlay(appliance_root, template.folder()) as container:
        base = appliance_root / "opt/att" / (appliance_root / "opt/att/current").readlink()
        folder = container.work / "quick"
        bundle = derive_bundle(base, "8.0.0", key=signing_key, output=folder, overlay={"upgrade/gates.toml": QUICK})
        install_file(bundle, container.root)
        container.boot()
        yield Upgrades(container, unpacked(bundle, folder / "8.0.0", signing_key), signing_key)


class Writer(threading.Thread):
    """Makes a token after the other and remembers those it was told of."""

    def __init__(self, upgrades: Upgrades, prefix: str) -> None:
        super().__init__(daemon=True)
        self.made: list[str] = []
        self._upgrades = upgrades
        self._prefix = prefix
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.is_set():
            name = f"{self._prefix}-{len(self.made)}"
            asked = ("token", "create", "--name", name, "--role", "viewer", "--json")
            done = self._upgrades.appliance.attctl(*asked, check=False, timeout_seconds=60)
            if done.returncode == 0:
                self.made.append(str(json.loads(done.stdout)["name"]))

    def stop(self) -> list[str]:
        self._over.set()
        self.join(timeout=90)
        return self.made


def records(container: Container) -> tuple[int, Transaction | None]:
    """The journal's last sequence number and newest transaction, as they lie on the container's disk."""
    path = container.root / "opt/att/.upgrade/journal"
    found = decode(path.read_bytes()).records if path.exists() else ()
    transactions = fold(found)
    return (found[-1].sequence if found else 0), (transactions[-1] if transactions else None)


def finished(container: Container) -> Transaction:
    until = time.monotonic() + RECOVERED_SECONDS_MAX
    newest: Transaction | None = None
    while time.monotonic() < until:
        _, newest = records(container)
        if newest is not None and newest.finished:
            return newest
        time.sleep(0.2)
    said = container.run("journalctl", "--no-pager", "-n", "80", "-u", "att-upgraded", check=False).stdout
    raise AssertionError(f"not finished: {newest}\n{said}")


def kill_at(upgrades: Upgrades, variant: str, number: int) -> bool:
    """Upgrade, kill the engine at the transaction's record `number`; False when it had fewer records than that."""
    container = upgrades.appliance
    _, bundle = upgrades.make(variant)
    before, _ = records(container)
    begun = container.attctl("upgrade", "apply", str(bundle), "--json", check=False)
    assert begun.returncode == 0, begun.stderr
    transaction = json.loads(begun.stdout)["transaction"]
    while True:
        at, newest = records(container)
        if newest is not None and newest.id == transaction and newest.finished:
            return False
        if at - before >= number:
            break
        time.sleep(0.002)
    container.run("systemctl", "kill", "--signal=SIGKILL", "att-upgraded.service", check=False)
    _, killed = records(container)
    end = finished(container)
    assert end.id == transaction
    if killed is not None and killed.state == "COMMITTED":
        assert end.state == "COMMITTED"
    if end.state == "COMMITTED":
        # The next one has to be made of this one: its migrations come after these.
        made = container.root / bundle.relative_to("/")
        upgrades.base = unpacked(made, container.work / "quick" / end.target, upgrades.key)
    container.run("rm", "-f", str(bundle))
    print(f"killed at record {number} ({killed and killed.state}): {end.state}")
    return True


@pytest.mark.parametrize("variant", ["good_none", "good_additive", "good_breaking", "crashes_in_probation"])
def test_an_engine_killed_at_every_record_leaves_a_healthy_appliance(quick: Upgrades, variant: str) -> None:
    for number in range(1, RECORDS_MAX + 1):
        writer = Writer(quick, f"{variant}-{number}".replace("_", "-"))
        writer.start()
        more = kill_at(quick, variant, number)
        told = writer.stop()
        serving = quick.serving()
        assert serving == quick.current()
        assert quick.sockets_down() == []
        listed = json.loads(quick.appliance.attctl("token", "list", "--json").stdout)
        there = {one["name"] for one in listed["tokens"]}
        assert set(told) <= there, f"lost after record {number}: {sorted(set(told) - there)}"
        assert (
            quick.appliance.run("systemctl", "is-active", "att-fence.service", check=False).stdout.strip() != "active"
        )
        assert not (quick.appliance.root / "opt/att/.upgrade/deadline").exists()
        if not more:
            return
    raise AssertionError(f"more than {RECORDS_MAX} records")
