"""What identity needs of the rooms beside it."""

from collections.abc import Mapping
from typing import Any, Protocol


class Bus(Protocol):
    """Where it tells what happened."""

    def publish(self, event_type: str, payload: Mapping[str, Any], *, project_id: str = "") -> object: ...
