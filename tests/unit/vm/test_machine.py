import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from dev.vm.accelerator import chosen
from dev.vm.basedisk import packages
from dev.vm.image import plain_line
from dev.vm.machine import Machine, Plan, free_port, require_free, wait_until
from dev.vm.step import VmError, appliance_step, run


def machine(folder: Path) -> Machine:
    return Machine(folder, Plan(image=folder / "image", seed=folder / "seed"))


def test_a_taken_port_is_named_with_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(VmError, match=f"127.0.0.1:{port} is taken") as caught:
            require_free(port, "the console")
    assert "CONSOLE_PORT" in caught.value.hint
    require_free(free_port(), "the console")


def test_a_process_id_that_was_given_to_another_process_is_no_running_machine(tmp_path: Path) -> None:
    (tmp_path / "qemu.json").write_text(json.dumps({"pid": os.getpid(), "start_time": "1"}))
    assert machine(tmp_path).pid() is None


def test_a_power_cut_kills_the_recorded_process(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        start = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
        (tmp_path / "qemu.json").write_text(json.dumps({"pid": process.pid, "start_time": start}))
        cut = machine(tmp_path)
        assert cut.pid() == process.pid
        cut.power_cut()
        assert cut.pid() is None


def test_waiting_ends_with_what_was_waited_for() -> None:
    with pytest.raises(VmError, match="waited 0 s for the moon"):
        wait_until(lambda: False, 0, "the moon", every_seconds=0)


def test_the_accelerator_may_be_ordered_but_not_invented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATT_QEMU_ACCEL", "tcg")
    assert chosen(tmp_path) == "tcg"
    monkeypatch.setenv("ATT_QEMU_ACCEL", "xen")
    with pytest.raises(VmError, match="ATT_QEMU_ACCEL=xen"):
        chosen(tmp_path)


def test_a_step_prints_its_start_and_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    with appliance_step("base", "disk") as step:
        step.notes = "from the cache"
    with pytest.raises(VmError), appliance_step("packer"):
        raise VmError("cannot go on")
    lines = [line.split(":", 3) for line in capsys.readouterr().out.splitlines()]
    assert [line[:3] for line in lines] == [
        ["APPLIANCE_STEP", "base", "START"],
        ["APPLIANCE_STEP", "base", "OK"],
        ["APPLIANCE_STEP", "packer", "START"],
        ["APPLIANCE_STEP", "packer", "FAIL"],
    ]
    assert json.loads(lines[1][3])["notes"] == "from the cache"
    assert json.loads(lines[3][3])["notes"] == "cannot go on"
    assert set(json.loads(lines[0][3])) == {"artifact", "elapsed_s", "notes"}


def test_a_failed_program_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(VmError, match="it ended with 3") as caught:
        run(
            [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"], timeout_seconds=30, log=tmp_path / "log"
        )
    assert "the reason" in str(caught.value)


def test_a_program_that_is_not_there_is_told_with_how_to_get_it() -> None:
    with pytest.raises(VmError, match="not installed") as caught:
        run(["att-no-such-program"], timeout_seconds=5)
    assert "host-packages" in caught.value.hint


def test_package_lists_may_carry_comments() -> None:
    assert packages("# machine\nsystemd\n\nudev # devices\n") == ["systemd", "udev"]


@pytest.mark.parametrize(
    "shown", ["    qemu.att: APPLIANCE_STEP:x", "==> qemu.att: APPLIANCE_STEP:x", "APPLIANCE_STEP:x"]
)
def test_a_step_line_is_found_in_what_packer_prints(shown: str) -> None:
    assert plain_line(shown) == "APPLIANCE_STEP:x"
