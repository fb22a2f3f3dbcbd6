"""`attctl secrets rotate`: another key in the place of each that the appliance made for itself."""

import click

from att.surfaces.cli.failure import OK
from att.surfaces.cli.machine.said import yes_option
from att.surfaces.cli.tree import leaf


def rotate() -> click.Command:
    """Root's alone: the keys belong to several services, and none of them may write another's."""

    def act(names: tuple[str, ...], dry_run: bool, yes: bool) -> int:
        from att.appliance import facts
        from att.machine.audit.record import audit
        from att.secrets.rotation.service import RotationService
        from att.surfaces.cli.machine import said
        from att.surfaces.cli.machine.rotating import ELSEWHERE, Manager, secrets_of
        from att.surfaces.cli.root import become_root, who
        from att.surfaces.cli.run import confirm

        become_root("rotate secrets")
        manager = Manager(facts())
        service = RotationService(secrets_of(facts(), manager), manager, ELSEWHERE)
        plan = service.plan(names)
        missing = sorted(set(names) - {one.name for one in plan.secrets})
        said.warn([f"no such key yet: {name}: the service that needs it makes it" for name in missing])
        if dry_run or not plan.secrets:
            said.show(plan)
            return OK
        ends = "; ".join(f"{one.name} ends {one.ends}" for one in plan.secrets)
        confirm(f"Rotate? {ends}. Starts again behind their sockets: {', '.join(plan.restarts)}.", yes=yes)
        audit(facts(), "secrets.rotate.begin", who(), secrets=[one.name for one in plan.secrets])
        done = service.rotate(names)
        audit(facts(), "secrets.rotate", who(), secrets=[one.name for one in done.secrets], restarted=done.restarts)
        said.warn(done.warnings)
        said.show(done)
        return OK

    return leaf(
        "rotate",
        act,
        "Make new keys for the appliance's own use, all or those named; says what ends and what starts again",
        "attctl secrets rotate sealing providers --dry-run",
        [
            click.Argument(["names"], nargs=-1, metavar="[NAME]..."),
            click.Option(["--dry-run"], is_flag=True, help="Say what would happen, change nothing."),
            yes_option(),
        ],
        "\n\n\b\nArguments:\n  NAME  local-login, router, egress, sealing, providers; without one all of them",
    )
