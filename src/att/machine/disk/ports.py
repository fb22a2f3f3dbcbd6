"""What the disk's room needs of the world."""

from pathlib import Path
from typing import Protocol

from att.machine.disk.decision import Partition


class Disks(Protocol):
    """The machine's disks and file systems."""

    def partition(self, path: Path) -> Partition:
        """Return what holds `path`, as the kernel knows it now."""

    def look_again(self, found: Partition) -> None:
        """Have the kernel ask the disk how large it is."""

    def grow_partition(self, found: Partition) -> str:
        """Give the partition all that is free behind it; return why that failed, empty also when nothing was free."""

    def grow_file_system(self, found: Partition) -> str:
        """Give the mounted file system all of its partition; return why that failed, else empty."""

    def project_names(self) -> dict[int, str]:
        """Return the projects' names by their slot; empty where the database cannot be asked."""
