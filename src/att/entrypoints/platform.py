"""Wires all rooms over one database and serves them: the API's process, and `make dev`."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import structlog
from fastapi import FastAPI

from att.appliance import Facts, facts, release_root, running_release
from att.audit.service import KEEP as AUDIT_KEEP
from att.audit.service import Audit
from att.config.live import LiveSettings
from att.effects import journal
from att.effects.systemd import notify
from att.entrypoints.developing import Developing, developing
from att.entrypoints.levels import follow_level
from att.entrypoints.serving import BoundedServer, calm, inherited_sockets, keep_watchdog_quiet
from att.events.service import Events
from att.forge.http import HttpForge
from att.identity.service import Identity
from att.jobs.service import KEEP as JOBS_KEEP
from att.jobs.service import Jobs
from att.machine.disk.guard import DiskGuard
from att.projects.ports import Outgoing
from att.runtime.service import Runtime
from att.store.canary import Canary
from att.store.migrations import head
from att.store.service import Store
from att.surfaces import table
from att.surfaces.draining import Draining
from att.surfaces.expose import Exposure
from att.surfaces.mcp.endpoint import McpEndpoint, well_known
from att.surfaces.metrics import Metrics
from att.surfaces.ports import Gate
from att.surfaces.rest.app import Wiring, create_app
from att.surfaces.rest.console import console_roots
from att.surfaces.rest.health import ProcessState, Readiness, Ready
from att.surfaces.rest.streams import Streams
from att.surfaces.uploads import Uploads

FENCE_FILE = "fence"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Platform:
    """The rooms of one process and the application over them."""

    app: FastAPI
    store: Store
    identity: Identity
    draining: Draining


def migrations_folder() -> Path:
    """Return the migrations that the running release carries."""
    return release_root() / "upgrade" / "migrations"


def console_folder() -> Path:
    """Return the built console of the running release; in a checkout that of `make console`."""
    built = release_root() / "console"
    return built if built.is_dir() else release_root() / "src" / "console" / "dist"


async def build(where: Facts, settings: LiveSettings, *, appliance: bool) -> Platform:
    """Open the database and wire everything. `appliance` is False in `make dev`."""
    release, draining = running_release(), Draining()
    store = await Store.open(
        where.paths.api_database,
        schema_version=head(migrations_folder()).version,
        fence_file=where.paths.run / FENCE_FILE,
    )
    events = Events(store)
    services = Services(where, appliance=appliance)
    operations = table.operations()
    by_name = {operation.name: operation for operation in operations}
    current = settings.current
    first = current()
    jobs = Jobs(
        store,
        events,
        resolve=by_name.__getitem__,
        services=services,
        concurrency=first.jobs.running_max,
        keep=replace(JOBS_KEEP, days=first.retention.days),
    )
    identity = Identity(store, events, where.paths.keys)
    audit = Audit(store, keep=replace(AUDIT_KEEP, days=first.audit.keep_days))
    canary, metrics = Canary(store), Metrics(release)
    services |= {Store: store, Events: events, Jobs: jobs, Identity: identity, Audit: audit, LiveSettings: settings}
    rooms = developing(where, store, events, jobs, settings, appliance=appliance)
    services |= rooms.services
    uploads = Uploads(where.paths.uploads, bytes_max=where.limits.upload_bytes_max)
    services[Outgoing] = uploads
    folders = (where.paths.state, where.paths.api_state, where.paths.projects)
    guard = DiskGuard(folders, lambda: current().disk, events, where.paths.run)
    gate = _door(store, guard)
    exposure = Exposure(jobs, audit, gate, metrics, services=services, uploads=uploads, appliance=appliance)
    streams = Streams(draining, metrics)
    mcp = McpEndpoint(operations, exposure, identity, draining, lambda: current().api, release)

    async def database() -> str:
        return f"schema {(await store.ready()).version}"

    wiring = Wiring(
        table=operations,
        exposure=exposure,
        identity=identity,
        events=events,
        canary=canary,
        uploads=uploads,
        readiness=Readiness(release, {"database": database}, draining),
        state=_state(streams, settings),
        streams=streams,
        settings=lambda: current().api,
        console=console_roots(console_folder(), where.paths.releases),
        mcp=mcp,
        well_known=lambda request: well_known(request, operations),
        apps=services[Runtime],
        git=services[HttpForge],
    )
    for end in (store.drain, jobs.stop, events.stop, *rooms.ends):
        draining.on_begin(end)
    rooms.runs.append(guard.run)
    app = create_app(wiring, _lifespan(store, jobs, events, mcp, settings, rooms))
    return Platform(app, store, identity, draining)


def _door(store: Store, guard: DiskGuard) -> Gate:
    """Return the door for writes: a busy database is no closed one, so only a fence makes a call wait here."""

    async def enter(*, needs_room: bool = True) -> None:
        if needs_room:
            await guard.admit()
        if not await store.could_write():
            await store.writable()

    return enter


class Services(dict[type, Any]):
    """What handlers may ask for. Those that the database does not concern are made at their first use."""

    def __init__(self, where: Facts, *, appliance: bool) -> None:
        super().__init__({Facts: where})
        self._where = where
        self._appliance = appliance

    def __missing__(self, kind: type) -> Any:
        self[kind] = made = _MAKERS[kind.__qualname__](self._where, self._engine())
        return made

    def __ior__(self, other: Any) -> "Services":  # type: ignore[misc,override]  # a dict of services takes any mapping and stays itself
        self.update(other)
        return self

    def _engine(self) -> Any:
        return _engine(self._where) if self._appliance else None


def _engine(where: Facts) -> Any:
    from att.upgrade.client import EngineClient

    return EngineClient(where.unit("att-upgraded").socket_paths[0])


def _config(where: Facts, engine: Any) -> Any:
    from att.config.service import ConfigService

    return ConfigService(where, engine)


def _status(where: Facts, engine: Any) -> Any:
    from att.diagnostics.service import StatusService

    return StatusService(where, engine, machine=engine is not None)


def _secrets(where: Facts, engine: Any) -> Any:
    from att.secrets.service import SecretsService

    return SecretsService(where, engine)


_MAKERS: Mapping[str, Callable[[Facts, Any], Any]] = {
    "EngineClient": lambda _, engine: engine,
    "ConfigService": _config,
    "StatusService": _status,
    "SecretsService": _secrets,
}


def _state(streams: Streams, settings: LiveSettings) -> Callable[[Ready], ProcessState]:
    started = time.monotonic()

    def state(ready: Ready) -> ProcessState:
        details = {"pid": str(os.getpid()), "python": sys.version.split()[0]}
        if settings.problems:
            details["settings"] = "; ".join(str(problem) for problem in settings.problems)
        return ProcessState(
            **ready.model_dump(),
            uptime_seconds=round(time.monotonic() - started, 1),
            draining=streams.draining.begun,
            streams_open=streams.open,
            details=details,
        )

    return state


def _lifespan(
    store: Store, jobs: Jobs, events: Events, mcp: McpEndpoint, settings: LiveSettings, rooms: Developing
) -> Any:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            for run in (store.run, jobs.run, events.run, mcp.run, keep_watchdog_quiet, *rooms.runs):
                tasks.start_soon(run)
            tasks.start_soon(follow_level, lambda: settings.current().log.level_of("api"))
            tasks.start_soon(_warm, mcp)
            yield
            tasks.cancel_scope.cancel()
        await store.close()

    return lifespan


async def _warm(mcp: McpEndpoint) -> None:
    await calm()
    mcp.warm()


class ApiServer(BoundedServer):
    """The API's server: everything open hears of its end."""

    def __init__(self, platform: Platform, *, on_ready: Callable[[], None]) -> None:
        super().__init__(platform.app, on_ready=on_ready, on_stop=platform.draining.begin, lifespan="on")


async def serve(
    where: Facts, settings: LiveSettings, sockets: list[socket.socket], on_ready: Callable[[], None]
) -> int:
    """Serve the appliance's API until SIGTERM; returns the exit code."""
    platform = await build(where, settings, appliance=True)
    release = running_release()

    def ready() -> None:
        notify("READY=1", f"STATUS=release {release}")
        log.info("ready", release=release, database=str(platform.store.directory))
        on_ready()

    server = ApiServer(platform, on_ready=ready)
    await server.serve(sockets)
    return int(server.failed)


def run(on_ready: Callable[[], None]) -> int:
    """Run the API's process; returns its exit code: 1 when something beside the server failed."""
    os.umask(0o077)
    where = facts()
    settings = LiveSettings(where.paths.config)
    journal.to_stderr(settings.current().log.level_of("api"))
    sockets = inherited_sockets()
    if not sockets:
        listener = socket.create_server(("127.0.0.1", where.ports.appliance))
        sockets = [listener]
    return asyncio.run(serve(where, settings, sockets, on_ready))
