"""`attctl audit verify`: whether anybody changed the log of what root did."""

import click

from att.surfaces.cli.failure import NEGATIVE, OK
from att.surfaces.cli.tree import leaf

_SHA256 = r"[0-9a-f]{64}"


def verify() -> click.Command:
    """Reads root's own file: works without the API, which has no part in it."""

    def act(head: str | None) -> int:
        import re

        from att.appliance import facts
        from att.kernel.errors import InvalidInput
        from att.machine.audit.service import AuditService
        from att.surfaces.cli.machine import said
        from att.surfaces.cli.root import become_root

        if head is not None and not re.fullmatch(_SHA256, head):
            raise InvalidInput("invalid_input", "cannot look for this head: it is no SHA-256 in hex", field="head")
        become_root("verify the audit log")
        done = AuditService(facts()).verify(head)
        said.show(done)
        return OK if done.whole else NEGATIVE

    return leaf(
        "verify",
        act,
        "Check that nobody changed, removed or moved a line of the audit log; exit 1 at the first one",
        "attctl audit verify",
        [click.Option(["--head"], metavar="SHA256", help="A head noted earlier: was the log cut or replaced since?")],
    )
