"""Chooses how QEMU runs the guest: KVM where a guest really starts under it, emulation elsewhere."""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from dev.vm.places import cache
from dev.vm.step import VmError, output_of, say

KVM = "kvm"
TCG = "tcg"
_PROBE_SECONDS_MAX = 30
# Printed by the kernel on the serial console once it runs its first program.
_PROOF = b"systemd"


def chosen(disk: Path) -> str:
    """Gives "kvm" or "tcg".

    /dev/kvm may exist and yet not run a stock kernel, so `disk` is started under it, once per host boot.
    ATT_QEMU_ACCEL overrides.
    """
    wanted = os.environ.get("ATT_QEMU_ACCEL", "")
    if wanted:
        if wanted not in {KVM, TCG}:
            raise VmError(f"cannot use ATT_QEMU_ACCEL={wanted}: it may be kvm or tcg")
        return wanted
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return TCG
    memory = cache() / "accelerator.json"
    key = [output_of(["qemu-system-x86_64", "--version"]), Path("/proc/sys/kernel/random/boot_id").read_text()]
    try:
        known = json.loads(memory.read_text())
        if known["key"] == key:
            return str(known["accelerator"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    say("trying KVM…")
    found = KVM if _starts_under_kvm(disk) else TCG
    memory.write_text(json.dumps({"key": key, "accelerator": found}))
    say(f"QEMU will use {found}" + ("" if found == KVM else ": KVM does not start a guest here, expect slow boots"))
    return found


def arguments(accelerator: str) -> list[str]:
    """QEMU's arguments for the accelerator."""
    if accelerator == KVM:
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=multi", "-cpu", "max"]


def _starts_under_kvm(disk: Path) -> bool:
    with tempfile.TemporaryDirectory(prefix="kvm-") as folder:
        serial = Path(folder) / "serial.log"
        serial.touch()
        command = ["qemu-system-x86_64", *arguments(KVM), "-m", "1024", "-display", "none", "-no-reboot", "-snapshot"]
        command += ["-nic", "none", "-serial", f"file:{serial}", "-drive", f"file={disk},if=virtio"]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as guest:
            try:
                return _proves_itself(guest, serial)
            finally:
                guest.kill()


def _proves_itself(guest: subprocess.Popen[bytes], serial: Path) -> bool:
    deadline = time.monotonic() + _PROBE_SECONDS_MAX
    while time.monotonic() < deadline and guest.poll() is None:
        if _PROOF in serial.read_bytes():
            return True
        time.sleep(0.2)
    return False
