"""What the secrets room needs of the world."""

from typing import Any, Protocol


class Engine(Protocol):
    """The upgrade engine's client: as root it alone may look into the directories of the secrets."""

    async def call(self, verb: str, args: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the verb's result or raise the engine's error."""
