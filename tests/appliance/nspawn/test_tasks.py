"""Tasks of projects on real systemd: the launcher starts them, the API sees them, no project reaches another."""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.appliance.nspawn.container import Container

HERE = Path(__file__).parent
SECRET = "s3cret-of-project-1"
APP = ("/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", "18100")
REACH_PORT = ("/usr/bin/python3", "-c", "import socket; socket.create_connection(('127.0.0.1', 18100), 5)")
PROBE = ("/usr/bin/python3", "-I", "/usr/local/bin/probe.py")


class Tasks:
    """Drives tasks in the appliance as the API does: as its user, over the launcher's socket."""

    def __init__(self, appliance: Container) -> None:
        self.appliance = appliance
        self.count = 0

    def do(self, what: str, slot: int, **given: Any) -> dict[str, Any]:
        asked = json.dumps({"do": what, "slot": slot, **given})
        python = "/opt/att/current/venv/bin/python"
        done = self.appliance.run(python, "-P", "/usr/local/bin/drive_tasks.py", user="att", stdin=asked)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def run(self, slot: int, command: Sequence[str], **spec: Any) -> dict[str, Any]:
        self.count += 1
        whole = {"task_id": f"task_{self.count}", "kind": "test", "command": command, **spec}
        return self.do("run", slot, spec=whole)

    def probes(self, slot: int, *probes: str) -> dict[str, str]:
        answer = self.run(slot, [*PROBE, *probes])
        found: dict[str, str] = json.loads(answer["log"])
        return found


@pytest.fixture(scope="module")
def tasks(appliance: Container) -> Tasks:
    for name in ("probe.py", "drive_tasks.py"):
        appliance.write(f"/usr/local/bin/{name}", (HERE / name).read_text(encoding="utf-8"))
        appliance.run("chmod", "0755", f"/usr/local/bin/{name}")
    return Tasks(appliance)


def test_a_task_runs_as_its_projects_user_and_the_api_reads_its_log_and_end(tasks: Tasks) -> None:
    answer = tasks.run(1, ["/bin/sh", "-c", "id -un; pwd; echo to stderr >&2; exit 7"])
    assert answer["log"].splitlines() == ["att-p001", "/var/lib/att/projects/p001/work", "to stderr"]
    assert (answer["state"]["ending"], answer["state"]["code"]) == ("exited", 7)


def test_a_secret_reaches_the_task_and_nothing_else(tasks: Tasks) -> None:
    spec = {"task_id": "task_secret", "kind": "app", "command": ["/bin/sh", "-c", "echo $KEY | wc -c; exec sleep 600"]}
    tasks.do("start", 1, spec={**spec, "secrets": {"KEY": SECRET}})
    unit = "att-app@p001-task_secret.service"
    assert SECRET not in tasks.appliance.run("systemctl", "show", unit).stdout
    looked_for = "! grep -rlF -- $0 /run/systemd /run/att /var/lib/att/projects /var/log/att"
    tasks.appliance.run("/bin/sh", "-c", f"journalctl --sync; {looked_for} && ! journalctl | grep -F -- $0", SECRET)
    ended = tasks.do("stop", 1, task_id="task_secret")
    assert ended["log"].strip() == str(len(SECRET) + 1), "the task itself had it"
    assert ended["state"]["ending"] == "stopped"


def test_started_twice_is_one_task_and_a_stop_takes_its_whole_tree(tasks: Tasks) -> None:
    double = "setsid sh -c 'trap \"\" TERM; echo $$; exec sleep 601' & sleep 602"
    spec = {"task_id": "task_tree", "kind": "test", "command": ["/bin/sh", "-c", double]}
    first = tasks.do("start", 1, spec=spec)["state"]
    assert tasks.do("start", 1, spec=spec)["state"]["started"] == first["started"]
    tasks.do("stop", 1, task_id="task_tree")
    assert tasks.appliance.run("pgrep", "-u", "att-p001", "-f", "sleep 60", check=False).stdout == ""


@pytest.fixture(scope="module")
def neighbour(tasks: Tasks) -> Iterator[Tasks]:
    """Project 2 has a file, a running app with a socket, and logs of its own."""
    tasks.run(2, ["/bin/sh", "-c", "echo private > kept"])
    app = {"task_id": "task_app", "kind": "app", "command": list(APP), "port": 18100}
    tasks.do("start", 2, spec=app)
    yield tasks
    tasks.do("stop", 2, task_id="task_app")


def test_the_api_reaches_an_app_in_its_own_network_and_nobody_else_does(neighbour: Tasks) -> None:
    request = "GET /kept HTTP/1.0\r\n\r\n"
    answer: dict[str, Any] = {}
    deadline = time.monotonic() + 30
    while "private" not in answer.get("answer", ""):
        assert time.monotonic() < deadline, answer
        answer = neighbour.do("talk", 2, task_id="task_app", channel="app.sock", text=request)
    outside = neighbour.appliance.run(*REACH_PORT, check=False)
    assert "ConnectionRefusedError" in outside.stderr, "the port is not the machine's"
    assert "ConnectionRefusedError" in neighbour.run(1, REACH_PORT)["log"], "nor another project's"


NEIGHBOURS = "/var/lib/att/projects/p002"
DENIED = {
    f"read={NEIGHBOURS}/work/kept": "ENOENT",
    f"write={NEIGHBOURS}/work": "ENOENT",
    f"connect={NEIGHBOURS}/tasks/task_app/app.sock": "ENOENT",
    f"read={NEIGHBOURS}/tasks/task_app/log": "ENOENT",
    "read=/var/lib/att/api/db/att.db": "ENOENT",
    "read=/etc/att/secrets.d/probe": "EACCES",
    "read=/etc/att/tls/server.pem": "EACCES",
    "read=/etc/shadow": "EACCES",
    "connect=/run/att/launcher.sock": "ENOENT",
    "connect=/run/att/local.sock": "ENOENT",
    "connect=/run/att/upgraded.sock": "ENOENT",
    "connect=/run/att/api.sock": "ENOENT",
    "connect=/run/systemd/private": "EACCES",
    "write=/opt/att/releases": "EROFS",
    "write=/etc": "EROFS",
    "ptrace": "EPERM",
    "mount": "EPERM",
    "module": "EPERM",
    "namespace": "EPERM",
    "execute_memory": "EACCES",
}


def test_a_task_reaches_no_other_project_no_secret_and_no_door(neighbour: Tasks) -> None:
    neighbour.appliance.write("/etc/att/secrets.d/probe", "secret")
    own = [probe for probe in DENIED if probe.partition("=")[2].startswith(NEIGHBOURS)]
    assert set(neighbour.probes(2, *own).values()) == {"ok"}, "the owner can"
    assert neighbour.probes(1, *DENIED) == DENIED


def test_tasks_and_apps_score_within_the_ratchet(appliance: Container, tasks: Tasks) -> None:
    for kind, exposure_max in (("app", 1.2), ("test", 2.5)):
        spec = {"task_id": f"task_{kind}_scored", "kind": kind, "command": ["/bin/sleep", "600"]}
        tasks.do("start", 3, spec=spec)
        unit = f"att-{'app' if kind == 'app' else 'task'}@p003-task_{kind}_scored.service"
        told = appliance.run("systemd-analyze", "security", unit, "--no-pager").stdout.splitlines()[-1]
        assert float(told.split(":")[1].split()[0]) <= exposure_max, told
        tasks.do("stop", 3, task_id=spec["task_id"])


def test_what_has_ended_is_forgotten_and_a_slot_is_emptied_for_the_next_project(tasks: Tasks) -> None:
    tasks.run(4, ["/bin/sh", "-c", "mkdir -p a/b; echo x > a/b/c; chmod 500 a/b; ln -s /etc e; echo h > $HOME/h"])
    assert tasks.do("remove", 4)["left"] == []
    left = tasks.appliance.run("find", "/var/lib/att/projects/p004", "-mindepth", "1").stdout.split()
    assert sorted(Path(one).name for one in left) == ["home", "tasks", "work"]
    units = tasks.appliance.run("sh", "-c", "ls -d /run/systemd/system/att-*@p004-* || true").stdout
    assert units == ""


def test_a_task_goes_on_while_api_and_launcher_are_killed(tasks: Tasks) -> None:
    command = ["/bin/sh", "-c", "while [ ! -e go ]; do sleep 0.1; done; echo done"]
    tasks.do("start", 5, spec={"task_id": "task_long", "kind": "test", "command": command})
    for unit in ("att-api", "att-launcher"):
        tasks.appliance.run("systemctl", "kill", "--signal=SIGKILL", f"{unit}.service", check=False)
    tasks.run(5, ["/bin/sh", "-c", "touch go"])
    spec = {"task_id": "task_long", "kind": "test", "command": command}
    assert tasks.do("run", 5, spec=spec)["log"] == "done\n"
