"""Jobs of building ATT on real systemd: for root alone, shut in, and a release comes of them."""

import json
from pathlib import Path

from tests.appliance.nspawn.container import Container

from att.appliance import facts

HERE = Path(__file__).parents[1]
PYTHON = "/opt/att/current/venv/bin/python"
BUILDING = "/var/lib/att/upgrade/building"
MADE = "9.0.0"
ASK = """
import json, socket
connection = socket.socket(socket.AF_UNIX)
connection.connect("/run/att/launcher.sock")
connection.sendall(b'{"verb": "build", "job": "build_1"}\\n')
print(connection.makefile().readline())
"""
PROBES = (
    "read=/etc/shadow",
    "read=/var/lib/att/upgrade/trust/appliance.key",
    "read=/var/lib/att/api/db/att.db",
    "read=/etc/att/att.yaml",
    "write=/usr/lib/att",
    "write=/opt/att/releases",
    "write=/var/lib/att",
    "write=/var/lib/att/building",
    "connect=/run/att/upgraded.sock",
    "connect=/run/att/launcher.sock",
    "connect=/run/att/api.sock",
    "connect=/run/systemd/private",
    "inet=127.0.0.1",
    "ptrace",
    "mount",
    "module",
    "namespace",
    "execute_memory",
    "setuid_file=/var/tmp",
)


def test_the_seed_is_taken_apart_and_the_running_release_made_again_under_another_version(
    appliance: Container,
) -> None:
    appliance.write("/usr/local/bin/drive_building.py", (HERE / "drive_building.py").read_text(encoding="utf-8"))
    told = json.loads(appliance.run(PYTHON, "-P", "/usr/local/bin/drive_building.py", MADE, timeout_seconds=400).stdout)
    assert told["commits"] == 1
    assert told["files"] > 1000
    running = appliance.run("readlink", "/opt/att/current").stdout
    if ".d" in running.partition("+")[2]:
        # Built from a checkout with changes: no commit holds what runs.
        assert (told["refused"], told["left"]) == ("base_differs", [])
        return
    assert told["left"] == [f"att-{MADE}.attb"]
    assert (told["made"], told["local"]) == (MADE, True), "trusted by this appliance's own key alone"


def test_the_api_may_have_nothing_built(appliance: Container) -> None:
    answer = json.loads(appliance.run(PYTHON, "-P", "-c", ASK, user=facts().unit("att-api").user).stdout)
    assert answer["error"]["code"] == "not_allowed"


def test_a_job_reaches_nothing_but_its_own_files(appliance: Container) -> None:
    appliance.write("/usr/local/bin/probe.py", (HERE / "probe.py").read_text(encoding="utf-8"))
    appliance.run("mkdir", "-p", "-m", "755", f"{BUILDING}/probe")
    command = f"/usr/bin/python3 -I /usr/local/bin/probe.py {' '.join(PROBES)}"
    drop_in = "/run/systemd/system/att-build@probe.service.d/50-probe.conf"
    appliance.run("mkdir", "-p", drop_in.rpartition("/")[0])
    appliance.run("tee", drop_in, stdin=f"[Service]\nExecStart=\nExecStart={command}\nStandardOutput=journal\n")
    appliance.run("systemctl", "daemon-reload")
    appliance.run("systemctl", "start", "att-build@probe.service")
    appliance.run("journalctl", "--sync")
    said = appliance.run("journalctl", "-q", "-b", "-u", "att-build@probe.service", "-o", "cat").stdout
    (line,) = [line for line in said.splitlines() if line.startswith("{")]
    answers = json.loads(line)
    assert answers.keys() == set(PROBES)
    assert [probe for probe, answer in answers.items() if answer == "ok"] == []


def test_the_exposure_of_a_job_is_small(appliance: Container) -> None:
    said = appliance.run("systemd-analyze", "security", "--no-pager", "att-build@any.service").stdout
    assert float(said.splitlines()[-1].split(":")[1].split()[0]) <= 1.0
