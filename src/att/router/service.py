"""The models that apps may ask for: what the operations do, by way of the router."""

import time
from datetime import UTC, datetime
from typing import Any

from att.kernel.operation import Caller
from att.router.door import RouterDoor
from att.router.schema import ModelsAdd, ModelsKeyMade, ModelsPage, ModelsTested, Provider


class Models:
    """Asks the router; it alone keeps providers and their keys."""

    def __init__(self, door: RouterDoor) -> None:
        self._door = door

    async def list(self) -> ModelsPage:
        """Return the scripted model and every provider."""
        return ModelsPage.model_validate(await self._door.admin("GET"))

    async def add(self, wanted: ModelsAdd) -> Provider:
        """Configure a provider; raises InvalidInput(invalid_input), Conflict(name_taken)."""
        payload: dict[str, Any] = wanted.model_dump()
        payload["key"] = (wanted.key or "").strip() or None
        return Provider.model_validate(await self._door.admin("POST", payload=payload))

    async def test(self, name: str) -> ModelsTested:
        """Ask the provider for its models; raises NotFound(provider_unknown)."""
        return ModelsTested.model_validate(await self._door.admin("POST", f"{name}/test", slow=True))

    async def remove(self, name: str) -> Provider:
        """Forget a provider and its key; raises NotFound(provider_unknown)."""
        return Provider.model_validate(await self._door.admin("DELETE", name))

    def key(self, caller: Caller, days: int) -> ModelsKeyMade:
        """Sign a key for the caller."""
        key = self._door.keys.for_person(caller.name, days)
        return ModelsKeyMade(key=key, expires=datetime.fromtimestamp(int(time.time()) + days * 86_400, UTC))
