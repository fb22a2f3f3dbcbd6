"""`attctl time`: the clock and what sets it."""

import click

from att.surfaces.cli.failure import DEGRADED, OK
from att.surfaces.cli.tree import leaf


def show() -> click.Command:
    """Asks the machine's own time service, for which the API has no way."""

    def act() -> int:
        from att.appliance import facts
        from att.machine.clock.service import TimeService
        from att.machine.clock.world import SystemClock
        from att.surfaces.cli.machine import said

        found = TimeService(SystemClock(facts())).show()
        said.show(found)
        return DEGRADED if found.warnings else OK

    return leaf(
        "show",
        act,
        "Say what sets the clock, how far it is off, and since when; exit 3 when not well",
        "attctl time show",
    )


def accept() -> click.Command:
    """Writes what root alone may write."""

    def act() -> int:
        from att.appliance import facts
        from att.machine.audit.record import audit
        from att.machine.clock.service import TimeService
        from att.machine.clock.world import SystemClock
        from att.surfaces.cli.machine import said
        from att.surfaces.cli.root import become_root, who

        become_root("accept the clock")
        clock = SystemClock(facts())
        jump = clock.jump()
        found = TimeService(clock).accept()
        audit(facts(), "time.accept", who(), jump_seconds=jump and round(jump, 1))
        said.show(found)
        return OK

    return leaf("accept", act, "End the warning that the clock was set since boot", "attctl time accept")
