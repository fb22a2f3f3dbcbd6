"""One appliance in a container with real systemd: boot, run commands in it, pull its plug, reach its port."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BOOT_SECONDS_MAX = 120.0
MODULES = ["--capability=CAP_SYS_MODULE", "--system-call-filter=@module"]
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TERM": "dumb"}


class CannotBoot(Exception):
    """The container did not come up; the text carries the end of its console."""


class Container:
    """A root file system that is booted, cut and booted again; files that it writes stay in `work`."""

    patience = 1.0

    def __init__(self, root: Path, work: Path) -> None:
        self.root = root
        self.work = work
        self.console = work / "console.log"
        self.port = 0
        self.options: list[str] = []
        self.name = "att-" + "".join(char for char in work.name[-8:] if char.isalnum())
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._forward: subprocess.Popen[str] | None = None
        self.leader = 0

    def boot(self, *binds: str) -> None:
        """Start it and wait until systemd has finished starting units, well or not."""
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", "--private-network"]
        command += [
            *self.options,
            f"--machine={self.name}",
            f"--directory={self.root}",
            *(f"--bind-ro={bind}" for bind in binds),
        ]
        with self.console.open("ab") as console:
            self._nspawn = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, start_new_session=True
            )
        deadline = time.monotonic() + BOOT_SECONDS_MAX
        self.leader = self._wait_for_leader(deadline)
        while True:
            state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
            if state in ("running", "degraded", "maintenance"):
                return
            self._still_there(deadline, f"systemd says {state or 'nothing'}")
            time.sleep(0.1)

    def run(
        self,
        *command: str,
        user: str | None = None,
        stdin: str = "",
        check: bool = True,
        timeout_seconds: float = 120,
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in it, as root or as `user`; a failure raises with what it said unless `check` is false."""
        done = subprocess.run(
            self.command(*command, user=user, environment=environment),
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_seconds,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def command(self, *command: str, user: str | None = None, environment: dict[str, str] | None = None) -> list[str]:
        """The command line that runs `command` in the container, for whoever starts processes of their own."""
        settings = [f"{name}={value}" for name, value in {**ENVIRONMENT, **(environment or {})}.items()]
        as_user = ["runuser", "-u", user, "--"] if user else []
        return [*_enter(self.leader, "-m", "-u", "-i", "-n", "-p"), "env", "-i", *settings, *as_user, *command]

    def network(self, *command: str) -> list[str]:
        """The command line that runs a host's program in the container's network alone."""
        return [*_enter(self.leader, "-n"), *command]

    def attctl(
        self, *arguments: str, user: str = "operator", check: bool = True, timeout_seconds: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """What an operator types at the SSH door."""
        return self.run("attctl", *arguments, user=user, check=check, timeout_seconds=timeout_seconds)

    def told(self, *words: str) -> Any:
        """What attctl prints as JSON at the SSH door; an AssertionError says what it said instead of succeeding."""
        done = self.attctl("--json", *words, check=False)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def url(self) -> str:
        """The appliance port as the host reaches it; the port stays the same over reboots."""
        if self._forward is None or self._forward.poll() is not None:
            program = Path(__file__).with_name("forward.py")
            self._forward = subprocess.Popen(
                [sys.executable, "-I", str(program), str(self.leader), str(self.port)],
                stdout=subprocess.PIPE,
                encoding="ascii",
            )
            assert self._forward.stdout is not None
            self.port = int(self._forward.stdout.readline())
        return f"https://127.0.0.1:{self.port}"

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Put a file into it, whether it runs or not."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)

    def read(self, path: str) -> str:
        """Read a file of its disk; what lies in memory (/run) needs `run("cat", …)`."""
        return (self.root / path.lstrip("/")).read_text(encoding="utf-8")

    def cut(self) -> None:
        """Pull the plug: nothing in it gets to run another instruction."""
        if self._nspawn is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.leader or self._nspawn.pid, signal.SIGKILL)
        self._ended()

    def shut_down(self) -> None:
        """Power off as an operator would; cut when that takes longer than two minutes."""
        if self._nspawn is None:
            return
        self.run("systemctl", "poweroff", "--no-block", check=False)
        try:
            self._nspawn.wait(timeout=120)
        except subprocess.TimeoutExpired:
            self.cut()
        self._ended()

    def reboot(self) -> None:
        """Power off and boot again."""
        self.shut_down()
        self.boot()

    def _ended(self) -> None:
        if self._forward is not None:
            self._forward.kill()
            self._forward.wait()
            if self._forward.stdout:
                self._forward.stdout.close()
        if self._nspawn is not None:
            try:
                self._nspawn.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._nspawn.kill()
                self._nspawn.wait()
        self._nspawn = None
        self._forward = None
        self.leader = 0

    def _wait_for_leader(self, deadline: float) -> int:
        while True:
            assert self._nspawn is not None
            for pid in _descendants(self._nspawn.pid):
                if _is_init(pid):
                    return pid
            self._still_there(deadline, "it has no first process")
            time.sleep(0.02)

    def _still_there(self, deadline: float, words: str) -> None:
        assert self._nspawn is not None
        if self._nspawn.poll() is None and time.monotonic() < deadline:
            return
        said = self.console.read_text(encoding="utf-8", errors="replace")[-3000:]
        self.cut()
        raise CannotBoot(f"cannot boot the container: {words}; its console said:\n{said}")


@contextlib.contextmanager
def overlay(lower: Path, folder: Path) -> Iterator[Container]:
    """A container on a copy-on-write view of `lower`; everything it wrote is gone at the end."""
    work = Path(tempfile.mkdtemp(prefix=f"run-{os.getpid()}-", dir=folder))
    upper, inner, merged = (work / name for name in ("upper", "work", "root"))
    for path in (upper, inner, merged):
        path.mkdir()
    options = f"lowerdir={lower},upperdir={upper},workdir={inner},redirect_dir=on,metacopy=off"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(merged)], check=True, timeout=30)
    container = Container(merged, work)
    try:
        yield container
    finally:
        container.cut()
        subprocess.run(["umount", "--lazy", str(merged)], check=False, timeout=30)
        shutil.rmtree(work, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what test runs that were killed have left behind."""
    for left in folder.glob("run-*-*"):
        if Path(f"/proc/{left.name.split('-')[1]}").exists():
            continue
        for pid in _inits_on(left):
            os.kill(pid, signal.SIGKILL)
        subprocess.run(["umount", "--lazy", str(left / "root")], check=False, capture_output=True, timeout=30)
        shutil.rmtree(left, ignore_errors=True)


def _enter(leader: int, *spaces: str) -> list[str]:
    return ["nsenter", f"--target={leader}", *spaces, "--"]


def _descendants(pid: int) -> Iterator[int]:
    try:
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return
    for child in children:
        yield child
        yield from _descendants(child)


def _inits_on(place: Path) -> list[int]:
    """The first processes of containers whose root lies in `place`."""
    found = []
    for proc in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(place) in (proc / "mountinfo").read_text() and _is_init(int(proc.name)):
                found.append(int(proc.name))
    return found


def _is_init(pid: int) -> bool:
    """Whether `pid` is the first process of a process namespace and has become systemd already."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return False
    spaces = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
    return len(spaces) > 1 and spaces[-1] == "1" and name == "systemd"
