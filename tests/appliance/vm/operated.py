"""One appliance in a QEMU machine as its operator and its clients meet it: SSH, attctl, HTTPS, a power cut."""

import hashlib
import itertools
import json
import os
import secrets
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dev.bundle.__main__ import signing_key
from dev.vm import accelerator
from dev.vm.guest import Guest, make_key
from dev.vm.image import Image, image, latest
from dev.vm.machine import Machine, Plan, free_port, wait_until
from dev.vm.seed import Identity, seed_disk
from dev.vm.step import VmError
from tests.appliance.vm.ssh_box import SshBox
from tests.fakes import ec2_metadata
from tests.fakes.bundles import CATALOGUE, unpacked

# Emulation is six to nine times slower than the machine it runs on, and that machine may be busy.
BOOT_SECONDS_MAX = 900
UPGRADE_SECONDS_MAX = 1500
COMMAND_SECONDS_MAX = 300
EMULATED_PATIENCE = 10.0


@dataclass
class Operated:
    """A running appliance and what its operator holds: key, first token, bundles to upgrade with."""

    machine: Machine
    guest: Guest
    token: str
    bundles: "Bundles"
    booted_seconds: list[float] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The appliance port as seen from this host, without a slash at the end."""
        return f"https://127.0.0.1:{self.guest.https_port}"

    @property
    def box(self) -> SshBox:
        """The machine as tests see it that run in a container too."""
        emulated = self.machine.plan.accelerator == accelerator.TCG
        return SshBox(self.guest, EMULATED_PATIENCE if emulated else 1.0)

    def reboot(self) -> float:
        """Powers off as an operator would and boots again; gives the seconds to readiness."""
        self.machine.shut_down()
        return self.boot()

    def boot(self) -> float:
        """Starts the machine and waits until it serves and lets its operator in; gives the seconds to readiness."""
        self.machine.start()
        seconds = self.guest.wait_for_ready(self.machine, BOOT_SECONDS_MAX)
        self.booted_seconds.append(seconds)
        wait_until(
            lambda: self.guest.ssh("true", check=False).returncode == 0, COMMAND_SECONDS_MAX, "a login", every_seconds=2
        )
        return seconds

    def attctl(self, *arguments: str, timeout_seconds: float = COMMAND_SECONDS_MAX) -> tuple[int, Any, str]:
        """Runs attctl as operator; gives exit code, its JSON (None when it printed none) and its standard error."""
        done = self.guest.ssh("attctl", "--json", *arguments, check=False, timeout_seconds=timeout_seconds)
        try:
            printed = json.loads(done.stdout)
        except ValueError:
            printed = None
        return done.returncode, printed, done.stderr + ("" if printed is not None else done.stdout)

    def status_becomes_ok(self) -> Any:
        """Asks for the status until it is ok; gives it."""
        return self._becomes(("status",), lambda _: True, COMMAND_SECONDS_MAX, "attctl status to say ok")

    def release(self) -> str:
        """The release that the current link names."""
        return Path(self.guest.shell("readlink /opt/att/current").strip()).name

    def bring(self, bundle: Path) -> str:
        """Copies a bundle into the operator's home; gives its path there. Earlier ones are removed."""
        self.guest.shell("rm -f ~/*.attb")
        self.guest.copy_in(bundle, bundle.name)
        return bundle.name

    def upgrade(self, bundle: Path) -> tuple[int, Any, str]:
        """Copies a bundle in and upgrades to it, to the end."""
        return self.attctl("upgrade", "apply", self.bring(bundle), "--wait", timeout_seconds=UPGRADE_SECONDS_MAX)

    def newest_upgrade_ends(self) -> Any:
        """Waits until the newest transaction has its verdict; gives it as `upgrade show` tells it."""
        return self._becomes(
            ("upgrade", "show", "newest"),
            lambda told: told["verdict"] != "running",
            UPGRADE_SECONDS_MAX,
            "the verdict over the newest upgrade",
        )

    def _becomes(self, words: tuple[str, ...], holds: Callable[[Any], bool], seconds: float, what: str) -> Any:
        """Ask until the answer has exit code 0 and `holds`; gives it."""
        seen: list[tuple[int, Any, str]] = []

        def there() -> bool:
            code, printed, said = self.attctl(*words)
            seen.append((code, printed, said))
            return code == 0 and holds(printed)

        try:
            wait_until(there, seconds, what, every_seconds=3)
        except VmError as error:
            raise AssertionError(f"{error}; seen: {seen[-2:]}") from error
        return seen[-1][1]

    def begin_upgrade_and_cut_power(self, bundle: Path) -> None:
        """Begins an upgrade and cuts the power in the moment in which the release link has moved."""
        name, before = self.bring(bundle), self.release()
        script = (
            f"attctl upgrade apply {shlex.quote(name)} --wait >apply.log 2>&1 </dev/null & upgrade=$!; "
            f'while [ "$(readlink /opt/att/current)" = releases/{before} ]; do '
            "kill -0 $upgrade || { cat apply.log >&2; exit 1; }; sleep 0.1; done"
        )
        self.guest.ssh("sh", "-c", script, timeout_seconds=UPGRADE_SECONDS_MAX)
        self.machine.power_cut()

    def sockets(self) -> dict[str, str]:
        """Every ATT socket unit and its state."""
        listed = self.guest.shell("systemctl list-units --all --plain --no-legend 'att-*.socket'").splitlines()
        return {line.split()[0]: line.split()[2] for line in listed}


class Bundles:
    """Variants of the bundle in the image, each with a version of its own, higher than the one before; thin ones."""

    def __init__(self, bundle: Path, folder: Path) -> None:
        self._key = load_key(signing_key(release=False))
        folder.mkdir()
        self._folder = folder
        self._release = unpacked(bundle, folder / "release", self._key)
        self._number = itertools.count(1)

    def next(self, variant: str) -> tuple[Path, str]:
        """A bundle of the named variant of the catalogue, and its version."""
        version = f"9.0.{next(self._number)}"
        return CATALOGUE[variant].derive(self._release, version, key=self._key, output=self._folder, thin=True), version


def load_key(file: Path) -> Ed25519PrivateKey:
    """Reads an Ed25519 private key from a PEM file."""
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    return key


def image_to_try() -> Image:
    """The image of this checkout, built unless it is there; with ATT_TEST_IMAGE=latest the one built last."""
    if os.environ.get("ATT_TEST_IMAGE") == "latest" and (found := latest()) is not None:
        return found
    return image()


@contextmanager
def operated(
    tried: Image, folder: Path, *, settings: str = "", uefi: bool = False, cloud: Path | None = None
) -> Iterator[Operated]:
    """An appliance of this image on a fresh disk, without any network but its forwarded ports; off at the end.

    It is told who it is by a seed disk; with `cloud` by a metadata service as Amazon's, whose folder that is.
    """
    token = f"att_{secrets.token_urlsafe(32)}"
    key = folder / "id_ed25519"
    digest = hashlib.sha256(token.encode()).hexdigest()
    identity = Identity(f"test-{secrets.token_hex(8)}", "att-test", (make_key(key),), settings, digest)
    if cloud is None:
        seed_disk(folder / "seed.iso", identity)
    else:
        ec2_metadata.furnish(cloud, identity)
    guest = Guest(free_port(), free_port(), key)
    plan = Plan(
        image=tried.disk,
        seed=folder / "seed.iso" if cloud is None else None,
        forwards={22: guest.ssh_port, 7443: guest.https_port},
        accelerator=accelerator.chosen(tried.disk),
        restricted=True,
        uefi=uefi,
        network=ec2_metadata.network(cloud) if cloud is not None else (),
        uuid=ec2_metadata.UUID if cloud is not None else "",
    )
    machine = Machine(folder / "machine", plan)
    try:
        yield Operated(machine, guest, token, Bundles(tried.bundle, folder / "bundles"))
    finally:
        machine.power_cut()
