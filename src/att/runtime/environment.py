"""What a project's app or test finds in its environment: the router, its key there, the project's own values."""

from att.projects.ports import Places
from att.runtime.ports import Router
from att.workspace.place import Place

URL_VARIABLE, KEY_VARIABLE = "ATT_ROUTER_URL", "ATT_ROUTER_KEY"


class Environments:
    """Makes the environment of everything that runs for a project."""

    def __init__(self, places: Places, router: Router) -> None:
        self._places = places
        self._router = router

    def plain(self) -> dict[str, str]:
        """Return what everybody may read."""
        return {
            URL_VARIABLE: self._router.url(),
            "NAT_TELEMETRY_ENABLED": "false",
            "NAT_TELEMETRY_ENDPOINT": "",
        }

    async def secret(self, place: Place) -> dict[str, str]:
        """Return the project's variables and secrets and its key for the router; a variable may not replace that."""
        key = self._router.key_for(place.project_id, place.uid)
        return {**await self._places.secrets(place.project_id), KEY_VARIABLE: key}
