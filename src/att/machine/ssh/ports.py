"""What changing the keys needs of the world."""

from typing import Protocol


class Keygen(Protocol):
    """OpenSSH's own opinion of a key."""

    def bits(self, line: str) -> int | None:
        """Return the size of a public key, None when it is none."""
