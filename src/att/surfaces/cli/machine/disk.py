"""`attctl disk`: who takes it, what can be freed, and more of it."""

import click

from att.surfaces.cli.failure import DEGRADED, FAILED, OK
from att.surfaces.cli.machine.said import yes_option
from att.surfaces.cli.tree import leaf

_CODES = {"ok": OK, "warning": DEGRADED, "full": FAILED}


def show() -> click.Command:
    """Root alone may look into the folders of all; and on a full disk little else may answer."""

    def act() -> int:
        from att.appliance import facts
        from att.machine.disk.service import DiskService
        from att.machine.disk.world import SystemDisks
        from att.surfaces.cli.machine import said
        from att.surfaces.cli.root import become_root

        become_root("look at the disk")
        found = DiskService(facts(), SystemDisks(facts())).show()
        said.show(found)
        return max(_CODES[one.level] for one in found.file_systems)

    return leaf(
        "show",
        act,
        "Say what takes the disk and what frees some; exit 3 when it gets full, 4 when it is",
        "attctl disk show",
    )


def grow() -> click.Command:
    """Changes the partition table: the machine's own, not the platform's."""

    def act(yes: bool) -> int:
        from att.appliance import facts
        from att.machine.audit.record import audit
        from att.machine.disk.service import DiskService
        from att.machine.disk.world import SystemDisks
        from att.surfaces.cli.machine import said
        from att.surfaces.cli.root import become_root, who
        from att.surfaces.cli.run import confirm

        become_root("grow the disk")
        confirm("Give the file systems all that the virtual disk has become?", yes=yes)
        done = DiskService(facts(), SystemDisks(facts())).grow()
        for one in done.items:
            audit(facts(), "disk.grow", who(), **one.model_dump())
        said.show(done)
        return OK

    return leaf(
        "grow", act, "Use what the virtual disk has grown by, while all runs", "attctl disk grow --yes", [yes_option()]
    )
