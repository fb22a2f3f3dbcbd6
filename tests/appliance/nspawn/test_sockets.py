"""Sockets outlive their services: while one crashes, is stopped or masked, clients wait instead of being refused."""

import threading
import time
from collections.abc import Iterator

import pytest
from tests.appliance.nspawn.container import Container

DROP_IN = "/run/systemd/system/att-api.service.d/crash.conf"
CLIENT = """
import socket, sys, time
refused = connected = 0
end = time.monotonic() + float(sys.argv[1])
kept = []
while time.monotonic() < end:
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect("/run/att/api.sock")
        s.sendall(b"GET /healthz HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
        connected += 1
        kept.append(s)
    except OSError:
        refused += 1
    time.sleep(0.02)
print(connected, refused)
"""


def active(appliance: Container, unit: str) -> str:
    return appliance.run("systemctl", "is-active", unit, check=False).stdout.strip()


def wait_until_ready(appliance: Container) -> None:
    appliance.attctl("status", "--json", check=False)
    deadline = time.monotonic() + 30
    while active(appliance, "att-api.service") != "active":
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def crashing(appliance: Container) -> Iterator[None]:
    """The API's service ends at once, whenever it starts."""
    appliance.run("mkdir", "-p", DROP_IN.rpartition("/")[0])
    text = "[Service]\nType=simple\nExecStart=\nExecStart=/bin/false\n"
    appliance.run("tee", DROP_IN, stdin=text)
    appliance.run("systemctl", "daemon-reload")
    appliance.run("systemctl", "restart", "--no-block", "att-api.service")
    yield
    appliance.run("rm", DROP_IN)
    appliance.run("systemctl", "daemon-reload")
    appliance.run("systemctl", "restart", "att-api.service")


def test_a_crash_loop_refuses_no_connection(appliance: Container, crashing: None) -> None:
    connected, refused = appliance.run("python3", "-c", CLIENT, "8").stdout.split()
    assert int(refused) == 0
    assert int(connected) > 100
    assert active(appliance, "att-api.socket") == "active"
    restarts = int(appliance.run("systemctl", "show", "-P", "NRestarts", "att-api.service").stdout)
    assert restarts >= 3, "the service did not loop: the test proves nothing"


def test_whoever_waited_through_a_restart_is_served(appliance: Container) -> None:
    wait_until_ready(appliance)
    answers: list[bytes] = []

    def ask() -> None:
        program = (
            "import socket;s=socket.socket(socket.AF_UNIX);s.connect('/run/att/api.sock');"
            "s.sendall(b'GET /healthz HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n');print(s.recv(99))"
        )
        answers.append(appliance.run("python3", "-c", program).stdout.encode())

    appliance.run("systemctl", "restart", "--no-block", "att-api.service")
    clients = [threading.Thread(target=ask) for _ in range(5)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(60)
    assert len(answers) == 5
    assert all(b"200" in answer for answer in answers)


def test_masked_and_stopped_then_unmasked_and_started_all_sockets_are_back(appliance: Container) -> None:
    wait_until_ready(appliance)
    appliance.run("systemctl", "mask", "--now", "att-api.service")
    assert appliance.attctl("status", "--json", check=False).returncode == 4
    appliance.run("systemctl", "unmask", "att-api.service")
    appliance.run("systemctl", "start", "att-api.service")
    for unit in ("att-api.socket", "att-upgraded.socket", "att-launcher.socket", "att-local.socket"):
        assert active(appliance, unit) == "active", unit
    assert appliance.attctl("status", "--json").returncode == 0


def test_an_operator_can_mask_a_unit_although_a_generator_brings_it(appliance: Container) -> None:
    appliance.run("systemctl", "mask", "att-launcher.service")
    state = appliance.run("systemctl", "show", "-P", "LoadState", "att-launcher.service").stdout.strip()
    appliance.run("systemctl", "unmask", "att-launcher.service")
    assert state == "masked"


def test_the_port_is_the_only_thing_that_listens_on_the_network(appliance: Container) -> None:
    lines = appliance.run("ss", "-Hltn").stdout.splitlines()
    listening = {line.split()[3] for line in lines} - {"0.0.0.0:22", "[::]:22"}
    assert {place for place in listening if not place.startswith(("127.", "[::1]"))} == {"0.0.0.0:7443"}
