"""The engine is killed at every record of its journal, on real systemd; the appliance recovers by itself.

Line 6 of the first story: SIGKILL, then recovery: healthy, complete, committed data there.
"""

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.appliance.nspawn import template
from tests.appliance.nspawn.container import Container, overlay
from tests.appliance.nspawn.upgrading import Upgrades
from tests.fakes.bundles import CATALOGUE, Variant, another_migration, derive_bundle, unpacked

from att.release.install import install_file
from att_stage0.journal import decode
from att_stage0.transaction import Transaction, fold

QUICK = b"[gate]\nsuccesses = 3\nprobation_seconds = 3\n[deadlines]\nready_seconds = 60\n"
_VERSIONS = itertools.count(1)
RECORDS_MIN, RECORDS_MAX = 12, 30
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


def engine_pid(container: Container) -> int:
    """The engine's process as this host numbers it."""
    container.run("systemctl", "start", "att-upgraded.service")
    inner = container.run("systemctl", "show", "--property=MainPID", "--value", "att-upgraded.service").stdout.strip()
    space = Path(f"/proc/{container.leader}/ns/pid").readlink()
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            numbers = next(line for line in status.read_text().splitlines() if line.startswith("NSpid:")).split()
            if numbers[-1] == inner and (status.parent / "ns/pid").readlink() == space:
                return int(status.parent.name)
    raise AssertionError("the engine has no process")


def variant_of(name: str, number: int) -> Variant:
    """The variant, with a migration that another one of these has not made already."""
    change = name.removeprefix("good_")
    if change in ("additive", "breaking"):
        table = f'op.create_table("killed_{number}", sa.Column("id", sa.Integer, primary_key=True))'
        return Variant(name, "COMMITTED", another_migration(change, table))
    return CATALOGUE[name]


def next_version() -> str:
    """A version that was never tried here."""
    return f"9.{next(_VERSIONS)}.0"


def kill_at(upgrades: Upgrades, variant: str, number: int) -> Transaction | None:
    """Upgrade, kill the engine as soon as the transaction has `number` records; None when it ended with fewer."""
    container = upgrades.appliance
    wanted = variant_of(variant, number)
    made = wanted.derive(upgrades.base, next_version(), key=upgrades.key, output=container.work / "bundles")
    bundle = Path("/var/tmp") / made.name
    shutil.copy(made, container.root / bundle.relative_to("/"))
    pid = engine_pid(container)
    before, former = records(container)
    command = container.command("attctl", "upgrade", "apply", str(bundle), "--json", user="operator")
    begun = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    killed: Transaction | None = None
    until = time.monotonic() + RECOVERED_SECONDS_MAX
    while time.monotonic() < until:
        at, newest = records(container)
        begins = newest is not None and (former is None or newest.id != former.id)
        if begins and at - before >= number:
            os.kill(pid, signal.SIGKILL)
            killed = records(container)[1]
            break
        if begins and newest is not None and newest.finished:
            break
    begun.wait(timeout=120)
    end = finished(container)
    assert former is None or end.id != former.id
    if killed is None or killed.state == "COMMITTED":
        assert end.state == wanted.outcome, end.failure
    if end.state == "COMMITTED":
        # The next one has to be made of this one: its migrations come after these.
        upgrades.base = unpacked(made, container.work / "quick" / end.target, upgrades.key)
    container.run("rm", "-f", str(bundle))
    made.unlink()
    when = f"{killed.state} {killed.phase}" if killed else "never"
    print(f"{variant}: killed at record {number} ({when}): {end.state} {end.schema_class} {dict(end.failure)}")
    return killed


@pytest.mark.parametrize("variant", ["good_none", "good_additive", "good_breaking", "wrong_version"])
def test_an_engine_killed_at_every_record_leaves_a_healthy_appliance(quick: Upgrades, variant: str) -> None:
    for number in range(1, RECORDS_MAX + 1):
        writer = Writer(quick, f"{variant}-{number}".replace("_", "-"))
        writer.start()
        killed = kill_at(quick, variant, number)
        told = writer.stop()
        serving = quick.serving()
        assert serving == quick.current()
        assert quick.sockets_down() == []
        listed = json.loads(quick.appliance.attctl("token", "list", "--json").stdout)
        there = {one["name"] for one in listed["tokens"]}
        assert set(told) <= there, f"lost after record {number}: {sorted(set(told) - there)}"
        fence = quick.appliance.run("systemctl", "is-active", "att-fence.service", check=False)
        assert fence.stdout.strip() != "active"
        assert not (quick.appliance.root / "opt/att/.upgrade/deadline").exists()
        if killed is None:
            assert number > RECORDS_MIN
            return
    raise AssertionError(f"more than {RECORDS_MAX} records")
