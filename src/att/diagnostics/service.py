"""Gathers the status of the appliance from everything that answers, with or without the API."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from att.appliance import Facts, running_release
from att.config.check import layers_of
from att.config.store import current_text, holding
from att.diagnostics import decision
from att.diagnostics.decision import Api, Backup, Disk, Limits, Seen, Unit
from att.diagnostics.ports import Engine, World
from att.diagnostics.schema import Check, DiskUse, Status, UnitState
from att.diagnostics.world import Machine
from att.effects.clock import STAMP
from att.effects.http import NoAnswer
from att.effects.room import is_held
from att.kernel.errors import AttError

ENGINE_SECONDS = 20.0
VITAL = frozenset({"att-api.socket", "att-front.service"})
_READY = 200
_LAST_BACKUP = "last.json"


class StatusService:
    """The status of one appliance. `machine=False` (`make dev`): only the process itself, its disk and settings."""

    def __init__(
        self, facts: Facts, engine: Engine | None = None, *, machine: bool = True, world: World | None = None
    ) -> None:
        self._facts = facts
        self._engine = engine
        self._machine = machine
        self._world: World = world or Machine()

    async def status(self) -> Status:
        """Return what was seen and the verdict; takes as long as the slowest answer, never raises for a sick part."""
        seen = await self._look()
        verdict = decision.judge(seen)
        engine, api = seen.engine, seen.api
        running = engine.current if engine else None
        return Status(
            status=verdict.level,
            reasons=verdict.reasons,
            release=running or (api.release if api else None) or (None if self._machine else running_release()),
            previous=engine.previous if engine else None,
            upgrade={"transaction": engine.transaction, "state": engine.state}
            if engine and engine.transaction
            else None,
            checks=[Check(name=one.name, status=one.level, detail=one.detail) for one in verdict.findings],
            units=[UnitState(name=one.name, active=one.active, sub=one.sub, load=one.load) for one in seen.units or ()],
            disks=[DiskUse(**asdict(one)) for one in seen.disks],
        )

    async def _look(self) -> Seen:
        found: dict[str, Any] = {}

        async def into(name: str, look: Any) -> None:
            found[name] = await look()

        limits, problems = await anyio.to_thread.run_sync(self._settings)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(into, "disks", partial(anyio.to_thread.run_sync, self._disks))
            if self._machine:
                for name, look in self._machine_looks().items():
                    tasks.start_soon(into, name, partial(anyio.to_thread.run_sync, look))
            if self._engine is not None:
                tasks.start_soon(into, "engine", partial(self._ask_engine, self._engine))
        return Seen(limits=limits, config_problems=problems, **found)

    def _machine_looks(self) -> dict[str, Any]:
        return {
            "units": self._units,
            "api": self._api,
            "clock_synchronised": self._world.clock_synchronised,
            "clock_jump_seconds": partial(self._world.clock_jump_seconds, self._facts.paths.run / STAMP),
            "backup": self._backup,
            "certificate": partial(self._world.certificate, self._facts.paths.tls / "server.crt"),
        }

    def _settings(self) -> tuple[Limits, tuple[str, ...]]:
        try:
            layers = layers_of(current_text(self._facts.paths.config), {})
            problems = tuple(str(one) for one in layers.problems)
        except AttError as error:
            layers, problems = layers_of("", {}), (error.detail,)
        if problems:
            layers = layers_of("", {})
        return Limits(**layers.values["disk"]), problems

    def _backup(self) -> Backup:
        try:
            schedule = str(holding(self._facts.paths.config).values["backup"]["schedule"])
        except AttError:
            schedule = "off"  # told as a problem of the settings
        seen = self._world.backup(self._facts.paths.backups / _LAST_BACKUP)
        set_days = self._world.days_since(self._facts.paths.config)
        days, problem, key_shown = seen or (None, "", False)
        return Backup(schedule, days, problem, key_shown, set_days)

    def _disks(self) -> tuple[Disk, ...]:
        paths = self._facts.paths
        seen = [self._world.disk(path) for path in (paths.state, paths.opt, paths.logs)]
        found = _distinct(disk for disk in seen if disk is not None)
        return tuple(replace(disk, held=is_held(paths.run, Path(disk.path))) for disk in found)

    def _units(self) -> tuple[Unit, ...] | None:
        units = self._world.units(self._names())
        if units is None:
            return None
        carried = {one.name for one in units if one.name.endswith(".service") and one.load != "not-found"}
        return tuple(
            replace(one, vital=one.name in VITAL)
            for one in units
            if one.load != "not-found" and (_service_of(one.name) in carried or one.name.endswith(".timer"))
        )

    def _names(self) -> list[str]:
        names = []
        for unit in self._facts.units:
            names.append(f"{unit.name}.service")
            if unit.socket:
                names.append(f"{unit.name}.socket")
            if unit.timer:
                names.append(f"{unit.name}.timer")
        return names

    def _api(self) -> Api | None:
        socket = self._facts.unit("att-api").socket_paths[0]
        try:
            alive, _ = self._world.get(socket, "/healthz")
            ready, body = self._world.get(socket, "/readyz")
        except NoAnswer as error:
            # The API itself may not knock at its own door; that it runs this shows that it lives.
            return None if isinstance(error.__cause__, PermissionError) else Api(alive=False, problem=str(error))
        if alive != _READY:
            return Api(alive=False, problem=f"/healthz answered {alive}")
        checks = body.get("checks", {}) if isinstance(body, dict) else {}
        return Api(
            alive=True,
            ready=ready == _READY,
            release=body.get("release") if isinstance(body, dict) else None,
            checks=tuple(f"{name}: {one.get('detail', '')}" for name, one in checks.items() if one["status"] != "ok"),
        )

    async def _ask_engine(self, engine: Engine) -> decision.Engine:
        try:
            told = await engine.call("status", {}, seconds=ENGINE_SECONDS)
        except AttError as error:
            return decision.Engine(problem=error.detail)
        return decision.Engine(
            state="FAILED_SAFE" if told.get("failed_safe") else str(told.get("state", "")),
            current=told.get("current"),
            previous=told.get("previous"),
            transaction=told.get("transaction"),
        )


def _service_of(name: str) -> str:
    return name.rpartition(".")[0] + ".service"


def _distinct(disks: Iterable[Disk]) -> Iterable[Disk]:
    """Yield one of those that tell the same file system."""
    known = set()
    for disk in disks:
        if (disk.used_percent, disk.free_mb) not in known:
            known.add((disk.used_percent, disk.free_mb))
            yield disk
