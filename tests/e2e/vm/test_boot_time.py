"""Readiness of the second boot against the SSH banner of the bare base with the same seed, median of three."""

import statistics
from pathlib import Path

from dev.vm import accelerator, basedisk
from dev.vm.guest import Guest, make_key
from dev.vm.image import Image
from dev.vm.machine import Machine, Plan, free_port, wait_until
from dev.vm.seed import Identity, seed_disk

RATIO_MAX = 1.5
BOOTS = 3
SECONDS_MAX = 900


def boots(image: Path, folder: Path, *, disk_gib: int, ready: bool) -> tuple[float, list[float]]:
    """Boots once, then three times more; gives the first and the later times, in seconds since QEMU's start."""
    key = folder / "id_ed25519"
    seed_disk(folder / "seed.iso", Identity("boot-time", "att-test", (make_key(key),), "", "ab" * 32))
    guest = Guest(free_port(), free_port(), key)
    plan = Plan(
        image=image,
        seed=folder / "seed.iso",
        forwards={22: guest.ssh_port, 7443: guest.https_port},
        accelerator=accelerator.chosen(image),
        disk_gib=disk_gib,
    )
    machine = Machine(folder / "machine", plan)
    taken = []
    try:
        for _ in range(BOOTS + 1):
            machine.start()
            wait = guest.wait_for_ready if ready else guest.wait_for_ssh
            taken.append(wait(machine, SECONDS_MAX))
            # A boot counts as one only when it was let to its end.
            wait_until(lambda: guest.ssh("true", check=False).returncode == 0, 300, "a login", every_seconds=2)
            guest.ssh("systemctl", "is-system-running", "--wait", check=False, timeout_seconds=600)
            machine.shut_down()
    finally:
        machine.power_cut()
    return taken[0], taken[1:]


def test_the_appliance_is_ready_soon_after_the_bare_base_would_let_one_in(image: Image, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "appliance").mkdir()
    bare_first, bare = boots(basedisk.base_disk(), tmp_path / "bare", disk_gib=8, ready=False)
    first, later = boots(image.disk, tmp_path / "appliance", disk_gib=0, ready=True)
    ratio = statistics.median(later) / statistics.median(bare)
    told = (
        f"bare base, SSH banner: first {bare_first:.0f} s, then {[round(one) for one in bare]}; "
        f"appliance, ready: first {first:.0f} s, then {[round(one) for one in later]}; ratio {ratio:.2f}"
    )
    print(told)
    assert ratio <= RATIO_MAX, told
