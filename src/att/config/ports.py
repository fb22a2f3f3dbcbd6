"""What the config room needs of the world."""

from typing import Any, Protocol


class Engine(Protocol):
    """The upgrade engine's client: it alone may write under /etc/att."""

    async def call(self, verb: str, args: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the verb's result or raise the engine's error."""
