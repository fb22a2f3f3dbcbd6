"""What a test of ways back asks of a machine of `tests.crash.machine`."""

from tests.crash.machine import Machine
from tests.crash.releases import Content
from tests.crash.test_engine_crashes import NONE, OLD

from att.upgrade.service import Asked


def state(machine: Machine) -> str:
    """The state of the newest transaction."""
    transaction = machine.world().transaction()
    return transaction.state if transaction else "IDLE"


def code_of(machine: Machine) -> str:
    """The code that the newest transaction failed with, empty when it did not."""
    transaction = machine.world().transaction()
    return str(transaction.failure.get("code", "")) if transaction else ""


def current(machine: Machine) -> str | None:
    """The release that runs."""
    return machine.world().links().current


def roll_back(machine: Machine, to: str | None = None) -> None:
    """Go back as an operator does."""
    machine.engine().rollback(to, Asked(by="test"))


def effects_of(machine: Machine, content: Content) -> list[str]:
    """Every effect of the upgrade that `machine` is about to make, seen on a twin of it."""
    twin = Machine(machine.root.with_name(machine.root.name + "-twin"))
    twin.install(OLD)
    twin.first_boot()
    twin.effects.clear()
    twin.apply(content)
    return twin.effects


def failed_safe(machine: Machine) -> None:
    """Both releases turn sick in the middle of an upgrade."""
    machine.sick["1.1.0"] = "probation"
    real = machine.tick

    def tick(effect: str) -> None:
        real(effect)
        if effect == "journal ROLLING_BACK intent":
            machine.sick["1.0.0"] = "never ready"

    machine.tick = tick  # type: ignore[method-assign]
    machine.apply(NONE)
    machine.tick = real  # type: ignore[method-assign]
    assert state(machine) == "FAILED_SAFE"
    assert machine.layout.maintenance.exists()
