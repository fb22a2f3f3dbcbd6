"""`att-run` over a task whose control group, here a folder, counts what the kernel would count."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from att.workspace.shim.spec import RunSpec

SUPERVISE = """
import os, sys
from pathlib import Path
from att.workspace.shim.spec import parsed
from att.workspace.shim.supervisor import Supervisor
os.chdir(sys.argv[1])
Supervisor(parsed(sys.stdin.buffer.read()), Path(sys.argv[2])).run(lambda: None)
"""
COUNT = 'printf "oom 1\\noom_kill 1\\n" > memory.events; echo 67108864 > memory.max'
SAID = "att-run: ended for want of memory: it took all 64 MiB of its limit\n"


def supervised(folder: Path, script: str) -> tuple[str, str]:
    """Run a shell script in the folder that is its control group; returns how it ended, and its log."""
    task, group = folder / "task", folder / "group"
    for each in (task, group):
        each.mkdir()
    spec = RunSpec(
        task_id="task_1",
        kind="test",
        argv=("/bin/sh", "-c", script),
        cwd=str(group),
        environment={"PATH": "/usr/bin:/bin"},
        log_bytes_max=10_000,
    )
    command = [sys.executable, "-P", "-c", SUPERVISE, str(task), str(group)]
    subprocess.run(command, input=spec.dumped(), check=True, timeout=30)
    return json.loads((task / "exit.json").read_text())["ending"], (task / "log").read_text()


@pytest.mark.parametrize("end", ["kill -9 $$", "exit 137"])
def test_a_task_that_the_kernel_ended_for_its_memory_says_so(tmp_path: Path, end: str) -> None:
    assert supervised(tmp_path, f"echo begun; {COUNT}; {end}") == ("out_of_memory", f"begun\n{SAID}")


def test_a_task_that_goes_on_without_a_process_that_was_ended_keeps_its_own_end(tmp_path: Path) -> None:
    assert supervised(tmp_path, f"{COUNT}; echo well") == ("exited", f"well\n{SAID}")


def test_the_kernel_chooses_the_task_before_the_one_who_watches_it(tmp_path: Path) -> None:
    _, log = supervised(tmp_path, "cat /proc/self/oom_score_adj /proc/$PPID/oom_score_adj")
    own, watcher = map(int, log.split())
    assert own > watcher
