"""Apps: stops and shows them, reads their logs, and says where they are reached. `starting` starts them."""

import socket
from collections.abc import AsyncIterator

from att.kernel.errors import Conflict, Unavailable
from att.runtime import records
from att.runtime.apps import Apps
from att.runtime.decision import Desired
from att.runtime.health import probe
from att.runtime.logs import read_logs
from att.runtime.records import App
from att.runtime.schema import AppState, AppStatus, AppStop, Health, LogPart, LogRequest
from att.runtime.shown import shown
from att.workspace.place import Place
from att.workspace.schema import Channel

STATUS_PROBE_SECONDS = 2.0


class Runtime:
    """One app a project."""

    def __init__(self, apps: Apps) -> None:
        self._apps = apps

    async def stop(self, request: AppStop) -> AppStatus:
        """Stop a project's app, gracefully and then by force, with everything it started.

        Raises Conflict(app_not_running).
        """
        place = await self._apps.places.place(request.project_id)
        if not await self.end(place, request.grace_seconds):
            raise Conflict("app_not_running", f"cannot stop the app of {place.slug}: it does not run")
        return await self.status(place.project_id)

    async def stop_all(self, place: Place) -> None:
        """Stop the project's app and forget it; returns when nothing of it runs. Told to nobody: the project goes."""
        await self.end(place, 0.0, tell=False)
        async with self._apps.store.write() as connection:
            await records.remove(connection, place.project_id)

    async def end(self, place: Place, grace_seconds: float, *, tell: bool = True) -> bool:
        """Stop what is wanted or runs; False when nothing was."""
        async with self._apps.launcher.turn(place):
            app = await self._apps.find(place.project_id)
            if app is None:
                return False
            alive = await self._apps.lives(place, app)
            if app.desired is Desired.STOPPED and not alive:
                return False
            if tell:
                await self._apps.teller.stopped(app)
            await self._apps.put(
                app.with_changes(desired=Desired.STOPPED, next_start=None, fault=None, failures=0, restarts=0)
            )
            if alive:
                await self._apps.sandboxes.stop(place, app.task_id, grace_seconds=grace_seconds)
        return True

    async def status(self, project: str) -> AppStatus:
        """Return how a project's app is."""
        place = await self._apps.places.place(project)
        app = await self._apps.find(place.project_id)
        if app is None:
            return AppStatus(project_id=place.project_id, state=AppState.STOPPED)
        task = await self._apps.task(place, app)
        healthy = False
        if task is not None and task.running:
            healthy = (await probe(self._apps.sandboxes, place, app.task_id, seconds=STATUS_PROBE_SECONDS)).healthy
        return shown(app, task, healthy=healthy, now=self._apps.clock())

    async def health(self, project: str) -> Health:
        """Ask a project's app for its health; an app that does not run is not healthy."""
        place = await self._apps.places.place(project)
        app = await self._apps.find(place.project_id)
        if app is None or not await self._apps.lives(place, app):
            return Health(project_id=place.project_id, healthy=False, detail="the app does not run")
        return await probe(self._apps.sandboxes, place, app.task_id)

    async def logs(self, request: LogRequest) -> AsyncIterator[LogPart]:
        """Yield the log of a project's app by cursor, over its restarts; nothing when it was never started.

        Raises InvalidInput for a cursor that is none.
        """
        place = await self._apps.places.place(request.project_id)

        async def wanted() -> tuple[str, bool] | None:
            app = await self._apps.find(place.project_id)
            return None if app is None else (app.task_id, app.desired is not Desired.STOPPED)

        async for part in read_logs(
            self._apps.sandboxes, place, wanted, cursor=request.cursor, limit=request.limit, follow=request.follow
        ):
            yield part

    async def connect(self, project: str) -> tuple[Place, App, socket.socket]:
        """Return a connection to a project's running app. Raises Unavailable(app_stopped|task_unreachable)."""
        place = await self._apps.places.place(project)
        app = await self._apps.find(place.project_id)
        if app is None or not await self._apps.lives(place, app):
            raise Unavailable("app_stopped", f"cannot reach the app of {place.slug}: it does not run")
        return place, app, await self._apps.sandboxes.connect(place, app.task_id, Channel.APP)
