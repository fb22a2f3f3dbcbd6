"""The appliance that backup and restore work on: its release's programs, its engine's memory, its service manager."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from att.appliance import Facts, release_root, running_release
from att.backup.places import FORGE
from att.effects.filesystem import write_atomically
from att.effects.processes import run
from att.kernel.errors import Failed
from att.store.migrations import head
from att.upgrade import history
from att.upgrade.databases import USER, DatabasePrograms
from att.upgrade.decision import Schema
from att.upgrade.tools import layout_of
from att_stage0 import services
from att_stage0.layout import API, ENGINE
from att_stage0.readiness import SocketReadyz
from att_stage0.units import Systemctl, UnitsFailed
from att_stage0.world import SystemClock, World

GATE = "restore.gate"
"""In the run folder: while it is there, a service that is started waits."""
FIRSTBOOT, FRONT = "att-firstboot.service", "att-front.service"
KEEPER = "att-restore-keeper.service"
"""Waits beside a restore, and ends what it leaves when it dies; at boot it has proved what is in its place."""
_DROP_IN = "60-restore.conf"
_WORK = ("att-app@*.service", "att-task@*.service")
_UNITS = Path("/run/systemd/system")
_TMPFILES = "/usr/lib/tmpfiles.d/att.conf"
# Another unit does it: what a service may not write, a command of its own may not write either, even with `+`.
_WAITING = """\
[Service]
ExecStartPre=+/usr/bin/systemctl start att-restore.service
TimeoutStartSec=infinity
"""
_FSCK_SECONDS = 900.0
_TOOL_SECONDS = 120.0
_MIGRATE_SILENCE_SECONDS = 300.0
_PROOF_SECONDS = 300.0
_ASK_SECONDS = 5.0
_POLL_SECONDS = 0.5
_MOMENTS_MAX = 3


def world_of(facts: Facts) -> World:
    """Return stage0's world of this machine."""
    layout = layout_of(facts)
    return World(layout, Systemctl(), SocketReadyz(layout.api_socket), SystemClock())


@dataclass(frozen=True)
class Machine:
    """See `Appliance`."""

    facts: Facts
    world: World
    units: Path = _UNITS

    @property
    def release(self) -> str:
        """See `Appliance`."""
        return running_release()

    @property
    def gate(self) -> Path:
        """See `GATE`."""
        return self.facts.paths.run / GATE

    def moment(self, stage: Path) -> None:
        """See `Appliance`; taken again where git finds a repository incomplete."""
        paths = self.facts.paths
        problem = ""
        for _ in range(_MOMENTS_MAX):
            shutil.rmtree(stage, ignore_errors=True)
            self._programs.moment(self.release, paths.api_database.name, stage, paths.forge)
            if not (problem := _incomplete(stage / FORGE)):
                return
        raise Failed("backup_failed", f"cannot make a backup: {problem}")

    def schema(self, database: Path) -> Schema:
        """See `Appliance`."""
        return self._programs.info(self.release, str(database)).schema

    def head(self) -> int:
        """See `Appliance`."""
        return head(release_root() / "upgrade" / "migrations").version

    def migrate(self, database: Path) -> Schema:
        """See `Appliance`."""
        return self._programs.migrate(self.release, str(database), _MIGRATE_SILENCE_SECONDS, lambda *_: None)

    def history(self) -> bytes:
        """See `Appliance`."""
        oldest_first = reversed(history.everything(self.world))
        return b"".join(one.model_dump_json().encode() + b"\n" for one in oldest_first)

    def serving(self) -> bool:
        """See `Appliance`."""
        units = self.world.units
        with _told():
            return any(
                units.state(name).active == "active" for name in services.sockets(self.world.layout, self.release)
            )

    def stand_by(self) -> None:
        """See `Appliance`. At boot it comes after those whom it waits for."""
        with _told():
            if self.world.units.state(KEEPER).active in ("active", "activating"):
                return
        python = release_root() / "venv" / "bin" / "python"
        command = [
            "systemd-run", "--quiet", "--collect", "--no-block", f"--unit={KEEPER}", "--slice=att.slice",
            f"--property=After={FIRSTBOOT} {API}.service {FRONT}", "--property=TimeoutStopSec=10",
            "--setenv=PYTHONDONTWRITEBYTECODE=1", "--", str(python), "-P", "-m", "att.backup",
        ]  # fmt: skip
        done = run(command, timeout_seconds=_TOOL_SECONDS)
        if not done.ok:
            raise Failed("restore_failed", f"cannot restore: nobody stands by: {done.errors.strip()[-300:]}")

    def hold(self) -> None:
        """See `Appliance`. Sockets go on listening: who connects waits in their backlog."""
        write_atomically(self.gate, b"")
        for name in [*self._services(), f"{ENGINE}.service"]:
            folder = self.units / f"{name}.d"
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / _DROP_IN, _WAITING.encode())
        manager = self.world.units
        with _told():
            manager.reload()
            _systemctl("stop", *_WORK)
            manager.stop([*self._services(), f"{ENGINE}.service"])
        # Else a task of the same id that is restored counts as started.
        for folder in (path for pattern in _WORK for path in self.units.glob(f"{pattern}.d")):
            shutil.rmtree(folder, ignore_errors=True)

    def settle(self) -> None:
        """See `Appliance`."""
        run(["systemd-tmpfiles", "--create", _TMPFILES], timeout_seconds=_TOOL_SECONDS)

    def let_go(self) -> None:
        """See `Appliance`. Restarted, not started: who waited has been given the former sealing key already.

        The gate goes last: until then whoever resumes it begins here again.
        """
        for drop_in in self.units.glob(f"att-*.service.d/{_DROP_IN}"):
            drop_in.unlink(missing_ok=True)
            if not any(drop_in.parent.iterdir()):
                drop_in.parent.rmdir()
        manager = self.world.units
        with _told():
            manager.reload()
            services.assert_sockets(self.world, self.release)
            # The engine starts when it is asked: now it would wait for the lock that this process holds.
            manager.restart([FIRSTBOOT, *self._services(), FRONT])
        self.gate.unlink(missing_ok=True)

    def prove(self) -> str:
        """See `Appliance`. The front takes longer than the API where a page is open: its connections end first."""
        clock = self.world.clock
        until = clock.monotonic() + _PROOF_SECONDS
        while True:
            told = self.world.readyz(_ASK_SECONDS)
            try:
                front = self.world.units.state(FRONT).active
            except UnitsFailed as error:
                # A manager that does not answer at this moment says nothing of what was restored.
                front = f"not known: {error}"
            ready = told.proves(self.release, ())
            if ready and front == "active":
                return ""
            if clock.monotonic() > until:
                return f"{FRONT} is {front}" if ready else told.detail
            clock.sleep(_POLL_SECONDS)

    @property
    def _programs(self) -> DatabasePrograms:
        return DatabasePrograms(self.facts)

    def _services(self) -> tuple[str, ...]:
        return services.running(self.world.layout, self.release)


def _incomplete(forge: Path) -> str:
    """Return what git says of the first repository that lacks something, empty when none does."""
    for repository in sorted(forge.glob("*.git")):
        command = ["git", "-C", str(repository), "fsck", "--connectivity-only", "--no-dangling", "--no-progress"]
        done = run(command, timeout_seconds=_FSCK_SECONDS, user=USER)
        if not done.ok:
            return f"git finds {repository.name} incomplete: {done.errors.strip()[-300:]}"
    return ""


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except UnitsFailed as error:
        raise Failed("restore_failed", f"cannot restore: {error}") from error


def _systemctl(*arguments: str) -> None:
    done = run(["systemctl", *arguments], timeout_seconds=_TOOL_SECONDS)
    if not done.ok:
        raise UnitsFailed(f"cannot {' '.join(arguments)}: {done.errors.strip()[-300:]}")
