"""How the rooms above have work done inside a project's sandbox."""

import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from att.workspace.place import Place
from att.workspace.schema import Channel, LogBlock, TaskSpec, TaskState


class Sandboxes(Protocol):
    """Starts tasks and apps of a project: by the launcher on the appliance, as subprocesses in `make dev`.

    Everything started outlives the process that started it.
    """

    async def prepare(self, place: Place) -> None:
        """Make the project's folders with the right owner and modes; may run again."""

    async def remove(self, place: Place) -> None:
        """Stop what runs and remove the project's folders; quiet when they are gone."""

    async def start(self, place: Place, spec: TaskSpec) -> TaskState:
        """Start a task, or return the state of the one with that id. Raises Conflict, TooMany, Unavailable."""

    async def state(self, place: Place, task_id: str) -> TaskState:
        """Return what is known of a task; raises NotFound(task_unknown)."""

    async def tasks(self, place: Place) -> list[TaskState]:
        """Return all tasks whose folder is still there, oldest first."""

    async def wait(self, place: Place, task_id: str) -> TaskState:
        """Return the state once the task has ended; cancellation leaves the task running."""

    async def stop(self, place: Place, task_id: str, *, grace_seconds: float = 5.0) -> TaskState:
        """SIGTERM to the whole tree, SIGKILL after the grace; returns when nothing of it lives."""

    async def connect(self, place: Place, task_id: str, channel: Channel) -> socket.socket:
        """Return a connected, non-blocking unix socket to the task. Raises Unavailable(task_unreachable)."""

    def read_log(self, place: Place, task_id: str, offset: int = 0, *, follow: bool = False) -> AsyncIterator[bytes]:
        """Yield the log's bytes from `offset` on; with `follow` until the task has ended."""

    def read_blocks(
        self, place: Place, task_id: str, offset: int = 0, *, follow: bool = False
    ) -> AsyncIterator[LogBlock]:
        """Do as `read_log` and say where each block stands, for an app's log, which loses its oldest bytes."""

    async def forget(self, place: Place, task_id: str) -> None:
        """Remove the folder of a task that has ended."""


class Agent(Protocol):
    """The workspace agent of one project: it answers small questions inside the sandbox.

    A verb is a function of `att.workspace.verbs`; arguments and results are JSON. Errors of the verb are raised here
    as the same AttError.
    """

    async def call(self, verb: str, **arguments: Any) -> Any:
        """Run one verb; bounded in time and size. Raises the verb's AttError, Unavailable(agent_unreachable)."""

    def stream(self, verb: str, **arguments: Any) -> AbstractAsyncContextManager[socket.socket]:
        """Open a connection of its own: after the verb's one header line both sides speak raw bytes."""


class Agents(Protocol):
    """Gives each project its agent, started when first asked and again when it died."""

    def of(self, place: Place) -> Agent:
        """Return the agent of a project; costs nothing until called."""
