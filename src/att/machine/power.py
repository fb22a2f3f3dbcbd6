"""Whether the machine may be restarted now, and how it is."""

from att.appliance import Facts
from att.effects.processes import run
from att.kernel.errors import Conflict, Failed
from att_stage0.journal import Journal
from att_stage0.transaction import State, Transaction, fold

TOOL_SECONDS = 30.0


def upgrade_under_way(facts: Facts) -> Transaction | None:
    """Return the upgrade that may still go back, read from the journal itself: the engine may not answer."""
    records = Journal(facts.paths.journal / "journal", lambda _effect: None).read().records
    found = fold(records)
    # Of a committed one only the cleaning is left, which any boot takes up.
    over = not found or found[-1].finished or found[-1].state is State.COMMITTED
    return None if over else found[-1]


def demand_no_upgrade(facts: Facts, what: str, *, force: bool) -> None:
    """Raise Conflict("upgrade_running") while an upgrade runs, unless `force`: the next boot ends or reverts it."""
    running = upgrade_under_way(facts)
    if running is not None and not force:
        raise Conflict(
            "upgrade_running",
            f"cannot {what}: the {running.kind} {running.id} runs ({running.state.value})",
            hint="wait for it: `attctl upgrade history`; with --force the next boot ends or reverts it",
        )


def systemctl(verb: str) -> None:
    """Have the service manager `reboot` or `poweroff`; returns before it has. Raises Failed("internal")."""
    done = run(["systemctl", "--no-block", verb], timeout_seconds=TOOL_SECONDS)
    if not done.ok:
        raise Failed("internal", f"cannot {verb}: {done.errors.strip()}", hint=f"try `sudo systemctl {verb} --force`")
