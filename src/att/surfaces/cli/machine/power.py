"""`attctl reboot` and `attctl poweroff`."""

import sys

import click

from att.surfaces.cli.failure import OK
from att.surfaces.cli.machine.said import yes_option
from att.surfaces.cli.tree import leaf


def reboot() -> click.Command:
    """Nobody who comes by the API may take the machine from everybody."""
    return _leaf("reboot", "Restart the machine; refused while an upgrade runs")


def poweroff() -> click.Command:
    """As reboot."""
    return _leaf("poweroff", "Switch the machine off; refused while an upgrade runs")


def _leaf(verb: str, summary: str) -> click.Command:
    def act(force: bool, yes: bool) -> int:
        from att.appliance import facts
        from att.machine import power
        from att.machine.audit.record import audit
        from att.surfaces.cli.root import become_root, who
        from att.surfaces.cli.run import confirm

        become_root(verb)
        power.demand_no_upgrade(facts(), verb, force=force)
        confirm(f"{verb.capitalize()} this machine? Apps that run are stopped.", yes=yes)
        audit(facts(), verb, who(), force=force)
        power.systemctl(verb)
        sys.stderr.write(f"{verb} has begun\n")
        return OK

    force = click.Option(["--force"], is_flag=True, help="Also while an upgrade runs: the next boot ends it.")
    return leaf(verb, act, summary, f"attctl {verb} --yes", [force, yes_option()])
