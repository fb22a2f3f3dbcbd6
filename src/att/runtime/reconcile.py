"""Keeps apps as they are wanted: at the API's start and from then on."""

from datetime import UTC, datetime

import anyio
import structlog

from att.kernel.errors import AttError
from att.kernel.ids import new_id
from att.runtime import records
from att.runtime.apps import Apps
from att.runtime.decision import STABLE_SECONDS, Desired, Life, after_end, is_clean
from att.runtime.faults import fault_of_end
from att.runtime.records import App
from att.runtime.schema import Fault
from att.workspace.place import Place
from att.workspace.schema import Ending, TaskState

_log = structlog.get_logger()

ROUND_SECONDS = 1.0


class Reconciler:
    """Starts wanted apps that ended, as their policy says, and finishes the stops that a kill interrupted."""

    def __init__(self, apps: Apps) -> None:
        self._apps = apps
        self._stops_finished = False

    async def run(self) -> None:
        """Look at all wanted apps every second, until cancelled."""
        while True:
            try:
                await self.round()
            except AttError as error:  # the database is fenced or away: the next round finds the same rows
                _log.info("apps.not_reconciled", code=error.code)
            await anyio.sleep(ROUND_SECONDS)

    async def round(self) -> None:
        """Do once for every app what is due. Raises what the database raises."""
        async with self._apps.store.read() as connection:
            apps = await records.wanted(connection) if self._stops_finished else await records.everyone(connection)
        for app in apps:
            try:
                await self._one(app)
            except AttError as error:
                _log.warning("app.not_reconciled", project_id=app.project_id, code=error.code, detail=error.detail)
        self._stops_finished = True

    async def _one(self, seen: App) -> None:
        if seen.desired is Desired.STARTING:
            return  # the job that starts it takes it up
        place = await self._apps.places.place(seen.project_id)
        async with self._apps.launcher.turn(place):
            app = await self._again(seen)
            if app is None:
                return
            task = await self._apps.task(place, app)
            if app.desired is Desired.STOPPED:
                if task is not None and task.running:
                    await self._apps.sandboxes.stop(place, app.task_id)
            elif task is None:
                await self._apps.launcher.launch(place, app)  # killed between the row and the task
            elif task.running:
                await self._recovered(app, task)
            elif app.next_start is None:
                await self._ended(place, app, task)
            elif self._apps.clock() >= app.next_start:
                await self._start_again(place, app)

    async def _again(self, seen: App) -> App | None:
        """Return the row as it is now, None when another turn changed what `seen` was about."""
        now = await self._apps.find(seen.project_id)
        if now is None or (now.desired, now.task_id) != (seen.desired, seen.task_id):
            return None
        return now

    async def _ended(self, place: Place, app: App, task: TaskState) -> None:
        ending = task.ending or Ending.LOST
        life = Life(ending, task.code, _lived(task, self._apps.clock()), app.failures)
        verdict = after_end(app.policy, autostart=app.autostart, life=life)
        clean = is_clean(ending, task.code) or ending in (Ending.STOPPED, Ending.LOST)
        fault = None if clean else await self._fault(place, app, task)
        final = verdict.after_seconds is None
        if fault is not None:
            await self._apps.teller.failed(app, fault.message, final=final)
        elif final:
            await self._apps.teller.stopped(app)
        changed = app.with_changes(failures=verdict.failures, fault=fault)
        if verdict.after_seconds is None:
            await self._apps.put(changed.with_changes(desired=Desired.STOPPED))
        else:
            await self._apps.put(changed.with_changes(next_start=self._apps.clock() + verdict.after_seconds))

    async def _fault(self, place: Place, app: App, task: TaskState) -> Fault:
        log = await self._apps.launcher.log_end(place, app.task_id)
        return fault_of_end(log, task.ending, otherwise=f"the app ended ({task.ending}, code {task.code})")

    async def _start_again(self, place: Place, app: App) -> None:
        again = app.with_changes(task_id=new_id("task"), restarts=app.restarts + 1, next_start=None)
        await self._apps.teller.started(again)
        await self._apps.put(again)
        await self._apps.launcher.launch(place, again)

    async def _recovered(self, app: App, task: TaskState) -> None:
        if (app.failures or app.fault) and _lived(task, self._apps.clock()) >= STABLE_SECONDS:
            await self._apps.put(app.with_changes(failures=0, fault=None))


def _lived(task: TaskState, now: float) -> float:
    if task.started is None:
        return 0.0
    return (task.ended or datetime.fromtimestamp(now, UTC)).timestamp() - task.started.timestamp()
