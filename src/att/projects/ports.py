"""What other rooms need of projects, and what projects need of them."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from att.kernel.operation import Caller
from att.projects.decision import ProjectStatus
from att.workspace.place import Place


class Places(Protocol):
    """Finds a project: what every room that works inside one asks first."""

    async def place(self, project: str) -> Place:
        """Return the place of a project by its id or slug; raises NotFound(project_unknown)."""

    async def all(self) -> list[Place]:
        """Return every project's place."""

    async def secrets(self, project_id: str) -> Mapping[str, str]:
        """Return the project's variables and unsealed secrets, for the environment of its apps and tasks."""


class Statuses(Protocol):
    """Where the runtime tells what became of a project's app; `att.projects.service.Projects` is one."""

    async def become(self, project_id: str, status: ProjectStatus, detail: str = "") -> None:
        """Give the project its next state; Conflict(project_state) when that cannot follow the present one."""


class Rooms(Protocol):
    """Who asks before it writes much into a project; `att.projects.service.Projects` is one."""

    async def require_room(self, place: Place) -> None:
        """Raise TooLarge(quota_reached), which says by what, when the project fills its room on the disk."""


class Logins(Protocol):
    """Who knows stored credentials; `att.projects.variables.Variables` is one."""

    async def login(self, credential: str, url: str) -> "Login":
        """Return a stored credential for the host of `url`.

        Raises NotFound(credential_unknown), Refused(credential_host) when it belongs to another host.
        """


class Bus(Protocol):
    """Where projects tell what happens to them."""

    def publish(self, event_type: str, payload: Mapping[str, Any], *, project_id: str = "") -> object: ...


class Kept(Protocol):
    """A file that was handed over: its handle, size and, once whole, its hash."""

    upload: str
    bytes: int
    sha256: str | None


class Outgoing(Protocol):
    """Keeps a file for its owner to fetch, for a day; `att.surfaces.uploads.Uploads` is one."""

    async def create(self, caller: Caller) -> Kept:
        """Begin an empty file of `caller`."""

    async def append(
        self, upload_id: str, caller: Caller, offset: int, chunks: AsyncIterator[bytes], *, complete: bool
    ) -> Kept:
        """Write `chunks` at `offset`, which is where the file ends; seal it when `complete`."""


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

        `url` is https or file. Raises InvalidInput(url_refused), Forbidden(clone_refused) when the host wants
        another login, Unavailable(clone_unreachable), TooLarge(clone_too_large).
        """

    async def remove(self, project_id: str) -> None:
        """Remove the project's bare repository, its pull requests and checks."""
