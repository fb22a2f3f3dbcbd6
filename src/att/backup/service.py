"""What the commands do: make, list, show, verify, restore, resume, and tell the recovery key."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from att.appliance import Facts
from att.backup import decision, reading, recovery_key, turns
from att.backup.machine import Machine, world_of
from att.backup.making import Making
from att.backup.places import restore_folders
from att.backup.reading import Contents, Tell
from att.backup.recovery_key import RecoveryKey
from att.backup.restoring import Restoring
from att.backup.schema import Created, Last, Restored, Resumed, Shown, Skipped, Verified
from att.backup.staging import Staging
from att.backup.switching import Switch, demand_whole
from att.config.settings import BACKUP_FILES
from att.config.settings import Backup as Settings
from att.config.store import holding
from att.effects.filesystem import write_atomically
from att.kernel.errors import AttError, Conflict, InvalidInput, NotFound
from att.machine.audit.record import write_audit
from att_stage0.world import Busy

LAST = "last.json"
"""In the folder of backups, for everybody to read: how the last scheduled one went."""
_LISTED_MAX = 1_000
# As long as an engine that starts, or a recovery, may take.
_KEEPER_WAITS_SECONDS = 600.0
_UNDISTURBED = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Backups:
    """The backups of one machine. `by` is the person at the door, for the audit log."""

    facts: Facts
    by: str
    tell: Tell = reading.tell_nobody

    def create(self, folder: Path | None = None) -> Created:
        """Make a backup in `folder`, else where backup.folder says."""
        settings = self._settings()
        machine = self._machine()
        with turns.turn(self.facts.paths.run, alone=False):
            demand_whole(restore_folders(self.facts), "make a backup")
            into = folder or Path(settings.folder)
            made = Making(self.facts, machine, into, settings.keep, self.tell).make()
        self._audit("backup.create", file=made.file)
        return made

    def create_scheduled(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Created | Skipped:
        """Make a backup where the settings say that one is due; how it went is kept for the status."""
        if reason := decision.due(self._settings().schedule, self.last().good, now()):
            return Skipped(reason=reason)
        try:
            made = self.create()
        except (AttError, OSError) as error:
            self._remember(at=now(), problem=error.detail if isinstance(error, AttError) else str(error))
            raise
        self._remember(at=now(), good=now(), problem="")
        return made

    def last(self) -> Last:
        """Return how the last scheduled one went, and whether somebody has the key."""
        try:
            return Last.model_validate_json((self.facts.paths.backups / LAST).read_bytes())
        except (OSError, ValueError):
            return Last()

    def list(self, folder: Path | None = None) -> list[Shown]:
        """Return the backups in a folder, newest first."""
        place = folder or Path(self._settings().folder)
        found = sorted(place.glob(BACKUP_FILES), reverse=True)
        found.sort(key=lambda path: decision.stamp_of(path.name), reverse=True)
        return [self._shown(path) for path in found[:_LISTED_MAX]]

    def show(self, file: str, key_file: Path | None) -> Shown:
        """Return what a backup says of itself."""
        path = self._path(file)
        key = self._key(key_file)
        with _opened(path) as fd:
            manifest = reading.manifest_of(fd, key)
        return Shown(file=str(path), bytes=path.stat().st_size, **manifest.model_dump(include=_SHOWN))

    def verify(self, file: str, key_file: Path | None) -> Verified:
        """Read a backup to its end."""
        path = self._path(file)
        key = self._key(key_file)
        with _opened(path) as fd:
            contents = reading.read(fd, key, tell=self.tell)
        return Verified(
            file=str(path),
            bytes=path.stat().st_size,
            **contents.manifest.model_dump(include=_SHOWN),
            signed_by=contents.signed_by,
            parts=contents.listed(),
        )

    def restore(self, file: str, key_file: Path | None, confirm: Callable[[Contents], None]) -> Restored:
        """Put what a backup holds in the place of everything here; `confirm` raises unless that is wanted."""
        path = self._path(file)
        key = self._key(key_file)
        machine = self._machine()
        restoring = Restoring(Staging(self.facts, machine), machine, self.tell)
        with turns.turn(self.facts.paths.run, alone=True), _upgrade_lock(machine), _opened(path) as fd:
            restoring.resume(held=machine.gate.exists(), proves=True)
            contents = restoring.check(fd, key)
            confirm(contents)
            with _undisturbed():
                restoring.restore(fd, key)
        self._remember(key_shown=key_file is not None or self.last().key_shown)
        manifest = contents.manifest
        self._audit("backup.restore", file=str(path), appliance=manifest.appliance, signed_by=contents.signed_by)
        return Restored(
            file=str(path),
            appliance=manifest.appliance,
            made=manifest.made,
            release=machine.release,
            schema_version=machine.head(),
            parts=contents.listed(),
            fingerprint=_fingerprint(self.facts.paths.tls / "server.crt"),
        )

    def resume(self) -> Resumed:
        """Revert a restore whose process is gone, or have it proved; wait for one that lives and holds the services."""
        machine = self._machine()
        with turns.turn_of_the_dead(self.facts.paths.run, machine.gate) as free:
            if not free:
                return Resumed(outcome="nothing")
            restoring = Restoring(Staging(self.facts, machine), machine, self.tell)
            with _undisturbed():
                done = restoring.resume(held=machine.gate.exists(), proves=False)
        return self._resumed(done)

    def stand_by(self) -> Resumed:
        """Wait until nobody restores, then end what is left of it: prove it and keep it, or put everything back.

        May be killed: whoever comes next goes on.
        """
        machine = self._machine()
        restoring = Restoring(Staging(self.facts, machine), machine, self.tell)
        with turns.turn_after(self.facts.paths.run, alone=False):
            if not (Switch(restore_folders(self.facts)).staged or machine.gate.exists()):
                return Resumed(outcome="nothing")
        with (
            turns.turn_after(self.facts.paths.run, alone=True),
            _upgrade_lock(machine, wait_seconds=_KEEPER_WAITS_SECONDS),
        ):
            return self._resumed(restoring.resume(held=machine.gate.exists(), proves=True))

    def key(self) -> RecoveryKey:
        """Return the recovery key, and remember that somebody has it."""
        found = recovery_key.load_or_make(self.facts.paths.secrets)
        self._remember(key_shown=True)
        self._audit("backup.key")
        return found

    def _resumed(self, done: Resumed) -> Resumed:
        if done.outcome != "nothing":
            self._audit("backup.resume", outcome=done.outcome, problem=done.problem or "")
        return done

    def _shown(self, path: Path) -> Shown:
        try:
            return self.show(str(path), None)
        except AttError as error:
            return Shown(file=str(path), bytes=path.stat().st_size, problem=error.detail)

    def _path(self, file: str) -> Path:
        """Return the file of that path, or of that name in the folder of backups."""
        for path in (Path(file).absolute(), Path(self._settings().folder) / file):
            if path.is_file():
                return path
        raise NotFound("backup_unknown", f"cannot find the backup {file}", field="file")

    def _key(self, key_file: Path | None) -> RecoveryKey:
        return recovery_key.load(key_file or self.facts.paths.secrets / recovery_key.FILE)

    def _settings(self) -> Settings:
        return Settings(**holding(self.facts.paths.config).values["backup"])

    def _machine(self) -> Machine:
        return Machine(self.facts, world_of(self.facts))

    def _remember(self, **values: object) -> None:
        path = self.facts.paths.backups / LAST
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        now = Last.model_validate({**self.last().model_dump(), **values})
        write_atomically(path, now.model_dump_json().encode() + b"\n")

    def _audit(self, action: str, **extra: str) -> None:
        write_audit(self.facts.paths.audit, action, by=self.by, door="ssh", **extra)


_SHOWN = {"appliance", "made", "release", "schema_version"}


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise InvalidInput("file_unreadable", f"cannot read {path}: {error.strerror}", field="file") from error
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _upgrade_lock(machine: Machine, wait_seconds: float = 0.0) -> Iterator[None]:
    """No upgrade begins meanwhile, and none is unfinished."""
    try:
        with machine.world.lock(wait_seconds):
            newest = machine.world.transaction()
            if newest is not None and not newest.finished:
                raise Conflict("upgrade_running", f"cannot restore: {newest.id} is not finished")
            yield
    except Busy as error:
        raise Conflict("upgrade_running", "cannot restore: an upgrade is running") from error


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A closed terminal or an impatient hand does not end it half-way."""
    # Not ignored: what is started from here would inherit that.
    before = {number: signal.signal(number, lambda *_: None) for number in _UNDISTURBED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _fingerprint(certificate: Path) -> str:
    command = ["openssl", "x509", "-in", str(certificate), "-noout", "-fingerprint", "-sha256"]
    done = subprocess.run(command, capture_output=True, encoding="ascii", check=False, timeout=20)
    return done.stdout.strip().partition("=")[2]
