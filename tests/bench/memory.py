"""On the appliance, booted from this checkout's image: the memory of each ATT service, as PSS."""

import json
import tempfile
from pathlib import Path

from dev.vm.image import Image
from dev.vm.places import ROOT
from tests.appliance.vm.operated import Operated, operated
from tests.bench.table import Row

BOUND = "350 MB"
SECONDS_MAX = 120
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
    awk -v unit="$unit" '/^Pss:/ {print unit, $2}' "/proc/$process/smaps_rollup"
  done
done
"""


def services(image: Image) -> list[Row]:
    """Return a row a service and one of their sum, after all were used: most start when they are first asked."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, operated(image, Path(folder)) as appliance:
        appliance.boot()
        appliance.status_becomes_ok()
        _use(appliance)
        said = appliance.guest.ssh("sudo", "sh", "-c", PSS_OF_UNITS).stdout
    return rows_of(said)


def rows_of(said: str) -> list[Row]:
    """Return the table of lines `unit kB`, one a process."""
    units: dict[str, int] = {}
    for line in said.splitlines():
        unit, kilobytes = line.split()
        units[unit] = units.get(unit, 0) + int(kilobytes)
    missing = {path.name for path in (ROOT / "systemd").glob("*.service") if "@" not in path.name} - set(units)
    if missing:
        raise RuntimeError(f"cannot measure memory: {sorted(missing)} do not run")
    how = "sum of Pss in `/proc/*/smaps_rollup` of the unit's processes, on the appliance"
    rows = [Row(unit, f"{total / 1024:.0f} MB", how=how) for unit, total in sorted(units.items())]
    return [*rows, Row("all ATT services", f"{sum(units.values()) / 1024:.0f} MB", BOUND, how="their sum")]


def _use(appliance: Operated) -> None:
    """Ask every service something: the API, the engine (`attctl status` did), launcher, router and the way out."""
    for path in ("/", "/api/v1/tokens", "/api/v1/openapi.json"):
        _ask(appliance, "GET", path, appliance.token)
    code, made, said = appliance.attctl("models", "key")
    if code != 0:
        raise RuntimeError(f"cannot measure memory: no key for the router: {said}")
    chat = {"model": "att-scripted", "messages": [{"role": "user", "content": "the sea"}]}
    _ask(appliance, "POST", "/v1/chat/completions", made["key"], json.dumps(chat))
    appliance.guest.ssh("sudo", "python3", "-c", ASK_WAY_OUT, timeout_seconds=SECONDS_MAX)


def _ask(appliance: Operated, method: str, path: str, token: str, body: str | None = None) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer = appliance.guest.request(method, path, body=body, headers=headers, timeout_seconds=SECONDS_MAX)
    if answer.status != 200:
        raise RuntimeError(f"cannot measure memory: {path} answered {answer.status}")
