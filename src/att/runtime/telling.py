"""Tells what becomes of apps: to the project, whose state it is, and to everybody who listens."""

import structlog

from att.kernel.errors import Conflict
from att.projects.decision import ProjectStatus
from att.projects.ports import Statuses
from att.runtime.ports import Bus
from att.runtime.records import App

_log = structlog.get_logger()


class Teller:
    """Called before the app's row says the same, so that what a closed database stops is told at the next try."""

    def __init__(self, bus: Bus, statuses: Statuses) -> None:
        self._bus = bus
        self._statuses = statuses

    async def started(self, app: App) -> None:
        """The app is healthy, or was started again."""
        await self._become(app, ProjectStatus.RUNNING)
        self._publish("app.started", app, restarts=app.restarts)

    async def stopped(self, app: App) -> None:
        """Somebody stopped the app, or it ended without complaint."""
        await self._become(app, ProjectStatus.STOPPED)
        self._publish("app.stopped", app)

    async def failed(self, app: App, why: str, *, final: bool) -> None:
        """The app ended by a fault; `final` when it is not started again."""
        if final:
            await self._become(app, ProjectStatus.ERROR, why)
        self._publish("app.failed", app, fault=why, final=final)

    def _publish(self, event: str, app: App, **more: object) -> None:
        self._bus.publish(event, {"task_id": app.task_id, **more}, project_id=app.project_id)

    async def _become(self, app: App, status: ProjectStatus, detail: str = "") -> None:
        try:
            await self._statuses.become(app.project_id, status, detail)
        except Conflict as error:  # a project that never ran is not stopped
            _log.info("app.status_kept", project_id=app.project_id, status=status.value, code=error.code)
