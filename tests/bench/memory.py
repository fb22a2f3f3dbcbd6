"""On the appliance, booted from this checkout's image: the memory of each ATT service, as PSS."""

import json
import tempfile
from pathlib import Path

from dev.vm.image import Image
from dev.vm.machine import wait_until
from dev.vm.places import ROOT
from tests.appliance.box import settled
from tests.appliance.vm.operated import Operated, operated
from tests.bench.table import Row

BOUND, ADDED = "350 MB", "330 MB"
WORKER, ROUTER = "worker", "att-router.service"
SECONDS_MAX = 120
WORKER_SECONDS_MAX = 300
# Without a grant the way out refuses, in words; whoever answers has started.
ASK_WAY_OUT = (
    "import socket; door = socket.socket(socket.AF_UNIX); door.connect('/run/att/egress.sock'); "
    "door.sendall(b'CONNECT example.org:443 HTTP/1.1\\r\\n\\r\\n'); print(door.makefile().readline())"
)
# Shared pages are counted once, by halves, thirds and so on: only then may services be added up.
PSS_OF_UNITS = """
for unit in $(systemctl list-units --plain --no-legend --state=running 'att-*.service' | cut -d' ' -f1); do
  group=/sys/fs/cgroup$(systemctl show -P ControlGroup "$unit")
  for process in $(find "$group" -name cgroup.procs -exec cat {} +); do
    grep -q att_nat.worker "/proc/$process/cmdline" && name=worker || name=$unit
    awk -v name="$name" '/^Pss:/ {print name, $2}' "/proc/$process/smaps_rollup"
  done
done
"""


def services(image: Image) -> list[Row]:
    """Return a row a service and one of their sum, after all were used: most start when they are first asked."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, operated(image, Path(folder)) as appliance:
        appliance.boot()
        appliance.status_becomes_ok()
        settled(appliance.box)
        _use(appliance)
        said = appliance.guest.ssh("sudo", "sh", "-c", PSS_OF_UNITS).stdout
    return rows_of(said)


def rows_of(said: str) -> list[Row]:
    """Return the table of lines `unit kB`, one a process; NAT's worker, a child of the API, has a bound of its own."""
    units: dict[str, int] = {}
    for line in said.splitlines():
        unit, kilobytes = line.split()
        units[unit] = units.get(unit, 0) + int(kilobytes)
    worker = units.pop(WORKER)
    missing = {path.name for path in (ROOT / "systemd").glob("*.service") if "@" not in path.name} - set(units)
    if missing:
        raise RuntimeError(f"cannot measure memory: {sorted(missing)} do not run")
    how = "sum of Pss in `/proc/*/smaps_rollup` of the unit's processes, on the appliance"
    rows = [Row(unit, f"{total / 1024:.0f} MB", how=how) for unit, total in sorted(units.items())]
    rows += [Row("all ATT services", f"{sum(units.values()) / 1024:.0f} MB", BOUND, how="their sum")]
    added = worker + units[ROUTER]
    return [*rows, Row("NAT's worker and the router", f"{added / 1024:.0f} MB", ADDED, how="the same of both")]


def _use(appliance: Operated) -> None:
    """Ask every service something: the API, the engine (`attctl status` did), launcher, router and the way out."""
    for path in ("/", "/api/v1/tokens", "/api/v1/openapi.json"):
        _ask(appliance, "GET", path, appliance.token)
    components = ("GET", "/api/v1/nat/components", appliance.token)
    wait_until(lambda: _status(appliance, *components) == 200, WORKER_SECONDS_MAX, "NAT's worker")
    code, made, said = appliance.attctl("models", "key")
    if code != 0:
        raise RuntimeError(f"cannot measure memory: no key for the router: {said}")
    chat = {"model": "att-scripted", "messages": [{"role": "user", "content": "the sea"}]}
    _ask(appliance, "POST", "/v1/chat/completions", made["key"], json.dumps(chat))
    appliance.guest.ssh("sudo", "python3", "-c", ASK_WAY_OUT, timeout_seconds=SECONDS_MAX)


def _ask(appliance: Operated, method: str, path: str, token: str, body: str | None = None) -> None:
    if (status := _status(appliance, method, path, token, body)) != 200:
        raise RuntimeError(f"cannot measure memory: {path} answered {status}")


def _status(appliance: Operated, method: str, path: str, token: str, body: str | None = None) -> int:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return int(appliance.guest.request(method, path, body=body, headers=headers, timeout_seconds=SECONDS_MAX).status)
