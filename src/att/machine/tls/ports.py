"""What changing the certificate needs of the world."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Front(Protocol):
    """The appliance port's server."""

    def running(self) -> bool:
        """Return whether it runs now."""

    def refusal(self, pair: Path) -> str:
        """Return why it would not serve the key and chain in `pair`; empty when it would."""

    def reload(self) -> str:
        """Have it read its certificate again without losing a connection; return why that failed, else empty."""

    def serves(self, sha256: str, within_seconds: float) -> bool:
        """Return whether every new client is given the certificate with this digest, as soon as it is."""


class Machine(Protocol):
    """The machine around it."""

    def names(self) -> Sequence[str]:
        """Return what the machine calls itself: its host names and addresses."""

    def owner(self) -> tuple[int, int] | None:
        """Return uid and gid of the front, None where all is this process's own."""

    def tell_console(self, before: str, after: str) -> None:
        """Show the new certificate's digest wherever the console shows the former one's."""
