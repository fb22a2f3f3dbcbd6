"""What other rooms need of projects, and what projects need of them."""

from collections.abc import Mapping
from typing import Protocol

from att.workspace.place import Place


class Places(Protocol):
    """Finds a project: what every room that works inside one asks first."""

    async def place(self, project: str) -> Place:
        """Return the place of a project by its id or slug; raises NotFound(project_unknown)."""

    async def all(self) -> list[Place]:
        """Return every project's place."""

    async def secrets(self, project_id: str) -> Mapping[str, str]:
        """Return the project's variables and unsealed secrets, for the environment of its apps and tasks."""


class Apps(Protocol):
    """What projects need of the runtime."""

    async def stop_all(self, place: Place) -> None:
        """Stop whatever app of the project runs; returns when none does."""


class Repositories(Protocol):
    """What projects need of the forge; the service `att.forge.service.Forge` is one."""

    async def create(self, place: Place) -> None:
        """Make the project's bare repository and make it the worktree's `origin`, with the first commit pushed."""

    async def remove(self, project_id: str) -> None:
        """Remove the project's bare repository, its pull requests and checks."""
