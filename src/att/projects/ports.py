"""What other rooms need of projects, and what projects need of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Login:
    """What another host asks for; it never enters the sandbox, an argument list or a URL."""

    username: str
    secret: str = field(repr=False)


class Repositories(Protocol):
    """What projects need of the forge; the service `att.forge.service.Forge` is one.

    Each may run again after an interruption, and finishes then what it began.
    """

    async def create(self, place: Place) -> None:
        """Make the project's bare repository and make it the worktree's `origin`, with the first commit pushed.

        The worktree's files are there already; a `.git` in it, brought by an import without its configuration
        and hooks, is kept as the history.
        """

    async def fetch_from(self, place: Place, url: str, login: Login | None) -> None:
        """Make the project's bare repository a copy of the one at `url`, and the empty worktree a checkout of it.

        `url` is https, http or file. Raises InvalidInput(url_refused), Forbidden(clone_refused) when the host wants
        another login, Unavailable(clone_unreachable), TooLarge(clone_too_large).
        """

    async def remove(self, project_id: str) -> None:
        """Remove the project's bare repository, its pull requests and checks."""
