"""Tasks of projects on real systemd: the launcher starts them, the API sees them, no project reaches another."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.appliance.isolation import (
    appliance_is_out_of_reach,
    neighbour,
    neighbour_is_out_of_reach,
    only_the_api_reaches_the_app,
)
from tests.appliance.nspawn import template
from tests.appliance.nspawn.container import MODULES, Container, overlay
from tests.appliance.tasks import Tasks

# Made anew: the appliance holds ATT's own repository, with this file in it.
SECRET = secrets.token_hex(16)


@pytest.fixture(scope="module")
def appliance(appliance_root: Path) -> Iterator[Container]:
    """One whose root may load modules, as on a machine: else nobody could show that a task may not."""
    with overlay(appliance_root, template.in_memory()) as container:
        container.options = MODULES
        container.boot()
        yield container


@pytest.fixture(scope="module")
def tasks(appliance: Container) -> Tasks:
    return Tasks(appliance)


def test_a_task_runs_as_its_projects_user_and_the_api_reads_its_log_and_end(tasks: Tasks) -> None:
    answer = tasks.run(1, ["/bin/sh", "-c", "id -un; pwd; echo to stderr >&2; exit 7"])
    assert answer["log"].splitlines() == ["att-p001", "/var/lib/att/projects/p001/work", "to stderr"]
    assert (answer["state"]["ending"], answer["state"]["code"]) == ("exited", 7)


def test_a_secret_reaches_the_task_and_nothing_else(tasks: Tasks) -> None:
    spec = {"task_id": "task_secret", "kind": "app", "command": ["/bin/sh", "-c", "echo $KEY | wc -c; exec sleep 600"]}
    tasks.do("start", 1, spec={**spec, "secrets": {"KEY": SECRET}})
    unit = "att-app@p001-task_secret.service"
    assert SECRET not in tasks.box.run("systemctl", "show", unit).stdout
    looked_for = "! grep -rlF -- $0 /run/systemd /run/att /var/lib/att/projects /var/log/att"
    tasks.box.run("/bin/sh", "-c", f"journalctl --sync; {looked_for} && ! journalctl | grep -F -- $0", SECRET)
    ended = tasks.do("stop", 1, task_id="task_secret")
    assert ended["log"].strip() == str(len(SECRET) + 1), "the task itself had it"
    assert ended["state"]["ending"] == "stopped"


def test_started_twice_is_one_task_and_a_stop_takes_its_whole_tree(tasks: Tasks) -> None:
    double = "setsid sh -c 'trap \"\" TERM; echo $$; exec sleep 601' & sleep 602"
    spec = {"task_id": "task_tree", "kind": "test", "command": ["/bin/sh", "-c", double]}
    first = tasks.do("start", 1, spec=spec)["state"]
    assert tasks.do("start", 1, spec=spec)["state"]["started"] == first["started"]
    tasks.do("stop", 1, task_id="task_tree")
    assert tasks.box.run("pgrep", "-u", "att-p001", "-f", "sleep 60", check=False).stdout == ""


def test_a_task_reaches_no_database_no_secret_and_no_door_of_the_appliance(tasks: Tasks) -> None:
    appliance_is_out_of_reach(tasks, 1)


def test_an_app_is_reached_by_the_api_and_by_nothing_of_another_project(tasks: Tasks) -> None:
    with neighbour(tasks, 2) as beside:
        only_the_api_reaches_the_app(tasks, beside)
        neighbour_is_out_of_reach(tasks, 1, beside)


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
    left = tasks.box.run("find", "/var/lib/att/projects/p004", "-mindepth", "1").stdout.split()
    assert sorted(Path(one).name for one in left) == ["home", "tasks", "work"]
    units = tasks.box.run("sh", "-c", "ls -d /run/systemd/system/att-*@p004-* || true").stdout
    assert units == ""


def test_a_task_goes_on_while_api_and_launcher_are_killed(tasks: Tasks) -> None:
    command = ["/bin/sh", "-c", "while [ ! -e go ]; do sleep 0.1; done; echo done"]
    tasks.do("start", 5, spec={"task_id": "task_long", "kind": "test", "command": command})
    for unit in ("att-api", "att-launcher"):
        tasks.box.run("systemctl", "kill", "--signal=SIGKILL", f"{unit}.service", check=False)
    tasks.run(5, ["/bin/sh", "-c", "touch go"])
    spec = {"task_id": "task_long", "kind": "test", "command": command}
    assert tasks.do("run", 5, spec=spec)["log"] == "done\n"
