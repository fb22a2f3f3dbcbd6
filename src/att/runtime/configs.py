"""Finds the NAT config of an app before it is started."""

from att.kernel.errors import InvalidInput, NotFound
from att.projects.service import CONFIG_PATH
from att.workspace.place import Place
from att.workspace.ports import Agents


class ProjectConfigs:
    """Implements `Configs` over the project's workspace agent."""

    def __init__(self, agents: Agents) -> None:
        self._agents = agents

    async def checked(self, place: Place, config: str | None) -> str:
        """Return the config's path relative to the worktree; None asks for the project's own.

        Raises InvalidInput(nat_config_missing), and what the agent refuses: a path that leads out of the project.
        """
        path = config or CONFIG_PATH
        try:
            await self._agents.of(place).call("files.read", path=path, length=1)
        except NotFound as error:
            raise InvalidInput(
                "nat_config_missing", f"cannot start the app of {place.slug}: there is no {path}", field="config"
            ) from error
        return path
