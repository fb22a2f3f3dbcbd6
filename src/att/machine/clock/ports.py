"""What the clock's room needs of the world."""

from typing import Protocol


class Clock(Protocol):
    """The machine's clock and its network time service."""

    def now(self) -> float:
        """Return seconds of the epoch."""

    def active(self) -> bool:
        """Return whether the network time service runs."""

    def time_zone(self) -> str:
        """Return the name of the machine's time zone."""

    def hardware(self) -> str | None:
        """Return what the hardware clock says, None without one."""

    def synchronised_at(self) -> float | None:
        """Return when the network last set the clock, None when it has not since boot."""

    def status(self) -> str:
        """Return what `timedatectl timesync-status` prints, empty when it cannot be asked."""

    def servers(self) -> str:
        """Return what `timedatectl show-timesync` prints, empty when it cannot be asked."""

    def jump(self) -> float | None:
        """Return by how many seconds the clock was set since boot, None when unknown."""

    def accept(self) -> None:
        """Take the clock of now for that of the boot."""
