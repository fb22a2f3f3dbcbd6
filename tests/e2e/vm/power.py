"""Cuts the power of a machine at a record of its upgrade journal while a client writes; asks later what is there."""

import base64
import contextlib
import http.client
import json
import secrets
import shlex
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dev.vm.machine import wait_until
from tests.appliance.vm.operated import UPGRADE_SECONDS_MAX, Operated

from att.appliance import facts
from att_stage0.journal import Record, decode
from att_stage0.transaction import State, Transaction, fold

JOURNAL = facts().paths.journal / "journal"
WRITE_EVERY_SECONDS = 3.0
CONSOLE = "/dev/ttyS0"
# Runs in the guest as root. The console is the one way out of it that no network and no process of the host is on.
_WATCH = """
import os, sys, time
sys.path.insert(0, "/usr/lib/att/stage0")
sys.dont_write_bytecode = True
from att_stage0.journal import decode
journal, wanted, word, console = sys.argv[1:]
def read():
    try:
        with open(journal, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
last = max((one.sequence for one in decode(read()).records), default=0)
out = os.open(console, os.O_WRONLY | os.O_NOCTTY)
print("watching", flush=True)
seen = None
while True:
    try:
        now = os.stat(journal)
    except FileNotFoundError:
        now = None
    if now and (now.st_ino, now.st_size) != seen:
        seen = (now.st_ino, now.st_size)
        new = [one.body for one in decode(read()).records if one.sequence > last]
        if any(f"{body.get('state')} {body.get('phase')}" == wanted for body in new):
            os.write(out, word.encode() + b"\\n")
            sys.exit()
    time.sleep(0.002)
"""


@dataclass(frozen=True)
class Aim:
    """A record of the journal by its state and phase; the power is cut as soon as it is there."""

    state: State
    phase: str

    def __str__(self) -> str:
        return f"{self.state} {self.phase}"


@dataclass
class Writer:
    """A client that writes for as long as it may; `acknowledged` are the names of all rows it was told are kept."""

    appliance: Operated
    acknowledged: list[str] = field(default_factory=list)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write beside the block; a write that gets no answer counts as not acknowledged."""
        stop = threading.Event()
        thread = threading.Thread(target=self._write, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def write(self) -> bool:
        """Write one row; gives whether it was acknowledged."""
        name = f"row-{secrets.token_hex(6)}"
        body = json.dumps({"name": name, "role": "viewer", "kind": "agent", "expires_days": 1})
        with contextlib.suppress(OSError, http.client.HTTPException):
            if self.appliance.guest.request("POST", "/api/v1/tokens", body=body, headers=self._headers()).status == 201:
                self.acknowledged.append(name)
                return True
        return False

    def lost(self) -> list[str]:
        """The acknowledged rows that the appliance does not list."""
        answer = self.appliance.guest.request("GET", "/api/v1/tokens", headers=self._headers(), timeout_seconds=120)
        assert answer.status == 200, answer.body
        listed = {one["name"] for one in json.loads(answer.body)["tokens"]}
        return sorted(set(self.acknowledged) - listed)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.appliance.token}", "Content-Type": "application/json"}

    def _write(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.write()
            stop.wait(WRITE_EVERY_SECONDS)


def cut_at(appliance: Operated, bundle: str, aim: Aim) -> bool:
    """Begin an upgrade to the bundle in the operator's home and cut the power at the record; gives whether it came.

    The machine is off afterwards; an upgrade that ended without the record leaves it running.
    """
    word = f"cut-{secrets.token_hex(8)}"
    told = appliance.machine.serial_log.stat().st_size
    with _in_guest(appliance, "sudo", "python3", "-I", "-", str(JOURNAL), str(aim), word, CONSOLE) as watch:
        assert watch.stdin is not None
        assert watch.stdout is not None
        watch.stdin.write(_WATCH)
        watch.stdin.close()
        assert watch.stdout.readline().strip() == "watching"
        with _in_guest(appliance, "attctl", "upgrade", "apply", bundle, "--wait") as upgrade:
            until = time.monotonic() + UPGRADE_SECONDS_MAX
            with appliance.machine.serial_log.open("rb") as console:
                console.seek(told)
                seen = b""
                while word.encode() not in seen:
                    assert time.monotonic() < until, f"the upgrade neither came to {aim} nor ended"
                    new = console.read()
                    seen = (seen + new)[-4096:]
                    if not new and upgrade.poll() is not None:
                        return False
                    time.sleep(0.001)
            appliance.machine.power_cut()
    return True


@contextmanager
def _in_guest(appliance: Operated, *command: str) -> Iterator["subprocess.Popen[str]"]:
    """A command at the SSH door, ended with the block."""
    line = [*appliance.guest.ssh_command(), shlex.join(command)]
    streams = subprocess.PIPE
    with subprocess.Popen(line, stdin=streams, stdout=streams, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def boot_id(appliance: Operated) -> str:
    """Which boot of the machine this is."""
    return appliance.guest.shell("cat /proc/sys/kernel/random/boot_id").strip()


def journal(appliance: Operated) -> tuple[Record, ...]:
    """Every record of the upgrade journal as it lies on the machine's disk now."""
    return decode(base64.b64decode(appliance.guest.shell(f"sudo base64 -w0 {JOURNAL}"))).records


def ended(appliance: Operated, boot: str) -> tuple[Transaction, Aim]:
    """Wait until nothing of the newest transaction is left to do; gives it, and the cut boot's last record in it."""
    found: list[tuple[Record, ...]] = []

    def finished() -> bool:
        found.append(journal(appliance))
        return fold(found[-1])[-1].finished

    wait_until(finished, UPGRADE_SECONDS_MAX, "the upgrade that was cut to be finished", every_seconds=3)
    newest = fold(found[-1])[-1]
    left = [one for one in found[-1] if one.transaction == newest.id and one.body.get("boot") == boot]
    assert left, f"the cut boot left no record of {newest.id}"
    return newest, Aim(State(left[-1].body["state"]), str(left[-1].body["phase"]))
