"""What starting, stopping and keeping apps share: their rows, their tasks, and who acts on both."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from att.kernel.errors import NotFound
from att.projects.ports import Places
from att.runtime import records
from att.runtime.launching import Launcher
from att.runtime.records import App
from att.runtime.telling import Teller
from att.store.service import Store
from att.workspace.place import Place
from att.workspace.ports import Sandboxes
from att.workspace.schema import TaskState


@dataclass(frozen=True)
class Apps:
    """The apps of all projects; `clock` is Unix seconds. The row is written first, then the task is touched."""

    store: Store
    places: Places
    sandboxes: Sandboxes
    launcher: Launcher
    teller: Teller
    clock: Callable[[], float] = time.time

    async def find(self, project_id: str) -> App | None:
        """Return what is wanted of a project's app, None when it was never started."""
        async with self.store.read() as connection:
            return await records.find(connection, project_id)

    async def put(self, app: App) -> None:
        """Write what is wanted of an app."""
        async with self.store.write() as connection:
            await records.put(connection, app.with_changes(changed=self.clock()))

    async def task(self, place: Place, app: App) -> TaskState | None:
        """Return what is known of the app's task, None when it was never started or left nothing."""
        try:
            return await self.sandboxes.state(place, app.task_id)
        except NotFound:
            return None

    async def lives(self, place: Place, app: App) -> bool:
        """Whether the app's task runs."""
        task = await self.task(place, app)
        return task is not None and task.running
