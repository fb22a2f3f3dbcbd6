"""What backup and restore need of the appliance they work on."""

from pathlib import Path
from typing import Protocol

from att.upgrade.decision import Schema


class Appliance(Protocol):
    """The far sides: the release's own programs, the upgrade engine's memory, the service manager."""

    @property
    def release(self) -> str:
        """The version that runs."""

    def moment(self, stage: Path) -> None:
        """Fill the new folder `stage` with copies of database and forge of one moment, checked; a folder each."""

    def schema(self, database: Path) -> Schema:
        """Return what the database in that folder is."""

    def head(self) -> int:
        """Return the schema version that the running release has."""

    def migrate(self, database: Path) -> Schema:
        """Bring the database in that folder to the running release's schema; returns what it then is."""

    def history(self) -> bytes:
        """Return all transactions of the upgrade engine, oldest first, a JSON line each."""

    def serving(self) -> bool:
        """Whether anybody can be served now: never at boot before the sockets are there."""

    def stand_by(self) -> None:
        """Have another process wait until nobody restores, and then end what is left of it; may run again."""

    def hold(self) -> None:
        """Stop every service, app and task of ATT, and have whoever is asked wait; may run again."""

    def settle(self) -> None:
        """Make what first boot and the service manager make, of the files that are live now; may run again."""

    def let_go(self) -> None:
        """Have the services start; may run again."""

    def prove(self) -> str:
        """Wait until the API is ready and the appliance port served; returns why not, empty when they are."""
