"""Each unit scores within its ratchet, under its real properties the table unit × probe holds, and two ports answer."""

import errno
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dev.vm.machine import wait_until
from tests.appliance.nspawn import template
from tests.appliance.nspawn.container import MODULES, Container, overlay

from att.appliance import facts

SECRET = "/etc/att/secrets.d/probe"
API_STATE = "/var/lib/att/api/db/att.db"
LAUNCHER_KEY = "/var/lib/att/launcher/local.key"
SIGNING_KEY = "/var/lib/att/upgrade/trust/appliance.key"
ENGINE_SOCKET = "/run/att/upgraded.sock"
LOCAL_SOCKET = "/run/att/local.sock"
LAUNCHER_SOCKET = "/run/att/launcher.sock"

# What a service may try. Each must first work in a unit of root without hardening, else its refusal proves nothing.
EVERYWHERE = {
    "read=/etc/shadow",
    "write=/usr/lib/att",
    "write=/etc",
    "ptrace",
    "mount",
    "module",
    "namespace",
    "execute_memory",
    "setuid_file=/var/tmp",
}
DENIED: dict[str, dict[str, str]] = {
    "att-api": {
        f"read={SECRET}": "EACCES",
        f"read={SIGNING_KEY}": "EACCES",
        f"read={LAUNCHER_KEY}": "EACCES",
        "read=/etc/shadow": "EACCES",
        "read=/etc/att/tls/server.pem": "EACCES",
        "write=/opt/att/releases": "EROFS",
        "write=/etc/att": "EROFS",
        f"connect={LOCAL_SOCKET}": "EACCES",
        "connect=/run/systemd/private": "EACCES",
        "inet=127.0.0.1": "EAFNOSUPPORT",
    },
    "att-front": {
        f"read={SECRET}": "EACCES",
        f"read={API_STATE}": "EACCES",
        f"read={SIGNING_KEY}": "EACCES",
        "read=/etc/shadow": "EACCES",
        "write=/opt/att/releases": "EROFS",
        "write=/etc/att/tls": "EROFS",
        f"connect={ENGINE_SOCKET}": "EACCES",
        f"connect={LAUNCHER_SOCKET}": "EACCES",
        f"connect={LOCAL_SOCKET}": "EACCES",
    },
    "att-router": {
        f"read={SECRET}": "EACCES",
        f"read={API_STATE}": "EACCES",
        f"read={SIGNING_KEY}": "EACCES",
        f"read={LAUNCHER_KEY}": "EACCES",
        "read=/etc/shadow": "EACCES",
        "read=/etc/att/tls/server.pem": "EACCES",
        "write=/opt/att/releases": "EROFS",
        "write=/etc/att": "EROFS",
        f"connect={ENGINE_SOCKET}": "EACCES",
        f"connect={LAUNCHER_SOCKET}": "EACCES",
        f"connect={LOCAL_SOCKET}": "EACCES",
        "connect=/run/att/api.sock": "EACCES",
        "connect=/run/systemd/private": "EACCES",
    },
    "att-egress": {
        f"read={SECRET}": "EACCES",
        f"read={API_STATE}": "EACCES",
        f"read={SIGNING_KEY}": "EACCES",
        f"read={LAUNCHER_KEY}": "EACCES",
        "read=/etc/shadow": "EACCES",
        "read=/etc/att/tls/server.pem": "EACCES",
        "write=/opt/att/releases": "EROFS",
        "write=/etc/att": "EROFS",
        f"connect={ENGINE_SOCKET}": "EACCES",
        f"connect={LAUNCHER_SOCKET}": "EACCES",
        f"connect={LOCAL_SOCKET}": "EACCES",
        "connect=/run/att/api.sock": "EACCES",
        "connect=/run/systemd/private": "EACCES",
    },
    "att-launcher": {
        f"read={SECRET}": "EACCES",
        f"read={API_STATE}": "EACCES",
        f"read={SIGNING_KEY}": "EACCES",
        "read=/etc/shadow": "EACCES",
        "read=/etc/att/tls/server.pem": "EACCES",
        "write=/opt/att/releases": "EROFS",
        "write=/etc/att": "EROFS",
        f"connect={ENGINE_SOCKET}": "ENOENT",
        "connect=/run/att/api.sock": "ENOENT",
        "inet=127.0.0.1": "EAFNOSUPPORT",
    },
    "att-upgraded": {
        f"read={LAUNCHER_KEY}": "ENOENT",
        "read=/etc/shadow": "ENODATA",
        f"connect={LOCAL_SOCKET}": "ECONNREFUSED",
        "write=/root": "EROFS",
        "inet=127.0.0.1": "EAFNOSUPPORT",
    },
    "att-recover": {
        f"read={LAUNCHER_KEY}": "ENOENT",
        "read=/etc/shadow": "ENODATA",
        "inet=127.0.0.1": "EAFNOSUPPORT",
    },
    "att-watchdog": {
        f"read={LAUNCHER_KEY}": "ENOENT",
        "read=/etc/shadow": "ENODATA",
        "inet=127.0.0.1": "EAFNOSUPPORT",
    },
    "att-restore": {
        f"read={LAUNCHER_KEY}": "ENOENT",
        "read=/etc/shadow": "ENODATA",
        "inet=127.0.0.1": "EAFNOSUPPORT",
    },
    "att-backup": {
        f"read={LAUNCHER_KEY}": "ENOENT",
        "read=/etc/shadow": "ENODATA",
        "write=/opt/att/releases": "EROFS",
        "inet=127.0.0.1": "EAFNOSUPPORT",
    },
    "att-firstboot": {
        f"read={LAUNCHER_KEY}": "ENOENT",
        "read=/etc/shadow": "ENODATA",
        "write=/opt/att/releases": "EROFS",
    },
}
# For every unit alike; what of it has another errno in one unit is named above.
ALWAYS = {
    "write=/usr/lib/att": "EROFS",
    "write=/etc": "EROFS",
    "ptrace": "EPERM",
    "mount": "EPERM",
    "module": "EPERM",
    "namespace": "EPERM",
    "execute_memory": "EACCES",
    "setuid_file=/var/tmp": "EPERM",
}
# They say how the real process is started, watched and fed; the probe is started instead of it.
NOT_COPIED = re.compile(
    r"^(Type|Exec\w+|Restart\w*|WatchdogSec|Sockets|Requires|After|Wants|Before|RuntimeDirectory\w*|PIDFile|KillSignal|"
    r"Condition\w+|LogLevelMax|StartLimit\w+|RemainAfterExit|WantedBy|Description|DefaultDependencies|Conflicts|TimeoutStartSec|Standard\w+)="
)
UNITS = sorted(DENIED)


def wanted(unit: str) -> dict[str, str]:
    return {**ALWAYS, **DENIED[unit]}


def start_probe(appliance: Container, name: str, properties: str, probes: list[str]) -> dict[str, str]:
    """Run the probes in a unit of these properties; what is no error code there is `ok`."""
    unit = f"/run/systemd/system/{name}.service"
    command = f"/usr/bin/python3 -I /usr/local/bin/probe.py {' '.join(probes)}"
    text = f"{properties}\n[Service]\nType=oneshot\nStandardOutput=journal\nExecStart={command}\n"
    appliance.run("tee", unit, stdin=text)
    appliance.run("systemctl", "daemon-reload")
    started = appliance.run("systemctl", "start", name, check=False)
    journal = ["journalctl", "-q", "-b", "-u", name, "-o", "cat"]
    appliance.run("journalctl", "--sync")
    said = appliance.run(*journal).stdout
    appliance.run("rm", unit)
    lines = [line for line in said.splitlines() if line.startswith("{")]
    assert lines, said
    assert started.returncode == 0, said
    answers: dict[str, str] = json.loads(lines[-1])
    return answers


@pytest.fixture(scope="module")
def appliance(appliance_root: Path) -> Iterator[Container]:
    """One whose root may load modules, as on a machine: else nobody could show that a unit may not."""
    with overlay(appliance_root, template.in_memory()) as container:
        container.options = MODULES
        container.boot()
        yield container


@pytest.fixture(scope="module")
def probed(appliance: Container) -> Container:
    """An appliance in which every file and socket that a probe asks for is there."""
    source = (Path(__file__).parents[1] / "probe.py").read_text(encoding="utf-8")
    appliance.write("/usr/local/bin/probe.py", source)
    appliance.run("sh", "-c", f"umask 377 && echo secret > {SECRET}")
    knock = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect('{LOCAL_SOCKET}'); assert s.recv(9)"
    appliance.run("python3", "-c", knock)
    appliance.run("test", "-s", LAUNCHER_KEY)
    return appliance


@pytest.mark.parametrize("unit", UNITS)
def test_the_exposure_is_within_its_ratchet(appliance: Container, unit: str) -> None:
    said = appliance.run("systemd-analyze", "security", "--no-pager", f"{unit}.service").stdout
    score = float(re.findall(r"Overall exposure level for \S+: ([0-9.]+)", said)[0])
    assert score <= facts().unit(unit).exposure_max


def test_the_units_verify_without_a_word(appliance: Container) -> None:
    # The image's units by their files, those of the release as the generator brings them.
    units = "$(cd /usr/lib/systemd/system && ls -d att*.*) $(ls /opt/att/current/systemd)"
    script = f"systemd-analyze verify --generators=yes {units}"
    done = appliance.run("sh", "-c", script, check=False)
    absent = re.compile(r"att-(memory|admin)\.socket: .*not loaded, socket cannot be started")
    assert [line for line in (done.stdout + done.stderr).splitlines() if not absent.search(line)] == []


def test_every_probe_works_in_a_unit_without_hardening(probed: Container) -> None:
    probes = sorted({probe for unit in UNITS for probe in wanted(unit)})
    answers = start_probe(probed, "probe-bare", "[Service]", probes)
    assert {probe for probe, answer in answers.items() if answer != "ok"} == set()


@pytest.mark.parametrize("unit", UNITS)
def test_under_the_units_real_properties_each_probe_fails_as_expected(probed: Container, unit: str) -> None:
    shown = probed.run("systemctl", "cat", f"{unit}.service").stdout
    kept = "\n".join(line for line in shown.splitlines() if not NOT_COPIED.match(line))
    answers = start_probe(probed, f"probe-{unit}", kept, sorted(wanted(unit)))
    assert answers == wanted(unit)


def test_the_table_speaks_of_error_codes_and_of_every_probe_of_the_issue() -> None:
    assert {code for unit in UNITS for code in wanted(unit).values()} <= set(errno.errorcode.values())
    assert set(ALWAYS) | {"read=/etc/shadow"} == EVERYWHERE


@contextmanager
def neighbour(appliance: Container) -> Iterator[list[str]]:
    """A machine of its own on the appliance's network; gives the command line that runs a program there."""
    with subprocess.Popen(["unshare", "--net", "sleep", "infinity"]) as sleeper:
        there = ["nsenter", f"--target={sleeper.pid}", "--net", "--"]
        try:
            # The program's file name changes in the moment in which it has its own network.
            wait_until(lambda: "sleep" in Path(f"/proc/{sleeper.pid}/comm").read_text(), 10, "a network")
            ends = ["type", "veth", "peer", "name", "cable", "netns", str(sleeper.pid)]
            wire = ["ip", "link", "add", "cable", "netns", str(appliance.leader), *ends]
            subprocess.run(wire, check=True, timeout=30)
            for enter, number in ((appliance.network(), 1), (there, 2)):
                for line in (f"-4 addr add 192.0.2.{number}/24", f"-6 addr add 2001:db8::{number}/64 nodad"):
                    subprocess.run([*enter, "ip", *line.split(), "dev", "cable"], check=True, timeout=30)
                subprocess.run([*enter, "ip", "link", "set", "cable", "up"], check=True, timeout=30)
            # Else a closed UDP port is told once a second.
            limits = ["net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0"]
            subprocess.run([*appliance.network(), "sysctl", "-q", "-w", *limits], check=True, timeout=30)
            yield there
        finally:
            # The cable goes with its end.
            sleeper.kill()


@pytest.mark.parametrize(("address", "doors"), [("192.0.2.1", [22, 7443]), ("2001:db8::1", [22])])
def test_from_outside_only_ssh_and_the_appliance_port_answer(
    appliance: Container, address: str, doors: list[int]
) -> None:
    program = Path(__file__).parents[1] / "port_scan.py"
    with neighbour(appliance) as there:
        line = [*there, sys.executable, "-I", str(program), address]
        done = subprocess.run(line, check=True, capture_output=True, text=True, timeout=300)
    found = json.loads(done.stdout)
    assert found == {"tcp": {"open": doors, "silent": []}, "udp": {"open": [], "silent": []}}
