"""Starts apps and waits until they are healthy; a job that was interrupted goes on with the task it had started."""

import anyio

from att.kernel.errors import AttError, Conflict, Failed
from att.kernel.ids import new_id
from att.kernel.operation import Progress
from att.runtime import records
from att.runtime.apps import Apps
from att.runtime.decision import Desired, free_port, pause_between_looks
from att.runtime.faults import fault_of, fault_of_end, plugin_fault
from att.runtime.health import probe
from att.runtime.ports import Configs, Free
from att.runtime.records import App
from att.runtime.schema import AppRestart, AppStart, AppStatus, Fault
from att.runtime.service import Runtime
from att.workspace.place import Place
from att.workspace.schema import Ending, TaskState


class Starter:
    """Starts and restarts apps; `free` says whether a port may be bound."""

    def __init__(self, apps: Apps, runtime: Runtime, configs: Configs, *, free: Free) -> None:
        self._apps = apps
        self._runtime = runtime
        self._configs = configs
        self._free = free
        self._ports = anyio.Lock()

    async def start(self, request: AppStart, progress: Progress) -> AppStatus:
        """Start a project's app and return once it is healthy.

        Raises InvalidInput(config_invalid), Conflict(app_running|port_taken|app_stopped), Failed(app_failed) with the
        traceback, Failed(app_start_timeout).
        """
        place = await self._apps.places.place(request.project_id)
        task_id = (await progress.state()).get("task_id")
        if task_id is None:
            await progress.step("check the config")
            task_id = await self._begin(place, request)
            await progress.remember(task_id=task_id)
        await progress.step("start")
        app = await self._launched(place, task_id)
        await progress.step("wait until it is healthy", deadline=request.start_seconds)
        await self._until_healthy(place, app, progress, request.start_seconds)
        return await self._runtime.status(place.project_id)

    async def restart(self, request: AppRestart, progress: Progress) -> AppStatus:
        """Stop a project's app if it runs and start it as it was. Raises as `start` does."""
        place = await self._apps.places.place(request.project_id)
        if "task_id" not in await progress.state():
            await progress.step("stop")
            await self._runtime.end(place, request.grace_seconds)
        return await self.start(AppStart(project_id=place.project_id, start_seconds=request.start_seconds), progress)

    async def _begin(self, place: Place, request: AppStart) -> str:
        """Write down what is to be started, before anything is, and return the task's id."""
        before = await self._apps.find(place.project_id)
        wanted = request.config or (before.config if before else None)
        config = await self._configs.checked(place, wanted)
        async with self._ports, self._apps.launcher.turn(place):
            before = await self._apps.find(place.project_id)
            if before is not None and await self._apps.lives(place, before):
                raise Conflict("app_running", f"cannot start the app of {place.slug}: it runs already")
            pinned = request.port or (before.port if before and before.pinned else None)
            kept = before.autostart if before else App.autostart
            app = App(
                project_id=place.project_id,
                desired=Desired.STARTING,
                task_id=new_id("task"),
                config=config,
                port=await self._port(place, pinned, before.port if before else None),
                pinned=pinned is not None,
                policy=request.policy or (before.policy if before else App.policy),
                autostart=kept if request.autostart is None else request.autostart,
            )
            await self._apps.put(app)
        return app.task_id

    async def _port(self, place: Place, pinned: int | None, before: int | None) -> int:
        async with self._apps.store.read() as connection:
            others = [app for app in await records.everyone(connection) if app.project_id != place.project_id]
        owners = {app.port: app.project_id for app in others if app.pinned or app.desired is not Desired.STOPPED}
        strange = set[int]()
        while (port := free_port(pinned, before, owners.keys() | strange)) is not None:
            if self._free(port):
                return port
            strange.add(port)
        owner = "another program"
        if pinned in owners:
            names = {one.project_id: one.slug for one in await self._apps.places.all()}
            owner = names.get(owners[pinned], owners[pinned])
        raise Conflict(
            "port_taken",
            f"cannot start the app of {place.slug}: its port {pinned or ''} is taken by {owner}",
            hint="choose another port with --port, or stop what has it",
            field="port",
            data={"owner": owner, "port": pinned},
        )

    async def _launched(self, place: Place, task_id: str) -> App:
        async with self._apps.launcher.turn(place):
            app = await self._apps.find(place.project_id)
            if app is None or app.task_id != task_id or app.desired is Desired.STOPPED:
                raise _stopped(place)
            try:
                await self._apps.launcher.launch(place, app)
            except AttError:
                await self._settle(place, app, Desired.STOPPED, None)
                raise
        return app

    async def _until_healthy(self, place: Place, app: App, progress: Progress, seconds: float) -> None:
        """Wait for the first healthy answer and keep the app from then on; else it is stopped, with its fault kept."""
        deadline = anyio.current_time() + seconds
        while True:
            looked = anyio.current_time()
            task = await self._apps.sandboxes.state(place, app.task_id)
            if not task.running:
                raise await self._ended(place, app, task)
            if (await probe(self._apps.sandboxes, place, app.task_id)).healthy:
                break
            if await progress.cancelled():
                await self._abandon(place, app, None)
                raise Conflict("app_stopped", f"cannot start the app of {place.slug}: the start was cancelled")
            now = anyio.current_time()
            if now > deadline:
                raise await self._late(place, app, seconds)
            await anyio.sleep(pause_between_looks(now - looked))
        fault = plugin_fault(await self._apps.launcher.log_end(place, app.task_id))
        if fault is not None:
            raise await self._failed(place, app, fault)
        await self._apps.teller.started(app)
        await self._settle(place, app, Desired.RUNNING, None)

    async def _ended(self, place: Place, app: App, task: TaskState) -> AttError:
        if task.ending is Ending.STOPPED:
            return _stopped(place)
        log = await self._apps.launcher.log_end(place, app.task_id)
        otherwise = f"the app ended with {task.code} before it was healthy"
        return await self._failed(place, app, fault_of_end(log, task.ending, otherwise=otherwise))

    async def _late(self, place: Place, app: App, seconds: float) -> AttError:
        why = f"the app was not healthy within {seconds:g} s"
        fault = fault_of(await self._apps.launcher.log_end(place, app.task_id), otherwise=why)
        await self._abandon(place, app, fault)
        return Failed("app_start_timeout", f"cannot start: {why}", data={"traceback": fault.traceback})

    async def _failed(self, place: Place, app: App, fault: Fault) -> AttError:
        await self._abandon(place, app, fault)
        detail = f"cannot start the app of {place.slug}: {fault.message}"
        return Failed("app_failed", detail, data={"traceback": fault.traceback})

    async def _abandon(self, place: Place, app: App, fault: Fault | None) -> None:
        if fault is not None:
            await self._apps.teller.failed(app, fault.message, final=True)
        await self._settle(place, app, Desired.STOPPED, fault)
        await self._apps.sandboxes.stop(place, app.task_id)

    async def _settle(self, place: Place, app: App, desired: Desired, fault: Fault | None) -> None:
        """Write how the start went. Raises Conflict(app_stopped) when somebody stopped or started it meanwhile."""
        async with self._apps.store.write() as connection:
            now = await records.find(connection, app.project_id)
            if now is None or now.task_id != app.task_id or now.desired is Desired.STOPPED:
                raise _stopped(place)
            changed = now.with_changes(desired=desired, fault=fault, changed=self._apps.clock())
            await records.put(connection, changed)


def _stopped(place: Place) -> Conflict:
    return Conflict("app_stopped", f"cannot start the app of {place.slug}: it was stopped meanwhile")
