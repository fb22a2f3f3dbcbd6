"""What a project's app or test finds in its environment: the router, its key there, the project's own values."""

from att.projects.ports import Places
from att.runtime.ports import Keys
from att.workspace.place import Place

URL_VARIABLE, KEY_VARIABLE = "ATT_ROUTER_URL", "ATT_ROUTER_KEY"


class Environments:
    """Makes the environment of everything that runs for a project."""

    def __init__(self, places: Places, keys: Keys, router_port: int) -> None:
        self._places = places
        self._keys = keys
        self._router_port = router_port

    def plain(self) -> dict[str, str]:
        """Return what everybody may read."""
        return {
            URL_VARIABLE: f"http://127.0.0.1:{self._router_port}/v1",
            "NAT_TELEMETRY_ENABLED": "false",
            "NAT_TELEMETRY_ENDPOINT": "",
        }

    async def secret(self, place: Place) -> dict[str, str]:
        """Return the project's variables and secrets and its key for the router; a variable may not replace that."""
        return {**await self._places.secrets(place.project_id), KEY_VARIABLE: self._keys.for_project(place.project_id)}
