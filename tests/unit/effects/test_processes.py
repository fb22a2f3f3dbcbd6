"""Real programs: their ends, their deadlines, their children."""

import contextlib
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from att.effects import processes


def test_a_program_gets_input_and_answers() -> None:
    done = processes.run(["cat"], timeout_seconds=10, input_text="hello")
    assert (done.ok, done.output) == (True, "hello")


def test_a_failure_is_told_not_raised() -> None:
    done = processes.run(["sh", "-c", "echo broken >&2; exit 3"], timeout_seconds=10)
    assert (done.ok, done.code, done.errors) == (False, 3, "broken\n")


def test_a_missing_program_is_code_127() -> None:
    done = processes.run(["/nonexistent/program"], timeout_seconds=10)
    assert done.code == 127
    assert "cannot start /nonexistent/program" in done.errors


def test_at_the_deadline_children_die_too(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    done = processes.run(["sh", "-c", f"sleep 60 & echo $! > {mark}; wait"], timeout_seconds=0.3)
    assert done.timed_out
    assert not done.ok
    with contextlib.suppress(ProcessLookupError):
        child = os.pidfd_open(int(mark.read_text()))
        try:
            assert select.select([child], [], [], 5)[0], "the child lives on"
        finally:
            os.close(child)


def test_this_process_own_environment_stays_here() -> None:
    os.environ["ATT_SECRET_OF_A_TEST"] = "x"
    try:
        done = processes.run([sys.executable, "-c", "import os; print(sorted(os.environ))"], timeout_seconds=10)
    finally:
        del os.environ["ATT_SECRET_OF_A_TEST"]
    assert "ATT_SECRET_OF_A_TEST" not in done.output
    assert "PATH" in done.output


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts programs as another user")
def test_root_without_the_right_to_kill_still_ends_what_it_started_as_another_user() -> None:
    program = (
        "import os, subprocess\n"
        "from att.effects.processes import kill_group, run\n"
        "assert run(['sleep', '60'], timeout_seconds=0.2, user='daemon').timed_out\n"
        "ended = subprocess.Popen(['true'], user='daemon', start_new_session=True)\n"
        "os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)\n"
        "kill_group(ended.pid, 'daemon')\n"
        "assert ended.wait(5) == 0\n"
    )
    without = ["setpriv", "--bounding-set=-kill", "--inh-caps=-kill", sys.executable, "-c", program]
    subprocess.run(without, check=True, timeout=30)
