"""Everything of an appliance is lost, and comes back from one file: on the same release, on the next one, and when the
restore itself is killed or loses its power.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.appliance.nspawn import template
from tests.appliance.nspawn.container import Container, overlay
from tests.e2e.nspawn import kept
from tests.e2e.nspawn.kept import Doors
from tests.fakes.bundles import CATALOGUE, derive_bundle
from tests.fakes.overlays import SITE, appended

from att.backup.machine import KEEPER
from att.release.install import install_file

RESTORE_SECONDS_MAX = 300
ORDER = "/root/die-at"
# SIGKILL before the effect that a file names.
DEADLY = appended(
    f"{SITE}/att/backup/switching.py",
    f"""
def _die_when_asked(name: str) -> None:
    import os, pathlib, signal

    order = pathlib.Path("{ORDER}")
    if order.exists() and order.read_text() == name:
        order.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


_real_init = Switch.__init__


def _init(self, folders, before_effect=None):
    _real_init(self, folders, _die_when_asked)


Switch.__init__ = _init
""",
)
CUTS = (
    "write switching",
    "displace api",
    "place api",
    "place projects",
    "displace att.yaml",
    "place tls",
    "write switched",
    "write proved",
    "sweep",
)


@dataclass(frozen=True)
class Old:
    """What is left of the appliance that was lost: a file, a key, what people hold, and what was seen on it."""

    taken: tuple[bytes, str]
    doors: Doors
    seen: dict[str, Any]


@pytest.fixture(scope="module")
def old(appliance_root: Path) -> Old:
    with overlay(appliance_root, template.folder()) as box:
        box.boot()
        doors = kept.furnished(box)
        seen = kept.walk(box)
        taken = kept.backup(box)
        assert kept.walk(box) == seen, "a backup changes nothing"
        shown = box.told("backup", "list")["backups"]
        assert [one["problem"] for one in shown] == [None]
        return Old(taken, doors, seen)


@contextmanager
def fresh(root: Path, bundle: Path | None = None) -> Iterator[Container]:
    """Another machine, never claimed, of the same release or of a bundle's."""
    with overlay(root, template.folder()) as box:
        if bundle is not None:
            install_file(bundle, box.root)
        box.boot()
        yield box


def restored(box: Container, old: Old) -> dict[str, Any]:
    path = kept.hand_over(box, old.taken)
    done = box.attctl(
        *("--json", "backup", "restore", path, "--key-file", kept.KEY, "--yes"),
        check=False,
        timeout_seconds=RESTORE_SECONDS_MAX,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return kept.walk(box)


def ended_by_itself(box: Container) -> None:
    """Ask nothing of the appliance meanwhile: whoever stands by, or the boot, has to see to it."""
    until = time.monotonic() + RESTORE_SECONDS_MAX
    while time.monotonic() < until:
        keeper = box.run("systemctl", "is-active", KEEPER, check=False).stdout.strip()
        left = box.run("ls", "-A", "/var/lib/att", "/run/att").stdout.split()
        if keeper == "inactive" and not {".restore", "restore.gate"} & set(left):
            return
        time.sleep(0.5)
    raise AssertionError(box.run("journalctl", "--no-pager", "-n", "60", "-u", "att-restore*", check=False).stdout)


def test_a_fresh_appliance_becomes_the_lost_one(old: Old, appliance_root: Path) -> None:
    with fresh(appliance_root) as box:
        before = kept.fingerprint(box)
        assert restored(box, old) == old.seen
        assert kept.fingerprint(box) != before
        kept.assert_doors_open(box, old.doors)
        kept.assert_work_goes_on(box)
        box.reboot()
        kept.assert_doors_open(box, old.doors)
        assert box.told("status")["status"] == "ok"


def test_an_appliance_of_the_next_version_takes_it_in_and_migrates_it(
    old: Old, appliance_root: Path, signing_key: Ed25519PrivateKey, tmp_path: Path
) -> None:
    installed = appliance_root / "opt/att" / (appliance_root / "opt/att/current").readlink()
    bundle = CATALOGUE["good_additive"].derive(installed, "9.0.1", key=signing_key, output=tmp_path)
    with fresh(appliance_root, bundle) as box:
        assert restored(box, old) == old.seen
        kept.assert_doors_open(box, old.doors)
        kept.assert_work_goes_on(box)
        assert box.told("version")["release"] == "9.0.1"


def test_a_damaged_file_or_another_key_changes_nothing(old: Old, appliance_root: Path) -> None:
    with fresh(appliance_root) as box:
        before = kept.fingerprint(box)
        path = kept.hand_over(box, old.taken)
        file = box.root / path.lstrip("/")
        whole = old.taken[0]
        for damaged in (whole[:-1], whole[: len(whole) // 2], whole[:-100] + bytes(1) + whole[-99:]):
            file.write_bytes(damaged)
            refused = box.attctl("backup", "restore", path, "--key-file", kept.KEY, "--yes", check=False)
            assert (refused.returncode, "error[backup_damaged]" in refused.stderr) == (4, True), refused.stderr
        file.write_bytes(whole)
        box.attctl("backup", "key")
        refused = box.attctl("backup", "restore", path, "--yes", check=False)
        assert (refused.returncode, "error[backup_key_wrong]" in refused.stderr) == (4, True), refused.stderr
        assert kept.fingerprint(box) == before
        assert box.run("cat", "/run/att/claim-code").stdout.strip()
        assert box.told("status")["status"] == "ok"


def test_a_restore_that_is_killed_or_loses_its_power_is_all_of_it_or_nothing(
    old: Old, appliance_root: Path, signing_key: Ed25519PrivateKey, tmp_path: Path
) -> None:
    installed = appliance_root / "opt/att" / (appliance_root / "opt/att/current").readlink()
    bundle = derive_bundle(installed, "8.0.0", key=signing_key, output=tmp_path, overlay=DEADLY(installed))
    ended = {}
    with fresh(appliance_root, bundle) as box:
        path = kept.hand_over(box, old.taken)
        box.attctl("token", "create", "--name", "mine", "--role", "viewer")
        for number, effect in enumerate(CUTS):
            box.write(ORDER, effect)
            words = ("backup", "restore", path, "--key-file", kept.KEY, "--yes")
            done = box.attctl(*words, check=False, timeout_seconds=RESTORE_SECONDS_MAX)
            assert done.returncode not in (0, 4), f"{effect}: {done.stderr}"
            if number % 2:
                box.cut()
                box.boot()
            ended_by_itself(box)
            names = {one["name"] for one in box.told("token", "list")["tokens"]}
            assert names & {"mine", "kept"}, f"{effect}: {names}"
            ended[effect] = "kept" in names
            assert ".restore" not in box.run("ls", "-A", "/var/lib/att").stdout.split(), effect
            if ended[effect]:
                assert kept.walk(box) == old.seen, effect
        assert ended == {effect: effect in ("sweep", "write proved") for effect in CUTS}
