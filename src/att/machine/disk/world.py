"""The machine's disks: findmnt, sysfs, growpart, resize2fs."""

import json
import sys
from pathlib import Path

from att.appliance import Facts
from att.effects.processes import run
from att.machine.disk.decision import Partition

TOOL_SECONDS = 20.0
# A large file system is grown block group by block group.
GROW_SECONDS = 600.0
USER = "att"
_NOTHING_TO_GROW = 1
_NAMES = """
import json, sqlite3, sys
database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=5)
print(json.dumps([list(row) for row in database.execute("SELECT slot, slug FROM projects WHERE slot IS NOT NULL")]))
"""


class SystemDisks:
    """The disks of this machine."""

    def __init__(self, facts: Facts) -> None:
        self._database = facts.paths.api_database / "att.db"
        self._block = facts.root / "sys/class/block"

    def partition(self, path: Path) -> Partition:
        """See `Disks`."""
        command = ["findmnt", "--json", "--output", "SOURCE,FSTYPE", "--target", str(path)]
        done = run(command, timeout_seconds=TOOL_SECONDS)
        rows = json.loads(done.output).get("filesystems", []) if done.ok and done.output else []
        source, kind = (str(rows[0].get(key) or "") for key in ("source", "fstype")) if rows else ("", "")
        return self._of(source, kind)

    def look_again(self, found: Partition) -> None:
        """See `Disks`; a virtio disk tells by itself and has no such file."""
        rescan = self._block / Path(found.disk).name / "device/rescan"
        if rescan.exists():
            rescan.write_text("1", encoding="ascii")

    def grow_partition(self, found: Partition) -> str:
        """See `Disks`."""
        if found.number is None:
            return ""
        done = run(["growpart", found.disk, str(found.number)], timeout_seconds=GROW_SECONDS)
        return "" if done.ok or done.code == _NOTHING_TO_GROW else (done.errors or done.output).strip()

    def grow_file_system(self, found: Partition) -> str:
        """See `Disks`."""
        done = run(["resize2fs", found.device], timeout_seconds=GROW_SECONDS)
        return "" if done.ok else done.errors.strip()

    def project_names(self) -> dict[int, str]:
        """See `Disks`; asked as the API's user: root must leave no files beside the database."""
        command = [sys.executable, "-I", "-c", _NAMES, str(self._database)]
        done = run(command, timeout_seconds=TOOL_SECONDS, user=USER)
        return {int(slot): str(slug) for slot, slug in json.loads(done.output)} if done.ok else {}

    def _of(self, source: str, kind: str) -> Partition:
        entry = self._block / Path(source).name
        if not source.startswith("/dev/") or not entry.exists():
            return Partition(source, kind, source, None)
        if not (entry / "partition").exists():
            return Partition(source, kind, source, None)
        disk = entry.resolve().parent
        number = int((entry / "partition").read_text(encoding="ascii"))
        return Partition(source, kind, f"/dev/{disk.name}", number)
