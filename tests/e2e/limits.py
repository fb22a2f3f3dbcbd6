"""Limits of memory and processes on an appliance: who reaches one ends there, says so, and harms nobody."""

import time

from tests.appliance.box import Box
from tests.appliance.tasks import Tasks

MEMORY_BYTES = 96 * 1024 * 1024
PROCESSES = 64
BOMB_SECONDS = 8.0
EATS = ("/usr/bin/python3", "-c", "print('begun', flush=True)\nkept = []\nwhile True: kept.append(b'x' * 1_000_000)")
BOMB = (
    "/usr/bin/python3",
    "-c",
    "import os\nprint('begun', flush=True)\nwhile True:\n  try: os.fork()\n  except OSError: pass",
)
OWN_LIMIT = f"att-run: ended for want of memory: it took all {MEMORY_BYTES // 1024**2} MiB of its limit"
ALL_TOGETHER = "att-run: ended for want of memory: the machine had none left"
TOO_MANY = f"att-run: processes were not started: {PROCESSES} at once are its limit"


def enforced(box: Box) -> bool:
    """Whether this appliance can limit anybody: a container has the controllers of its host, if those."""
    found = box.run("cat", "/sys/fs/cgroup/att.slice/cgroup.controllers", check=False).stdout.split()
    return {"memory", "pids"} <= set(found)


def memory_limit_ends_the_task(tasks: Tasks, slot: int) -> None:
    """A task that takes more than its own limit is ended, and its result names the cause."""
    ended = tasks.run(slot, EATS, memory_bytes_max=MEMORY_BYTES)
    assert (ended["state"]["ending"], ended["state"]["code"]) == ("out_of_memory", -9), ended
    assert ended["log"].splitlines() == ["begun", OWN_LIMIT]


def all_together_leave_the_appliance_its_memory(tasks: Tasks, slot: int) -> None:
    """A task whose own limit is beyond the machine's memory is ended as well, and the API answers."""
    ended = tasks.run(slot, EATS, memory_bytes_max=1024**4)
    assert ended["state"]["ending"] == "out_of_memory", ended
    assert ended["log"].splitlines()[-1] == ALL_TOGETHER
    assert tasks.box.told("project", "list")["projects"]


def process_limit_ends_a_fork_bomb(tasks: Tasks, slot: int) -> None:
    """It grows to its limit and no further, the API answers all the while, and nothing of it is left."""
    box, seconds = tasks.box, BOMB_SECONDS * tasks.box.patience
    bomb = tasks.start(slot, BOMB, processes_max=PROCESSES, timeout_seconds=seconds)
    answers, deadline = 0, time.monotonic() + 20 * seconds
    while (said := tasks.do("log", slot, task_id=bomb))["state"]["ended"] is None:
        assert time.monotonic() < deadline, said
        box.told("project", "list")
        answers += 1
    assert answers > 0
    assert said["state"]["ending"] == "timed_out", said
    assert TOO_MANY in said["log"].splitlines()
    left = box.run("pgrep", "-u", f"att-p{slot:03}", "-f", "os.fork", check=False).stdout
    assert left == ""
