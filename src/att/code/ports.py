"""What the room asks of the platform beside places and agents."""

from collections.abc import Mapping
from typing import Any, Protocol


class Bus(Protocol):
    """Where changes are announced."""

    def publish(self, event_type: str, payload: Mapping[str, Any], *, project_id: str = "") -> object:
        """Hand an event to whoever listens; never waits and never fails."""
