"""Lynis audits the booted appliance and, beside it, the bare base disk: the index, and what listens beyond loopback."""

import re
import subprocess
from dataclasses import dataclass

import pytest
from dev.vm import basedisk
from dev.vm.guest import Guest
from dev.vm.image import Image
from dev.vm.machine import wait_until
from tests.appliance.vm.operated import BOOT_SECONDS_MAX, Operated
from tests.bench.table import Row, write
from tests.e2e.vm.test_boot_time import machine_of

INDEX_MIN = 75
AUDIT_SECONDS_MAX = 1800
PARTS = ("usr/sbin/lynis", "usr/share/lynis", "etc/lynis")
REPORT = "/run/lynis.dat"
# Lynis reads its own files only when they are root's, and knows its place by the folder it is started in.
_AUDIT = f"""
set -e
sudo rm -rf /run/lynis; sudo mkdir /run/lynis
sudo tar -x -C /run/lynis --no-same-owner --transform 's,^usr/sbin/,,;s,^usr/share/lynis/*,,;s,^etc/lynis/*,,'
cd /run/lynis
sudo sh ./lynis audit system --quick --quiet --no-colors --log-file /run/lynis.log --report-file {REPORT} >&2 || true
sudo cat {REPORT}
"""


@dataclass(frozen=True)
class Audit:
    """What Lynis reported, a line for each finding: `name=value` or `name[]=value`."""

    text: str

    @property
    def index(self) -> int:
        """The hardening index, 0 to 100."""
        return int(self.values("hardening_index")[0])

    def values(self, name: str) -> list[str]:
        """Every value of one name of the report."""
        return re.findall(rf"^{name}(?:\[\])?=(.*)$", self.text, re.MULTILINE)


def audited(guest: Guest) -> Audit:
    """Copy this host's Lynis into the machine's memory and run it there as root."""
    packed = subprocess.run(["tar", "-c", "-C", "/", *PARTS], check=True, capture_output=True, timeout=60).stdout
    line = [*guest.ssh_command(), _AUDIT]
    done = subprocess.run(line, input=packed, capture_output=True, timeout=AUDIT_SECONDS_MAX, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return Audit(done.stdout.decode())


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> int:
    """The index of the base disk without ATT."""
    folder = tmp_path_factory.mktemp("bare")
    base = machine_of(basedisk.base_disk(), folder / "machine", disk_gib=8, ready=False)
    base.machine.start()
    try:
        base.wait(base.machine, BOOT_SECONDS_MAX, None)
        wait_until(lambda: base.guest.ssh("true", check=False).returncode == 0, 300, "a login", every_seconds=2)
        return audited(base.guest).index
    finally:
        base.machine.power_cut()


def test_lynis_finds_the_appliance_hardened(appliance: Operated, image: Image, bare: int) -> None:
    audit = audited(appliance.guest)
    warnings = [one.split("|")[0] for one in audit.values("warning")]
    rows = [
        Row("hardening index", str(audit.index), str(INDEX_MIN), f"bare base {bare}", f"{audit.index / bare:.2f}"),
        Row("warnings", ", ".join(warnings) or "none"),
    ]
    write("lynis", "make e2e", rows, of=f"image {image.version}, Lynis {audit.values('lynis_version')[0]}")
    assert audit.index >= INDEX_MIN


def test_only_two_ports_listen_beyond_loopback(appliance: Operated) -> None:
    listed = appliance.guest.shell("sudo ss -H -tuln").splitlines()
    heard = {(line.split()[0], line.split()[4]) for line in listed}
    beyond = {(kind, where.rpartition(":")[2]) for kind, where in heard if not where.startswith(("127.", "[::1]"))}
    # The address that DHCP gave is renewed from port 68; who is not the DHCP server gets no answer there.
    assert beyond - {("udp", "68")} == {("tcp", "22"), ("tcp", "7443")}
