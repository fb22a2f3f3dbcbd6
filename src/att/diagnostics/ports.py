"""What diagnostics needs of the world."""

from pathlib import Path
from typing import Any, Protocol

from att.diagnostics.decision import Certificate, Disk, Unit


class Engine(Protocol):
    """The upgrade engine's client."""

    async def call(self, verb: str, args: dict[str, Any] | None = None, *, seconds: float) -> dict[str, Any]:
        """Return the verb's result or raise the engine's error; one silent for `seconds` counts as away."""


class World(Protocol):
    """What can be seen of the machine; each call blocks a few seconds at most and never raises for what it sees."""

    def units(self, names: list[str]) -> tuple[Unit, ...] | None:
        """Return the units' states, None where the service manager cannot be asked."""

    def get(self, socket: Path, target: str) -> tuple[int, Any]:
        """Return status and JSON of a GET; raises att.effects.http.NoAnswer."""

    def disk(self, path: Path) -> Disk | None:
        """Return the use of the file system that holds `path`, None when there is no such path."""

    def clock_synchronised(self) -> bool | None:
        """Return whether the network has set the clock, None where nothing here does so."""

    def clock_jump_seconds(self, stamp: Path) -> float | None:
        """Return by how much the clock was set since the boot that wrote `stamp`, None without one."""

    def certificate(self, path: Path) -> Certificate | None:
        """Return how long a certificate is valid, None without one."""

    def days_since(self, path: Path) -> float | None:
        """Return how many days ago a file was written last, None without one."""

    def backup(self, path: Path) -> tuple[float | None, str, bool] | None:
        """Return what the file at `path` tells of backups: days since a good one, what failed, if the key is known."""
