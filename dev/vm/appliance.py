"""`make up`, `make ssh`, `make down`: one appliance under .state/vm, made from this checkout."""

import hashlib
import json
import os
import re
import secrets
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from dev.vm import accelerator
from dev.vm.guest import Guest, make_key
from dev.vm.image import Image, image, latest
from dev.vm.machine import APPLIANCE_PORT, SSH_PORT, Machine, Plan, require_free, wait_until
from dev.vm.places import ROOT, STATE
from dev.vm.seed import Identity, seed_disk
from dev.vm.step import VmError, appliance_step, run, say

_CONSOLE_PORT = 17443
_SSH_PORT = 12222
_READY_SECONDS_MAX = 900
_LOGIN_SECONDS_MAX = 180
_STATUS_SECONDS_MAX = 180
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@dataclass(frozen=True)
class Known:
    """What is remembered about the machine under .state/vm."""

    version: str
    inputs: str
    console_port: int
    ssh_port: int
    accelerator: str


def up() -> None:
    """Brings an appliance of this checkout up and prints its doors; a running one of the same sources is reused."""
    run([ROOT / "dev" / "host-packages.sh", "image"], timeout_seconds=1800)
    wanted = _ports()
    known = _known()
    if known is None or _machine(known).pid() is None:
        require_free(wanted[0], "the console")
        require_free(wanted[1], "SSH")
    built = image()
    if known is not None and known.inputs != built.inputs:
        _put_aside(known)
        known = None
    if known is None or _machine(known).pid() is None:
        known = _start(built, *wanted)
    else:
        say("the appliance is running already")
    _wait(known)
    _print_doors(known)


def down() -> None:
    """Shuts the appliance down; its disk, keys and token stay for the next `make up`."""
    known = _known()
    machine = _machine(known) if known else None
    if machine is None or machine.pid() is None:
        say("no appliance is running")
        return
    with appliance_step("down", STATE):
        machine.shut_down()


def ssh(arguments: list[str]) -> None:
    """Becomes an SSH client of the running appliance; raises VmError when none runs."""
    known = _known()
    if known is None or _machine(known).pid() is None:
        raise VmError("cannot open a shell: no appliance is running", "make up")
    command = _guest(known).ssh_command(interactive=not arguments)
    os.execvp(command[0], [*command, *arguments])


def _ports() -> tuple[int, int]:
    found = []
    for name, default in (("CONSOLE_PORT", _CONSOLE_PORT), ("SSH_PORT", _SSH_PORT)):
        text = os.environ.get(name) or str(default)
        if not text.isdigit() or not 0 < int(text) < 65536:
            raise VmError(f"cannot use {name}={text}: a port is a number from 1 to 65535")
        found.append(int(text))
    return found[0], found[1]


def _known() -> Known | None:
    try:
        return Known(**json.loads((STATE / "machine.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _machine(known: Known) -> Machine:
    plan = Plan(
        image=STATE / "image.qcow2",
        seed=STATE / "seed.iso",
        forwards={APPLIANCE_PORT: known.console_port, SSH_PORT: known.ssh_port},
        accelerator=known.accelerator,
        restricted=False,
    )
    return Machine(STATE, plan)


def _guest(known: Known) -> Guest:
    return Guest(known.ssh_port, known.console_port, STATE / "id_ed25519")


def _put_aside(known: Known) -> None:
    """Makes room for a machine of other sources; the former disk and what it builds on are kept, once."""
    machine = _machine(known)
    if machine.pid() is not None:
        say("the running appliance was made from other sources: shutting it down")
        machine.shut_down()
    former = STATE / "former"
    shutil.rmtree(former, ignore_errors=True)
    former.mkdir(parents=True)
    for name in ("disk.qcow2", "image.qcow2", "seed.iso", "serial.log", "known_hosts", "machine.json"):
        if (STATE / name).exists():
            (STATE / name).rename(former / name)
    say(f"the former appliance's disk is kept in {former.relative_to(ROOT)}")


def _start(built: Image, console_port: int, ssh_port: int) -> Known:
    STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = Known(built.version, built.inputs, console_port, ssh_port, accelerator.chosen(built.disk))
    with appliance_step("boot", STATE / "serial.log") as step:
        if not (STATE / "disk.qcow2").exists():
            _take_image(built.disk)
            seed_disk(STATE / "seed.iso", _identity())
        machine = _machine(known)
        machine.start()
        (STATE / "machine.json").write_text(json.dumps(asdict(known)) + "\n")
        step.notes = f"accelerator {known.accelerator}"
    return known


def _take_image(disk: Path) -> None:
    """Gives the machine a name of its own for the image, so that `make clean` takes nothing from under its disk."""
    own = STATE / "image.qcow2"
    own.unlink(missing_ok=True)
    try:
        os.link(disk, own)
    except OSError:
        shutil.copyfile(disk, own)


def _identity() -> Identity:
    settings = os.environ.get("ATT_YAML")
    return Identity(
        instance=f"att-{secrets.token_hex(8)}",
        hostname="att",
        authorized_keys=(make_key(STATE / "id_ed25519"),),
        settings=Path(settings).read_text() if settings else "",
        first_token_sha256=hashlib.sha256(_token().encode()).hexdigest(),
    )


def _token() -> str:
    """The first admin token; made once, kept readable by its owner alone."""
    file = STATE / "token"
    if not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(f"att_{secrets.token_urlsafe(32)}\n")
    return file.read_text().strip()


class _Progress:
    """Says every ten seconds how long the wait is and what the machine's console said last."""

    def __init__(self, machine: Machine, what: str, limit_seconds: float) -> None:
        self._machine = machine
        self._what = what
        self._limit = limit_seconds
        self._next = 10.0

    def __call__(self, waited: float) -> None:
        if waited < self._next:
            return
        self._next += 10.0
        lines = [line for line in self._machine.serial_text().splitlines() if line.strip()]
        last = "".join(filter(str.isprintable, _COLOURS.sub("", lines[-1])))[-100:] if lines else ""
        say(f"  waiting for {self._what}: {waited:.0f} of at most {self._limit:.0f} s   {last}")


def _wait(known: Known) -> None:
    machine, guest = _machine(known), _guest(known)
    with appliance_step("ready", f"https://127.0.0.1:{known.console_port}/readyz"):
        guest.wait_for_ready(machine, _READY_SECONDS_MAX, _Progress(machine, "readiness", _READY_SECONDS_MAX))
        wait_until(lambda: _lets_in(guest), _LOGIN_SECONDS_MAX, "the SSH door to let the operator in")
    with appliance_step("status") as step:
        deadline = time.monotonic() + _STATUS_SECONDS_MAX
        while True:
            said = guest.ssh("attctl", "status", "--json", check=False, timeout_seconds=120)
            if said.returncode == 0:
                break
            if time.monotonic() > deadline:
                raise VmError(
                    f"cannot see the appliance well: attctl status ended with {said.returncode}\n{said.stdout}"
                )
            time.sleep(2)
        step.notes = "attctl status: ok"


def _lets_in(guest: Guest) -> bool:
    return guest.ssh("true", check=False, timeout_seconds=60).returncode == 0


def _print_doors(known: Known) -> None:
    guest = _guest(known)
    code = guest.ssh("sudo", "cat", "/run/att/claim-code", check=False).stdout.strip()
    token = STATE / "token"
    say("")
    say(f"ATT {known.version} is up.")
    say(f"  console      https://127.0.0.1:{known.console_port}/")
    say(f"  certificate  SHA-256 {guest.certificate_fingerprint()}")
    say(f"  claim code   {code or 'none: the appliance has been claimed'}")
    say(f"  API token    {token.read_text().strip()}   (admin, in {token.relative_to(ROOT)})")
    say(f"  MCP          https://127.0.0.1:{known.console_port}/mcp")
    say(f"  SSH          {' '.join(guest.ssh_command(interactive=True))}   (or: make ssh)")
    say("  stop it      make down")


def describe() -> None:
    """Prints what is known about the machine and the image, as JSON."""
    known, built = _known(), latest()
    running = known is not None and _machine(known).pid() is not None
    say(
        json.dumps(
            {"machine": asdict(known) if known else None, "running": running, "image": str(built and built.disk)}
        )
    )
