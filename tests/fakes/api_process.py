"""The real API process on an inherited socket: started, used, stopped and replaced as the service manager does it."""

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.fakes.activated import activated

from att.appliance import Facts, load_facts
from att.appliance.facts import facts_file
from att.entrypoints.dev import prepare


@dataclass
class Machine:
    """What systemd holds: the listening socket and the notify socket."""

    folder: Path
    outside: Path
    facts: Facts
    token: str
    listener: socket.socket
    notified: socket.socket
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the process; it is the caller's to wait for READY."""
        environment = {
            "PYTHONDONTWRITEBYTECODE": "",
            "ATT_APPLIANCE_TOML": str(self.folder / "appliance.toml"),
            "NOTIFY_SOCKET": str(self.outside / "notify"),
            "WATCHDOG_USEC": "1000000",
        }
        process = activated(
            "att.entrypoints.api", [self.listener], environment=environment, journal=self.outside / "journal"
        )
        self.processes.append(process)
        return process

    def told(self, what: str, seconds: float = 120) -> None:
        """Wait until the process has told the service manager `what`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.notified.settimeout(deadline - time.monotonic())
            if what in self.notified.recv(4096).decode().splitlines():
                return
        raise AssertionError(f"{what} was never told")

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """A client of the socket, as the front is one: no connection is kept."""
        # A client of every request has no need of all authorities that the machine trusts.
        transport = httpx.HTTPTransport(uds=str(self.outside / "api.sock"), verify=False)
        headers = {"Authorization": f"Bearer {self.token}", "Connection": "close"}
        with httpx.Client(transport=transport, base_url="http://att.example", headers=headers, timeout=120) as client:
            yield client

    def journal(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in (self.outside / "journal").read_text().splitlines()]


def prepare_machine(folder: Path) -> str:
    """Make a machine's folders with a database, to be copied; returns its admin's token."""
    where = _facts_below(folder)
    token = prepare(where)
    _make_admin(where, token)
    return token


def _facts_below(folder: Path, memory: Path | None = None) -> Facts:
    """Have all paths below `folder`, but for /run below `memory`."""

    def below(found: re.Match[str]) -> str:
        return f'= "{memory or folder if found[1] == "run" else folder}/{found[1]}'

    text = re.sub(r'= "/(\w+)', below, facts_file().read_text(encoding="utf-8"))
    (folder / "appliance.toml").write_text(text, encoding="utf-8")
    return load_facts(folder / "appliance.toml")


@contextmanager
def machine_at(folder: Path, template: Path, token: str, outside: Path | None = None) -> Iterator[Machine]:
    """A machine whose files lie in `folder`; the service manager's, and /run, lie `outside`, where that is given."""
    outside = outside or folder
    shutil.copytree(template, folder, symlinks=True, dirs_exist_ok=True)
    where = _facts_below(folder, outside)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(outside / "api.sock"))
    listener.listen(128)
    notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notified.bind(str(outside / "notify"))
    found = Machine(folder, outside, where, token, listener, notified)
    try:
        yield found
    finally:
        for process in found.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        listener.close()
        notified.close()


def _make_admin(where: Facts, token: str) -> None:
    code = (
        "import anyio, sys; from pathlib import Path\n"
        "from att.events.service import Events; from att.identity.service import Identity\n"
        "from att.store.service import Store\n"
        "async def main():\n"
        "    store = await Store.open(Path(sys.argv[1]), schema_version=9999)\n"
        "    await Identity(store, Events(store), Path('/none')).ensure_admin('dev', sys.argv[2])\n"
        "    await store.close()\n"
        "anyio.run(main)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(where.paths.api_database), token], check=True, timeout=60)
