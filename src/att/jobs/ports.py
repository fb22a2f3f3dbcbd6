"""What jobs need of the rooms beside them."""

from collections.abc import Mapping
from typing import Any, Protocol


class Bus(Protocol):
    """Where jobs tell what happens to them."""

    def publish(self, event_type: str, payload: Mapping[str, Any], *, project_id: str = "") -> object: ...
