"""An app as people see it: its row and its task in one value."""

from datetime import UTC, datetime

from att.runtime.decision import Desired, app_state
from att.runtime.records import App
from att.runtime.schema import START_SECONDS, AppStatus
from att.workspace.schema import TaskState


def shown(app: App, task: TaskState | None, *, healthy: bool, now: float) -> AppStatus:
    """Return the status of an app whose task is known, or None when it left nothing."""
    alive = task is not None and task.running
    started = task.started if task else None
    state = app_state(
        app.desired,
        alive=alive,
        healthy=healthy,
        failed=app.fault is not None,
        young=started is not None and now - started.timestamp() < START_SECONDS,
        waits=app.desired is Desired.RUNNING,
    )
    return AppStatus(
        project_id=app.project_id,
        state=state,
        task_id=app.task_id,
        config=app.config,
        port=app.port,
        policy=app.policy,
        autostart=app.autostart,
        started=started,
        ended=task.ended if task else None,
        ending=task.ending if task else None,
        exit_code=task.code if task else None,
        restarts=app.restarts,
        next_start=None if app.next_start is None else datetime.fromtimestamp(app.next_start, UTC),
        healthy=healthy,
        log_bytes=task.log_bytes if task else 0,
        log_dropped_bytes=task.log_dropped_bytes if task else 0,
        fault=app.fault,
    )
