"""What the runtime needs of the rooms beside it."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from att.workspace.place import Place


class Bus(Protocol):
    """Where the runtime tells what happens to apps."""

    def publish(self, event_type: str, payload: Mapping[str, Any], *, project_id: str = "") -> object: ...


class Router(Protocol):
    """Where models are asked for; `att.router.door.RouterDoor` is one."""

    def url(self) -> str:
        """Return what apps use as their `base_url`."""

    def key_for(self, project_id: str, uid: int | None) -> str:
        """Return the key that a project's apps and tests send, good for the system user `uid` alone if there is one."""


class Configs(Protocol):
    """Finds a project's NAT config and says whether it is right, without running the project's code."""

    async def checked(self, place: Place, config: str | None) -> str:
        """Return the config's path relative to the worktree; None asks for the project's own.

        Raises InvalidInput(config_invalid) whose `data["findings"]` say file, line and field of each error.
        """


Free = Callable[[int], bool]
"""Whether nobody listens on a loopback port; where each app has its own network that is always so."""
