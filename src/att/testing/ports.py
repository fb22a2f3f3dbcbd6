"""What test runs need of the rooms beside them."""

from collections.abc import Mapping
from typing import Any, Protocol

from att.workspace.place import Place


class Bus(Protocol):
    """Where test runs tell how they went."""

    def publish(self, event_type: str, payload: Mapping[str, Any], *, project_id: str = "") -> object: ...


class Environment(Protocol):
    """What a project's tests find in their environment: that of its app."""

    def plain(self) -> dict[str, str]:
        """Return what everybody may read."""

    async def secret(self, place: Place) -> dict[str, str]:
        """Return the project's variables and secrets and its key for the router."""


class Reports(Protocol):
    """Reads the files that a task left for who started it."""

    async def read(self, place: Place, task_id: str, name: str, bytes_max: int) -> bytes | None:
        """Return a file of the task's `out` folder; None when there is none, or when it is larger than that."""
