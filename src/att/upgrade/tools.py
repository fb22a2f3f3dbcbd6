"""What the steps of a transaction work with, in one value that tests fill with a far side of their own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from att.appliance import Facts
from att.health import thresholds
from att.health.probes import Probe
from att.health.thresholds import Thresholds
from att.release.bundle import Bundle, open_bundle
from att.release.installed import digest_of
from att.release.trust import load_trust
from att.upgrade.decision import Machine
from att.upgrade.ports import Databases, SelfTests, Tell
from att.upgrade.remembered import bad_versions, start_seconds
from att_stage0 import VERSION as STAGE0
from att_stage0.layout import API, IMAGE_UNITS, Layout
from att_stage0.policy.decision import Context
from att_stage0.transaction import Transaction
from att_stage0.world import World, read_links

GATES = Path("upgrade") / "gates.toml"


def layout_of(facts: Facts) -> Layout:
    """stage0's view of the same facts."""
    paths = facts.paths
    return Layout(
        root=facts.root,
        opt=paths.opt,
        releases=paths.releases,
        current=paths.current,
        previous=paths.previous,
        journal_directory=paths.journal,
        database=paths.api_database,
        upgrade_state=paths.upgrade_state,
        logs=paths.logs,
        audit=paths.audit,
        run=paths.run,
        api_socket=facts.unit(API).socket_paths[0],
        image_units=facts.root / IMAGE_UNITS,
    )


def tell_nobody(note: str, percent: float | None = None) -> None:
    """For those who do not follow."""


@dataclass
class Tools:
    """World, facts and far sides of one appliance."""

    world: World
    facts: Facts
    databases: Databases
    selftests: SelfTests
    probe: Probe
    open: Callable[[int], Bundle] = field(init=False)
    tell: Tell = tell_nobody
    context: Callable[[], Context] = lambda: Context.APPLIANCE
    """What the rollback policy takes this machine for."""

    def __post_init__(self) -> None:
        self.open = lambda fd: open_bundle(fd, load_trust(self.facts), self.facts)

    def release(self, version: str) -> Path:
        """The directory of a release."""
        return self.world.layout.release(version)

    def machine(self) -> Machine:
        """What a bundle has to fit."""
        links = read_links(self.world.layout)
        product = self.facts.product
        return Machine(
            current=links.current or "",
            contract=product.contract,
            python=product.python,
            stage0=STAGE0,
            floor=links.floor,
            installed={name: digest_of(self.release(name)) for name in links.releases},
            bad=bad_versions(self.world.layout.bad_versions),
        )

    def thresholds(self, transaction: Transaction) -> Thresholds:
        """The stricter of both releases' gates, for the speed of this machine."""
        source, target = transaction.source, transaction.target
        running = self._gates(source) or Thresholds()
        joined = thresholds.stricter(running, self._gates(target) or running)
        self_test = transaction.number("self_test_seconds", 0.0)
        return thresholds.scaled(joined, start_seconds(self.world.layout.upgrade_state, source), self_test)

    def _gates(self, release: str) -> Thresholds | None:
        path = self.release(release) / GATES
        return thresholds.read(path) if release and path.is_file() else None
