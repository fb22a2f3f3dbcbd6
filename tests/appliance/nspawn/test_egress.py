"""The way out on real systemd: a grant, sent by its own user, is known; the policy and the address decide."""

import json
import time

import pytest
from tests.appliance.nspawn.container import Container
from tests.appliance.tasks import BIN, HERE, Tasks
from tests.fakes.site import authority

GRANT = (
    "import pwd, sys; from att.appliance import facts; from att.effects.signing_keys import load_or_make;"
    "from att.egress.decision import Client; from att.egress.grants import KEY_FILE, Grants;"
    "grants = Grants(load_or_make(facts().paths.api_state / KEY_FILE));"
    "print(grants.grant(Client('prj_test', 'test'), pwd.getpwnam(sys.argv[1]).pw_uid, 600))"
)
ASK = """
import os, socket, sys
with socket.create_connection(("127.0.0.1", int(os.environ["HTTPS_PROXY"].rpartition(":")[2])), 30) as proxy:
    proxy.sendall(b"CONNECT %s HTTP/1.1\\r\\n\\r\\n" % sys.argv[1].encode())
    print(proxy.makefile("rb").read().decode())
"""
FETCH = "import urllib.request as r; print(r.urlopen('https://far.test/from/a/task', timeout=30).read().decode())"
POLICY = "egress:\n  allow:\n    - test=127.0.0.1:22\n    - test=169.254.169.254\n"


@pytest.fixture(scope="module")
def tasks(appliance: Container) -> Tasks:
    return Tasks(appliance)


def grant_of(tasks: Tasks, user: str) -> str:
    python = "/opt/att/current/venv/bin/python"
    return tasks.box.run(python, "-P", "-c", GRANT, user, user="att").stdout.strip()


def asked(tasks: Tasks, slot: int, target: str, grant: str) -> str:
    said: str = tasks.run(slot, ["/usr/bin/python3", "-c", ASK, target], grant=grant)["log"]
    return said


def test_a_projects_own_grant_is_known_and_without_an_entry_it_opens_nothing(tasks: Tasks) -> None:
    said = asked(tasks, 1, "example.org:443", grant_of(tasks, "att-p001"))
    assert "X-ATT-Code: egress_denied" in said
    assert "`- test=example.org`" in said
    lines = tasks.box.run("journalctl", "-q", "-b", "-u", "att-egress", "-o", "cat").stdout.splitlines()
    told = [json.loads(line) for line in lines if '"egress_denied"' in line]
    assert [(line["project"], line["host"], line["port"]) for line in told] == [("test", "example.org", 443)]


def test_a_grant_of_another_projects_user_is_refused(tasks: Tasks) -> None:
    assert "X-ATT-Code: egress_grant" in asked(tasks, 1, "example.org:443", grant_of(tasks, "att-p002"))


def test_a_task_without_a_grant_does_not_see_the_door(tasks: Tasks) -> None:
    assert tasks.run(1, ["/bin/sh", "-c", "ls /run/att; env"])["log"].split()[0] == "router.sock"
    assert "egress.sock" in tasks.run(1, ["/bin/ls", "/run/att"], grant=grant_of(tasks, "att-p001"))["log"]


def test_what_an_operator_allows_is_still_no_way_to_this_machine_nor_to_its_metadata(tasks: Tasks) -> None:
    tasks.box.write("/var/tmp/att.yaml", POLICY)
    tasks.box.attctl("config", "apply", "/var/tmp/att.yaml")
    grant = grant_of(tasks, "att-p001")
    for target in ("127.0.0.1:22", "169.254.169.254:443"):
        said = asked(tasks, 1, target, grant)
        assert "X-ATT-Code: egress_address" in said, said


def test_a_sites_proxy_and_authority_hold_while_they_are_on_trial_and_when_they_are_kept(tasks: Tasks) -> None:
    box, own = tasks.box, authority()
    assert isinstance(box, Container)
    box.write("/home/operator/site-ca.pem", own.root.pem.decode())
    box.write("/var/tmp/pair.pem", own.pair("far.test").decode())
    box.write(f"{BIN}/site_around.py", (HERE / "site_around.py").read_text(encoding="utf-8"))
    program = ("/usr/bin/python3", "-I", f"{BIN}/site_around.py", "/var/tmp/pair.pem", "8443", "3128")
    box.run("systemd-run", "--quiet", "--unit=site-around", *program)
    box.write("/var/tmp/att.yaml", "egress:\n  allow:\n    - test=far.test\n")
    box.attctl("config", "apply", "/var/tmp/att.yaml")
    box.write("/var/tmp/far.key", "sk-of-a-far-side")
    models = ("--base-url", "https://far.test/v1", "--models", "llama")
    box.attctl("models", "add", "far", "/var/tmp/far.key", *models)
    grant, before = grant_of(tasks, "att-p001"), box.told("network", "show")["addresses"]

    def reached() -> tuple[bool, bool, bool]:
        """Whether a task reaches the host, whether the router does, and whether the kernel would let them."""
        task = tasks.run(1, ["/usr/bin/python3", "-c", FETCH], grant=grant)["log"]
        admitted = box.run("systemctl", "show", "-P", "IPAddressAllow", "att-egress.service").stdout.split()
        router = box.attctl("models", "test", "far", check=False).returncode == 0
        return '"path": "/from/a/task"' in task, router, "127.0.0.1/32" in admitted

    def comes(wanted: tuple[bool, bool, bool]) -> bool:
        deadline = time.monotonic() + 20
        while (found := reached()) != wanted and time.monotonic() < deadline:
            time.sleep(0.2)
        return found == wanted

    assert reached() == (False, False, False)
    box.told("network", "set", "--proxy", "http://127.0.0.1:3128", "--ca", "/home/operator/site-ca.pem")
    assert box.told("network", "apply", "--yes")["in_force"] == "trial"
    assert comes((True, True, True))
    # The two minutes are over.
    box.run("systemctl", "start", "att-network-revert.service")
    assert comes((False, False, False))
    box.run("systemctl", "stop", "att-network-revert.timer")
    box.told("network", "apply", "--yes")
    kept = box.told("network", "confirm")
    assert (kept["in_force"], kept["addresses"]) == ("kept", before)
    assert [one["subject"] for one in kept["authorities"]] == ["CN=Example Root"]
    assert comes((True, True, True))
    said = box.run("journalctl", "-q", "-b", "-u", "systemd-networkd", "-o", "cat").stdout
    assert "-att" not in said, said
    box.told("network", "set", "--without-proxy", "--without-ca")
    box.told("network", "apply", "--yes")
    box.told("network", "confirm")
    assert comes((False, False, False))
