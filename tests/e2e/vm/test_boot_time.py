"""Readiness of the second boot against the SSH banner of the bare base with the same seed, median of three."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dev.vm import accelerator, basedisk
from dev.vm.guest import Guest, Progress, make_key
from dev.vm.image import Image
from dev.vm.machine import Machine, Plan, free_port, wait_until
from dev.vm.seed import Identity, seed_disk
from tests.bench.table import Row, write

RATIO_MAX = 1.5
BOOTS = 3
SECONDS_MAX = 900
Wait = Callable[[Machine, float, Progress | None], float]


@dataclass
class Booted:
    """A machine that is booted over and over; `seconds` from QEMU's start to what is waited for, first boot first."""

    machine: Machine
    guest: Guest
    wait: Wait
    seconds: list[float] = field(default_factory=list)

    def boot(self) -> None:
        """Boots to the end and shuts down: a boot counts as one only when it was let to its end."""
        self.machine.start()
        try:
            self.seconds.append(self.wait(self.machine, SECONDS_MAX, None))
            wait_until(lambda: self.guest.ssh("true", check=False).returncode == 0, 300, "a login", every_seconds=2)
            self.guest.ssh("systemctl", "is-system-running", "--wait", check=False, timeout_seconds=600)
            self.machine.shut_down()
        finally:
            self.machine.power_cut()

    def later(self) -> str:
        """The boots after the first, for people."""
        return ", ".join(f"{one:.0f}" for one in self.seconds[1:])


def machine_of(image: Path, folder: Path, *, disk_gib: int, ready: bool) -> Booted:
    """A machine of its own folder; both kinds get the same seed, and the size of disk the appliance has."""
    folder.mkdir()
    key = folder.parent / "id_ed25519"
    seed = folder.parent / "seed.iso"
    if not seed.exists():
        seed_disk(seed, Identity("boot-time", "att-test", (make_key(key),), "", "ab" * 32))
    guest = Guest(free_port(), free_port(), key)
    plan = Plan(
        image=image,
        seed=seed,
        forwards={22: guest.ssh_port, 7443: guest.https_port},
        accelerator=accelerator.chosen(image),
        disk_gib=disk_gib,
    )
    return Booted(Machine(folder / "machine", plan), guest, guest.wait_for_ready if ready else guest.wait_for_ssh)


def test_the_appliance_is_ready_soon_after_the_bare_base_would_let_one_in(image: Image, tmp_path: Path) -> None:
    bare = machine_of(basedisk.base_disk(), tmp_path / "bare", disk_gib=8, ready=False)
    appliance = machine_of(image.disk, tmp_path / "appliance", disk_gib=0, ready=True)
    # In turn, so that whatever else this host does meets both alike.
    for _ in range(BOOTS + 1):
        bare.boot()
        appliance.boot()
    base, ours = (statistics.median(one.seconds[1:]) for one in (bare, appliance))
    rows = [
        Row("bare base, SSH banner, first boot", f"{bare.seconds[0]:.0f} s"),
        Row("bare base, SSH banner, later boots", f"{bare.later()} s"),
        Row("appliance, /readyz 200, first boot", f"{appliance.seconds[0]:.0f} s"),
        Row("appliance, /readyz 200, later boots", f"{appliance.later()} s"),
        Row("median", f"{ours:.1f} s", f"{RATIO_MAX} × peer", f"bare base {base:.1f} s", f"{ours / base:.2f}"),
    ]
    write("boot-time", "make e2e", rows, of=f"image {image.version} under {appliance.machine.plan.accelerator}")
    assert ours / base <= RATIO_MAX, rows
