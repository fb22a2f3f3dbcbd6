"""What the network's room needs of the world. `interface` is empty where none is meant."""

from typing import Protocol


class Links(Protocol):
    """The machine's interfaces and what manages them."""

    def wired(self) -> list[str]:
        """Return the names of the wired interfaces."""

    def addresses(self) -> list[str]:
        """Return `INTERFACE ADDRESS/PREFIX` for each address that others may reach."""

    def since_boot(self) -> float:
        """Return the seconds since boot."""

    def arm(self, interface: str, seconds: float) -> str:
        """Have the trial's files removed and the network set again in `seconds`; return why that failed, else empty."""

    def finish(self) -> None:
        """Do at once what is armed, for one who was cut while he took a trial back; nothing armed is fine."""

    def disarm(self) -> None:
        """Forget that; nothing armed is fine."""

    def reload(self, interface: str) -> str:
        """Have the files read again and the interface set; return why that failed, else empty."""

    def find(self, host: str) -> list[str]:
        """Return the addresses of a host, waiting a while for name servers that were just set; none when unknown."""

    def admit(self) -> str:
        """Have the service manager take up which addresses services may reach; return why that failed, else empty."""
