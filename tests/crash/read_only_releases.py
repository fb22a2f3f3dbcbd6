"""The file system of the releases turns read-only before an upgrade, in its middle, and when it is as good as done."""

from pathlib import Path

from tests.crash.ailing import Seen
from tests.crash.appliance import ACCEPTED, NEXT, RUNNING, Appliance, made, parts_of
from tests.crash.small_disk import SmallDisk, small_disk
from tests.crash.twice import wrongs

from att.diagnostics.decision import Limits, judge
from att.diagnostics.decision import Seen as Looked
from att.diagnostics.world import Machine
from att.kernel.codes import CODES

MEGABYTES, INODES = 160, 4_096
ENDS = {
    "": RUNNING,
    "unpack": RUNNING,
    "journal SWITCHED intent": RUNNING,
    "journal SWITCHED done": RUNNING,
    "journal RESTARTED done": NEXT,
}


def releases_read_only(folder: Path) -> Seen:
    """At each moment: nothing begins anew, status says why, and after a boot it is one release or the other."""
    for number, (effect, end) in enumerate(ENDS.items()):
        place = folder / str(number)
        root = place / "root"
        with small_disk(_made(place), root / "opt/att", megabytes=MEGABYTES, inodes=INODES) as disk:
            machine = made(root)
            disk.sync()
            _upgraded_until(machine, disk, effect, place / "next.attb")
            assert machine.bring_file(place / "next.attb") == "disk_read_only"
            assert "`journalctl -k`" in CODES["disk_read_only"]
            assert _told(disk.folder) == "error: the file system is read-only: see `journalctl -k` for why"
            machine.power_cut()
            disk.mend()
            machine.boot()
            assert machine.world().links().current == end.version, effect
            assert list(wrongs(machine)) == [], effect
            assert machine.bring_file(place / "next.attb") == ACCEPTED
    return Seen(
        "cannot begin (disk_read_only), and status is an error that says so; what runs goes on",
        "none lost, either release whole",
        "a boot checked the disk and ended the upgrade: back before the services started anew, else kept",
    )


def _made(place: Path) -> Path:
    place.mkdir()
    parts_of(NEXT).write(place / "next.attb")
    return place


def _upgraded_until(machine: Appliance, disk: SmallDisk, effect: str, bundle: Path) -> None:
    if not effect:
        disk.break_it()
        return

    def broken() -> None:
        # In these tests nobody waits for a disk: what the engine has made durable is made so here.
        disk.sync()
        disk.break_it()

    machine.hooks[effect] = broken
    assert machine.bring_file(bundle) != ACCEPTED
    assert effect not in machine.hooks


def _told(folder: Path) -> str:
    disk = Machine().disk(folder)
    assert disk is not None
    (found,) = judge(Looked(Limits(85, 95, 1), disks=(disk,))).findings
    return f"{found.level}: {found.detail}"
