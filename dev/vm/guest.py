"""Talks to a running machine as a client would: SSH, copies, and HTTPS on the appliance port."""

import hashlib
import http.client
import json
import shlex
import socket
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dev.vm.machine import Machine, wait_until
from dev.vm.step import VmError, run

_ANSWER_SECONDS_MAX = 20

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; `body` is text."""

    status: int
    headers: dict[str, str]
    body: str

    def json(self) -> object:
        """The body read as JSON."""
        return json.loads(self.body)


def make_key(key: Path) -> str:
    """Makes an SSH key at `key` unless it is there; gives its public half."""
    if not key.exists():
        key.parent.mkdir(parents=True, exist_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "att", "-f", key], timeout_seconds=30)
    return key.with_suffix(".pub").read_text().strip()


@dataclass(frozen=True)
class Guest:
    """The doors of one machine on this host: its SSH port and its appliance port."""

    ssh_port: int
    https_port: int
    key: Path
    user: str = "operator"

    def ssh_command(self, *, interactive: bool = False) -> list[str]:
        """The ssh command line up to the remote command."""
        known = self.key.with_name("known_hosts")
        options = ["ConnectTimeout=15", "ServerAliveInterval=15", "StrictHostKeyChecking=accept-new"]
        options += ["IdentitiesOnly=yes", f"UserKnownHostsFile={known}", "LogLevel=ERROR"]
        if not interactive:
            options.append("BatchMode=yes")
        words = [word for option in options for word in ("-o", option)]
        return ["ssh", "-i", str(self.key), *words, "-p", str(self.ssh_port), f"{self.user}@127.0.0.1"]

    def ssh(
        self, *command: str, timeout_seconds: float = 120, check: bool = True, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command in the guest, each word quoted; raises VmError when `check` and it fails."""
        line = [*self.ssh_command(), shlex.join(command)]
        try:
            done = subprocess.run(
                line, capture_output=True, text=True, timeout=timeout_seconds, check=False, input=given or ""
            )
        except subprocess.TimeoutExpired as error:
            raise VmError(f"cannot finish {command[0]} in the guest within {timeout_seconds:.0f} s") from error
        if check and done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise VmError(f"cannot run {shlex.join(command)} in the guest: exit {done.returncode}: {said[-2000:]}")
        return done

    def shell(self, script: str, *, timeout_seconds: float = 120, check: bool = True) -> str:
        """Runs a shell line in the guest and gives its standard output."""
        done = self.ssh("sh", "-c", script, timeout_seconds=timeout_seconds, check=check)
        return done.stdout

    def copy_in(self, file: Path, target: str, *, timeout_seconds: float = 600) -> None:
        """Copies a file of this host to `target` in the guest."""
        command = self.ssh_command()
        with file.open("rb") as source:
            done = subprocess.run(
                [*command, f"cat > {shlex.quote(target)}"],
                stdin=source,
                capture_output=True,
                timeout=timeout_seconds,
                check=False,
            )
        if done.returncode:
            raise VmError(f"cannot copy {file.name} to the guest: {done.stderr.decode(errors='replace').strip()}")

    def answers_ssh(self) -> bool:
        """Whether the SSH door shows its banner."""
        try:
            with socket.create_connection(("127.0.0.1", self.ssh_port), timeout=2) as door:
                door.settimeout(5)
                return door.recv(4) == b"SSH-"
        except OSError:
            return False

    def request(
        self,
        method: str,
        path: str,
        *,
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout_seconds: float = _ANSWER_SECONDS_MAX,
    ) -> Answer:
        """One HTTPS request to the appliance port; the certificate is self-signed and not verified here."""
        context = ssl._create_unverified_context()
        door = http.client.HTTPSConnection("127.0.0.1", self.https_port, timeout=timeout_seconds, context=context)
        try:
            door.request(method, path, body=body, headers=headers or {})
            answer = door.getresponse()
            text = answer.read().decode(errors="replace")
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)
        finally:
            door.close()

    def ready(self) -> bool:
        """Whether /readyz says 200."""
        try:
            return self.request("GET", "/readyz", timeout_seconds=10).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def certificate_fingerprint(self) -> str:
        """SHA-256 of the certificate on the appliance port, as browsers show it."""
        context = ssl._create_unverified_context()
        with (
            socket.create_connection(("127.0.0.1", self.https_port), timeout=_ANSWER_SECONDS_MAX) as raw,
            context.wrap_socket(raw) as door,
        ):
            certificate = door.getpeercert(binary_form=True) or b""
        digits = hashlib.sha256(certificate).hexdigest().upper()
        return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))

    def wait_for_ssh(self, machine: Machine, timeout_seconds: float, progress: Progress | None = None) -> float:
        """Waits for the SSH banner; gives the seconds it took."""
        return _wait(machine, self.answers_ssh, timeout_seconds, "the SSH door", progress)

    def wait_for_ready(self, machine: Machine, timeout_seconds: float, progress: Progress | None = None) -> float:
        """Waits for /readyz to say 200; gives the seconds it took."""
        return _wait(machine, self.ready, timeout_seconds, "the appliance to be ready", progress)


def _wait(
    machine: Machine, holds: Callable[[], bool], timeout_seconds: float, what: str, progress: Progress | None
) -> float:
    """Waits as long as the machine runs; a machine that ends early is told with the last of its console."""

    def holds_or_ended() -> bool:
        if machine.pid() is None:
            raise VmError(f"cannot wait for {what}: the machine ended", f"see {machine.serial_log}")
        return holds()

    try:
        return wait_until(holds_or_ended, timeout_seconds, what, progress=progress)
    except VmError as error:
        last = "\n".join(machine.serial_text().splitlines()[-15:])
        raise VmError(f"{error}; last lines of its console:\n{last}", error.hint) from error
