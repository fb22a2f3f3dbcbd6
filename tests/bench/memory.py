"""On the appliance, booted from this checkout's image: the memory of each ATT service, as PSS."""

import tempfile
from pathlib import Path

from dev.vm.image import Image
from tests.appliance.vm.operated import Operated, operated
from tests.bench.table import Row

BOUND = "350 MB"
# Shared pages are counted once, by halves, thirds and so on: only then may services be added up.
PSS_OF_UNITS = """
systemctl start att-upgraded.service att-launcher.service
for unit in $(systemctl list-units --plain --no-legend --state=running 'att-*.service' | cut -d' ' -f1); do
  group=/sys/fs/cgroup$(systemctl show -P ControlGroup "$unit")
  for process in $(find "$group" -name cgroup.procs -exec cat {} +); do
    awk -v unit="$unit" '/^Pss:/ {print unit, $2}' "/proc/$process/smaps_rollup"
  done
done
"""


def services(image: Image) -> list[Row]:
    """Return a row a service and one of their sum, after the doors have been used once."""
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
    if "att-api.service" not in units:
        raise RuntimeError(f"cannot measure memory: the API is not among {sorted(units)}")
    how = "sum of Pss in `/proc/*/smaps_rollup` of the unit's processes, on the appliance"
    rows = [Row(unit, f"{total / 1024:.0f} MB", how=how) for unit, total in sorted(units.items())]
    return [*rows, Row("all ATT services", f"{sum(units.values()) / 1024:.0f} MB", BOUND, how="their sum")]


def _use(appliance: Operated) -> None:
    signed_in = {"Authorization": f"Bearer {appliance.token}"}
    for path in ("/", "/api/v1/tokens", "/api/v1/openapi.json"):
        answer = appliance.guest.request("GET", path, headers=signed_in, timeout_seconds=120)
        if answer.status != 200:
            raise RuntimeError(f"cannot measure memory: {path} answered {answer.status}")
