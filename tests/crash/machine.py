"""A machine whose disk is real and whose service manager, services and databases are models, with a client that never
stops writing. Every effect passes `tick`, where the machine can be made to crash.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.releases import Content, FakeBundle

from att.appliance import facts
from att.health.decision import Round
from att.upgrade.decision import Schema
from att.upgrade.door import newest_of
from att.upgrade.ports import DatabaseInfo, Tell
from att.upgrade.service import Asked, Engine
from att.upgrade.tools import Tools, layout_of
from att_stage0 import generator
from att_stage0.audit import tail
from att_stage0.policy.decision import Context
from att_stage0.readiness import Readiness
from att_stage0.recover import recover, watchdog
from att_stage0.services import sockets
from att_stage0.units import FENCE, UnitsFailed, UnitState
from att_stage0.verdicts import Actor
from att_stage0.world import World

API = "att-api.service"
ENGINE = "att-upgraded.service"
LAUNCHER = "att-launcher.service"
SOCKETS = {"att-api": "", "att-launcher": "", "att-local": "att-launcher.service", "att-upgraded": ""}


class Crash(BaseException):
    """The process is gone, or the machine: nothing below may catch it."""


@dataclass
class Process:
    """One run of a service, on the release and database it found when it started."""

    release: str
    database: str
    invocation: str
    alive: bool = True
    looks: int = 0


@dataclass
class Clock:
    """Time that moves only when somebody sleeps."""

    at: float = 1000.0
    boot: int = 1

    def now(self) -> float:
        return 1_700_000_000.0 + self.at

    def monotonic(self) -> float:
        return self.at

    def boot_id(self) -> str:
        return f"boot-{self.boot}"

    def sleep(self, seconds: float) -> None:
        self.at += max(seconds, 0.01)


@dataclass
class Machine:
    """`sick` maps a release to what is wrong with it; `crash_at` counts ticks, `dies_before` names one."""

    root: Path
    sick: dict[str, str] = field(default_factory=dict)
    crash_at: int | None = None
    dies_before: str | None = None
    clock: Clock = field(default_factory=Clock)
    self_test_seconds: float = 1.0
    context: Context = Context.APPLIANCE
    effects: list[str] = field(default_factory=list)
    loaded: dict[str, str] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    active_sockets: set[str] = field(default_factory=set)
    locked: str = ""
    acked: list[str] = field(default_factory=list)
    invocations: int = 0
    contents: dict[str, Content] = field(default_factory=dict)
    failing_verbs: dict[str, int] = field(default_factory=dict)
    refused_connections: int = 0
    dead: bool = False
    """Its process is gone, and no recovery has begun."""

    # -- making the machine

    def __post_init__(self) -> None:
        self.facts = facts().rooted(self.root)
        self.layout = layout_of(self.facts)
        self.layout.image_units.mkdir(parents=True)
        for name, service in SOCKETS.items():
            line = f"Service={service}\n" if service else ""
            (self.layout.image_units / f"{name}.socket").write_text(f"[Socket]\n{line}")
        for path in (self.layout.journal_directory, self.layout.run, self.layout.upgrade_state, self.layout.releases):
            path.mkdir(parents=True, exist_ok=True)
        self.facts.paths.api_state.mkdir(parents=True)

    def install(self, content: Content) -> None:
        """As the image build does: the first release is current."""
        self.contents[content.version] = content
        content.install(self.layout.releases)
        self.layout.current.symlink_to(f"releases/{content.version}")

    def first_boot(self) -> None:
        """First boot: the database is made, the services run."""
        self.power_on()
        engine = self.engine()
        engine.prepare()
        self._start_process(API)

    # -- the far sides

    def tick(self, effect: str) -> None:
        self.effects.append(effect)
        self.write_row()
        if self.crash_at is not None and len(self.effects) >= self.crash_at:
            self.crash_at = None
            raise Crash(effect)
        if effect == self.dies_before:
            self.dies_before = None
            raise Crash(effect)

    def world(self) -> World:
        return World(self.layout, self, self.readyz, self.clock, before_effect=self.tick)

    def tools(self) -> Tools:
        tools = Tools(self.world(), self.facts, self, self, self)
        tools.open = lambda fd: FakeBundle(self.bundles[fd])  # type: ignore[assignment,return-value]
        tools.context = lambda: self.context
        return tools

    def engine(self) -> Engine:
        return Engine(self.tools(), threaded=False)

    bundles: dict[int, Content] = field(default_factory=dict)

    def apply(self, content: Content, *, force: bool = False, despite_baseline: bool = False) -> str:
        self.contents[content.version] = content
        self.bundles[7] = content
        return self.engine().apply(7, Asked("test", force=force, despite_baseline=despite_baseline))

    def readyz(self, timeout_seconds: float) -> Readiness:
        process = self._api()
        if process is None:
            return Readiness(False, "", (), "no answer")
        ready = self._ready(process)
        return Readiness(ready, self._says(process), () if ready else ("database",), "answered")

    def look(self, target: str, units: tuple[str, ...], timeout_seconds: float) -> Round:
        process = self._api()
        self._suffer()
        checks: dict[str, str | None] = {}
        answered = ""
        if process is not None:
            answered = self._says(process)
            ready = self._ready(process)
            checks["ready"] = None if ready else "not ready"
            checks["release"] = None if answered == target else "another release"
            checks["canary"] = None if ready and process.database != self.locked else "no write"
        state = self.state(API)
        checks["restarts"] = None if state.active == "active" else "down"
        down = [name for name in units if self.state(name).active != "active"]
        checks["sockets"] = f"{down} down" if down else None
        return Round(self.clock.at, checks, answered, state.invocation, state.restarts)

    # -- the databases: a directory with rows and a schema

    def _directory(self, name: str) -> Path:
        return self.facts.paths.api_state / name

    def _schema(self, name: str) -> Schema:
        found = json.loads((self._directory(name) / "schema.json").read_text())
        return Schema(found["version"], found["min_reader"])

    def _write_schema(self, name: str, version: int, min_reader: int) -> None:
        told = {"version": version, "min_reader": min_reader}
        (self._directory(name) / "schema.json").write_text(json.dumps(told))

    def rows(self, name: str) -> list[str]:
        path = self._directory(name) / "rows"
        return path.read_text().split() if path.exists() else []

    def info(self, release: str, directory: str) -> DatabaseInfo:
        return DatabaseInfo(self._schema(directory), 1000)

    def create(self, release: str, directory: str) -> DatabaseInfo:
        self._directory(directory).mkdir(exist_ok=True)
        version, reader, _ = self.contents[release].steps[-1]
        self._write_schema(directory, version, reader)
        return self.info(release, directory)

    def snapshot(self, release: str, directory: str, target: str, seconds: float, tell: Tell) -> None:
        if self.sick.get(release) == "snapshot":
            raise OSError(28, "no space")
        shutil.rmtree(self._directory(target), ignore_errors=True)
        shutil.copytree(self._directory(directory), self._directory(target))

    def migrate(self, release: str, directory: str, seconds: float, tell: Tell) -> Schema:
        from att.kernel.errors import Failed

        if self.sick.get(release) == "migration":
            raise Failed("migration_failed", "cannot migrate: broken")
        if self.sick.get(release) == "fault":
            raise ZeroDivisionError("nobody thought of this")
        if self.sick.get(release) == "lock":
            self.locked = ""
        version, reader, _ = self.contents[release].steps[-1]
        self._write_schema(directory, version, reader)
        return Schema(version, reader)

    def hold_lock(self, release: str, directory: str) -> None:
        self.locked = directory

    def reset_admin(self, release: str, directory: str) -> dict[str, object]:
        return {"token": "t"}

    def run(self, release: Path, journal: bytes, seconds: float) -> str | None:
        self.clock.at += self.self_test_seconds
        return "broken" if self.sick.get(release.name) == "self-test" else None

    # -- the client

    def write_row(self) -> None:
        """Try to write one row; it is remembered when it was acknowledged."""
        if "att-api.socket" not in self.active_sockets and self.processes:
            self.refused_connections += 1
        process = self._api()
        if process is None or not self._ready(process):
            return
        if process.database == self.locked or self.layout.fence.exists():
            return
        row = f"row-{len(self.acked)}-{len(self.effects)}"
        with (self._directory(process.database) / "rows").open("a") as file:
            file.write(row + "\n")
        self.acked.append(row)

    # -- the service manager

    def reload(self) -> None:
        self._fail("reload")
        decided = generator.chosen(self.layout, self.clock.boot_id())
        self.loaded = {}
        if decided.release is not None:
            for path in (self.layout.release(decided.release) / "systemd").glob("*.service"):
                owner = decided.engine if path.name == ENGINE and decided.engine else decided.release
                self.loaded[path.name] = owner

    def restart(self, names: Sequence[str]) -> None:
        self._fail("restart")
        for name in names:
            if name.endswith(".timer") or name == ENGINE:
                continue
            if name not in self.loaded:
                raise UnitsFailed(f"unit {name} not found")
            self._start_process(name)

    def start(self, names: Sequence[str]) -> None:
        self._fail("start")
        self.active_sockets |= {name for name in names if name.endswith(".socket")}

    def stop(self, names: Sequence[str]) -> None:
        self._fail("stop")
        for name in names:
            if name == FENCE:
                self.locked = ""
            self.active_sockets.discard(name)
            self.processes.pop(name, None)

    def kill(self, name: str) -> None:
        pass

    def reset_failed(self, names: Sequence[str]) -> None:
        for name in names:
            self.restarts[name] = 0

    def state(self, name: str) -> UnitState:
        if name == FENCE:
            return UnitState("loaded", "active" if self.locked else "inactive", 0, 0, "")
        if name.endswith(".socket"):
            return UnitState("loaded", "active" if name in self.active_sockets else "inactive", 0, 0, "")
        process = self.processes.get(name)
        load = "loaded" if name in self.loaded else "not-found"
        if name in self.loaded and self.sick.get(self.loaded[name]) == "unit" and name == API:
            load = "bad-setting"
        active = "active" if process is not None and process.alive else "activating" if process else "inactive"
        if process is None:
            return UnitState(load, active, 0, self.restarts.get(name, 0), "")
        return UnitState(load, active, 1, self.restarts.get(name, 0), process.invocation)

    def log(self, name: str, since: float) -> str:
        return f"journal of {name}\n"

    def command_lines(self) -> str:
        return "\n".join(f"{self.layout.release(p.release)}/venv/bin/python" for p in self.processes.values())

    def _fail(self, verb: str) -> None:
        if self.failing_verbs.get(verb, 0) > 0:
            self.failing_verbs[verb] -= 1
            raise UnitsFailed(f"{verb} hangs")

    def _start_process(self, name: str) -> None:
        release = self.loaded.get(name, "")
        self.invocations += 1
        database = self.layout.database.readlink().name if self.layout.database.is_symlink() else ""
        self.processes[name] = Process(release, database, f"run-{self.invocations}")
        self.restarts.setdefault(name, 0)
        if (self.sick.get(release), name) in (("start", API), ("launcher", LAUNCHER)):
            self.processes[name].alive = False

    def _api(self) -> Process | None:
        process = self.processes.get(API)
        return process if process is not None and process.alive else None

    def _ready(self, process: Process) -> bool:
        if self.sick.get(process.release) == "never ready" or not process.database:
            return False
        schema, code = self._schema(process.database), self.contents[process.release].steps[-1][0]
        return schema.min_reader <= code

    def _says(self, process: Process) -> str:
        return "9.9.9" if self.sick.get(process.release) == "wrong version" else process.release

    def _suffer(self) -> None:
        """What sick releases do while they are looked at."""
        process = self.processes.get(API)
        if process is None:
            return
        process.looks += 1
        kind = self.sick.get(process.release)
        if kind in ("crash loop", "start") or (kind == "probation" and process.looks == 4):
            self.restarts[API] = self.restarts.get(API, 0) + 1
            restarts = self.restarts[API]
            self._start_process(API)
            self.processes[API].alive = kind == "probation"
            self.restarts[API] = restarts

    # -- death and recovery

    def power_on(self) -> None:
        """The generator, stage0, then what the target wants; the order of a boot."""
        self.reload()
        world = self.world()
        died: Crash | None = None
        try:
            with world.lock():
                recover(world, Actor.BOOT)
        except Crash as crash:
            died = crash  # att-recover died; the boot goes on without it
            self.dead = False
        before = dict(self.loaded)
        self.reload()
        assert before == self.loaded, "the generator and recovery disagree"
        decided = generator.chosen(self.layout, self.clock.boot_id())
        if decided.release is None:
            return
        self.active_sockets = set(sockets(self.layout, decided.release))
        for name in generator.wanted(self.layout, decided):
            if name != ENGINE:  # `boot` has it go on
                self._start_process(name)
        if died is not None:
            raise died

    def power_cut(self) -> None:
        """Processes, locks, /run and the boot go; the disk stays."""
        self.processes, self.active_sockets, self.locked, self.restarts = {}, set(), "", {}
        shutil.rmtree(self.layout.run)
        self.layout.run.mkdir()
        self.clock.boot += 1
        self.clock.at = 50.0

    def boot(self) -> None:
        self.power_on()
        transaction = self.world().transaction()
        if transaction is not None and not transaction.finished:
            self.engine().resume()

    def engine_restarts(self) -> None:
        self.engine().resume()

    def watchdog_fires(self) -> None:
        self.clock.at += 100_000
        watchdog(self.world())
        transaction = self.world().transaction()
        if transaction is not None and not transaction.finished:
            self.engine().resume()


def problems(machine: Machine) -> list[str]:
    """Every invariant of a machine at rest that does not hold."""
    found: list[str] = []
    layout, world = machine.layout, machine.world()
    links = world.links()
    transaction = world.transaction()
    if transaction is not None and not transaction.finished:
        found.append(f"the transaction is left at {transaction.state} {transaction.phase}")
    if links.current not in links.releases:
        return [*found, f"current is {links.current}, complete are {sorted(links.releases)}"]
    if links.previous is not None and links.previous not in links.releases:
        found.append(f"previous dangles: {links.previous}")
    database = links.database or ""
    schema, code = machine._schema(database), machine.contents[links.current or ""].steps[-1][0]
    if not schema.min_reader <= code <= schema.version:
        found.append(f"{links.current} (schema {code}) cannot use {database} {schema}")
    lost = [row for row in machine.acked if row not in machine.rows(database)]
    if lost:
        found.append(f"acknowledged rows lost: {lost[:3]} of {len(lost)}")
    process = machine._api()
    if process is None or (process.release, process.database) != (links.current, database):
        found.append(f"the API runs {process}, links say {links.current} {database}")
    others = {name: one.release for name, one in machine.processes.items() if name != API and one.alive}
    found += [f"{name} runs {release}" for name, release in others.items() if release != links.current]
    wanted = set(sockets(layout, links.current or ""))
    if machine.active_sockets != wanted:
        found.append(f"sockets {sorted(machine.active_sockets)}, wanted {sorted(wanted)}")
    if machine.locked or layout.fence.exists():
        found.append("a fence is left")
    found += [f"left over: {path.name}" for path in _left_over(machine)]
    found += undecided(machine)
    if len(links.releases) > 3:
        found.append(f"{len(links.releases)} releases")
    return found


def undecided(machine: Machine) -> list[str]:
    """Every record of a rollback in the journal that no recorded decision allows, in the journal or the audit log."""
    audit = newest_of(tail(machine.layout.audit, 10 << 20), 10_000)
    allowed = {line["transaction"] for line in audit if line.get("rollback_policy_status") == "allow"}
    kinds: dict[str, str] = {}
    found = []
    for record in machine.world().journal.read().records:
        name, state, values = record.transaction, record.body["state"], record.body["set"]
        kinds[name] = values.get("kind", kinds.get(name, ""))
        goes = state in ("ROLLING_BACK", "ROLLED_BACK") or (kinds[name] == "rollback" and state == "SWITCHED")
        if goes and record.body["phase"] != "rollback_policy" and name not in allowed:
            found.append(f"{name} goes back at {state} and nothing allowed it")
    return found


def _left_over(machine: Machine) -> list[Path]:
    layout = machine.layout
    kept = {"journal", "lock", "reserve", "spool"}
    strays = [path for path in layout.journal_directory.iterdir() if path.name not in kept]
    for folder in (layout.opt, layout.releases, layout.database.parent):
        strays += [path for path in folder.iterdir() if path.name.startswith((".switch", ".doomed"))]
    strays += layout.spool.glob("*")
    return [*strays, *([layout.maintenance] if layout.maintenance.exists() else [])]


def snapshot_of(root: Path) -> dict[str, Any]:
    """Every path with its content, to show that nothing changed; the lock file's times do not count."""
    found: dict[str, Any] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file():
            found[name] = path.read_bytes()
    return found
