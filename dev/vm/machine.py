"""Runs one QEMU machine: start, power cut, clean shutdown, forwarded ports, serial log; outlives the program itself."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dev.vm import accelerator
from dev.vm.step import VmError, run

APPLIANCE_PORT = 7443
SSH_PORT = 22
_STOP_SECONDS_MAX = 240
_QMP_SECONDS_MAX = 30
_PRESS_AGAIN_SECONDS = 20


@dataclass(frozen=True)
class Plan:
    """What a machine is made of. `forwards` maps a port of the guest to one of this host's loopback interface.

    `network` are further options of QEMU's user network, `uuid` is what the firmware calls the machine.
    """

    image: Path
    seed: Path | None
    forwards: dict[int, int] = field(default_factory=dict)
    accelerator: str = accelerator.TCG
    cpus: int = 2
    memory_mib: int = 2048
    disk_gib: int = 0
    restricted: bool = True
    uefi: bool = False
    network: tuple[str, ...] = ()
    uuid: str = ""


class Machine:
    """A QEMU machine whose disk, serial log, process id and control socket lie in `folder`."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        self.plan = plan
        self.disk = folder / "disk.qcow2"
        self.serial_log = folder / "serial.log"
        self._console = folder / "serial.sock"
        self._qmp = folder / "qmp.sock"
        self._pid_file = folder / "qemu.json"
        self.started_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def pid(self) -> int | None:
        """The id of the running QEMU, None when it does not run."""
        if self._process is not None:
            # Its ports are free only once all its threads have ended: that is when it can be reaped.
            return self._process.pid if self._process.poll() is None else None
        try:
            known = json.loads(self._pid_file.read_text())
            pid = int(known["pid"])
            return pid if _start_time(pid) == known["start_time"] else None
        except (OSError, ValueError, KeyError):
            return None

    def start(self) -> None:
        """Boots the machine, on its disk from before where there is one; raises VmError when QEMU ends at once."""
        if self.pid() is not None:
            raise VmError(f"cannot start the machine in {self.folder}: it is running")
        for guest, host in self.plan.forwards.items():
            require_free(host, f"port {guest} of the appliance")
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.disk.exists():
            self._make_disk()
        for leftover in (self._qmp, self._console):
            leftover.unlink(missing_ok=True)
        with (self.folder / "qemu.log").open("ab") as log:
            process = self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.started_at = time.monotonic()
        self._pid_file.write_text(json.dumps({"pid": process.pid, "start_time": _start_time(process.pid)}))
        wait_until(lambda: self._qmp.exists() or process.poll() is not None, 60, "QEMU to start")
        if process.poll() is not None:
            last = (self.folder / "qemu.log").read_text(errors="replace").splitlines()[-3:]
            raise VmError("cannot start the machine: " + " ".join(last))

    def power_cut(self) -> None:
        """Ends QEMU as a power cut would; the disk stays as it is."""
        pid = self.pid()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            self._wait_for_end(10)

    def shut_down(self, timeout_seconds: float = _STOP_SECONDS_MAX) -> None:
        """Presses the power button and waits for the guest to end by itself; cuts the power after the time limit."""
        if self.pid() is None:
            return
        pressed_at: list[float] = []

        def press(waited: float) -> None:
            # A guest that is still booting does not hear the button.
            if not pressed_at or waited - pressed_at[-1] > _PRESS_AGAIN_SECONDS:
                pressed_at.append(waited)
                with contextlib.suppress(OSError):
                    self.qmp("system_powerdown")

        try:
            wait_until(lambda: self.pid() is None, timeout_seconds, "the machine to end", progress=press)
        except VmError:
            self.power_cut()
            raise

    def qmp(self, command: str, **arguments: object) -> object:
        """Sends one QMP command and gives its answer's `return`."""
        with socket.socket(socket.AF_UNIX) as channel, channel.makefile("rw") as lines:
            channel.settimeout(_QMP_SECONDS_MAX)
            channel.connect(str(self._qmp))
            lines.readline()
            answer: dict[str, object] = {}
            for name, given in (("qmp_capabilities", {}), (command, arguments)):
                lines.write(json.dumps({"execute": name, "arguments": given}) + "\n")
                lines.flush()
                answer = _answer(lines.readline)
        if "error" in answer:
            raise VmError(f"cannot {command}: {answer['error']}")
        return answer.get("return")

    def serial_text(self) -> str:
        """Everything the guest wrote on its serial console so far."""
        try:
            return self.serial_log.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def _make_disk(self) -> None:
        command: list[str | Path] = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2"]
        command += ["-b", self.plan.image.resolve(), self.disk]
        if self.plan.disk_gib:
            command.append(f"{self.plan.disk_gib}G")
        run(command, timeout_seconds=60)

    def _command(self) -> list[str]:
        plan = self.plan
        network = "user,id=net0" + (",restrict=on" if plan.restricted else "")
        network += "".join(f",{option}" for option in plan.network)
        network += "".join(f",hostfwd=tcp:127.0.0.1:{host}-:{guest}" for guest, host in plan.forwards.items())
        command = ["qemu-system-x86_64", *accelerator.arguments(plan.accelerator)]
        command += ["-smp", str(plan.cpus), "-m", str(plan.memory_mib), "-display", "none"]
        command += ["-drive", f"file={self.disk},if=virtio,format=qcow2,discard=unmap,cache=writeback"]
        if plan.seed is not None:
            command += ["-drive", f"file={plan.seed},if=virtio,format=raw,readonly=on"]
        command += ["-netdev", network, "-device", "virtio-net-pci,netdev=net0", "-device", "virtio-rng-pci"]
        command += [
            "-chardev",
            f"socket,id=serial0,path={self._console},server=on,wait=off,logfile={self.serial_log},logappend=on",
        ]
        command += ["-serial", "chardev:serial0", "-qmp", f"unix:{self._qmp},server=on,wait=off"]
        if plan.uuid:
            command += ["-uuid", plan.uuid]
        if plan.uefi:
            command += ["-bios", "/usr/share/ovmf/OVMF.fd"]
        return command

    def _wait_for_end(self, timeout_seconds: float) -> None:
        wait_until(lambda: self.pid() is None, timeout_seconds, "the machine to end")


def _answer(read: Callable[[], str]) -> dict[str, object]:
    """Reads QMP lines up to the answer; events in between are passed over."""
    while line := read():
        message: dict[str, object] = json.loads(line)
        if "return" in message or "error" in message:
            return message
    raise VmError("cannot talk to QEMU: it closed its control socket")


def _start_time(pid: int) -> str:
    """The process's start time; with the pid it names one process for ever. Raises OSError when there is none."""
    status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    if status[0] == "Z":
        raise ProcessLookupError(pid)
    return status[19]


def require_free(port: int, purpose: str) -> None:
    """Raises VmError when something listens on this loopback port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise VmError(
                f"cannot forward {purpose}: 127.0.0.1:{port} is taken",
                "end the program that listens there, or set CONSOLE_PORT or SSH_PORT to another port",
            ) from error


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(
    holds: Callable[[], bool],
    timeout_seconds: float,
    what: str,
    *,
    every_seconds: float = 0.2,
    progress: Callable[[float], None] | None = None,
) -> float:
    """Asks until `holds` says yes; gives the seconds it took, raises VmError after `timeout_seconds`."""
    start = time.monotonic()
    while True:
        if holds():
            return time.monotonic() - start
        waited = time.monotonic() - start
        if waited > timeout_seconds:
            raise VmError(f"cannot go on: waited {timeout_seconds:.0f} s for {what}")
        if progress:
            progress(waited)
        time.sleep(every_seconds)
