"""All that recovery touches, in one value; every change of it passes `before_effect`, where tests crash."""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from att_stage0 import audit, links
from att_stage0.journal import Journal, sync, sync_directory
from att_stage0.layout import API, Layout
from att_stage0.policy.decision import PHASE as POLICY_PHASE
from att_stage0.readiness import Readyz
from att_stage0.transaction import Phase, State, Transaction, fold
from att_stage0.units import Units, UnitsFailed
from att_stage0.verdicts import Database, Links, Moment

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """Time: wall for people, monotonic and boot for deadlines."""

    def now(self) -> float:
        """Unix seconds."""

    def monotonic(self) -> float:
        """Seconds of this boot."""

    def boot_id(self) -> str:
        """The present boot."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's."""

    def now(self) -> float:
        """See `Clock`."""
        return time.time()

    def monotonic(self) -> float:
        """See `Clock`."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def boot_id(self) -> str:
        """See `Clock`."""
        return _BOOT_ID.read_text(encoding="ascii").strip()

    def sleep(self, seconds: float) -> None:
        """See `Clock`."""
        time.sleep(seconds)


def no_tape(_effect: str) -> None:
    """The `before_effect` of production."""


class Busy(Exception):
    """Somebody else acts: the lock is held."""


@dataclass
class World:
    """Disk, journal, service manager, readiness and clock of one appliance."""

    layout: Layout
    units: Units
    readyz: Readyz
    clock: Clock
    before_effect: Callable[[str], None] = no_tape
    on_record: Callable[[Transaction], None] = field(default=lambda _: None)

    @cached_property
    def journal(self) -> Journal:
        """The upgrade journal."""
        return Journal(self.layout.journal, self.before_effect)

    def transaction(self) -> Transaction | None:
        """The newest transaction of the journal."""
        found = fold(self.journal.read().records)
        return found[-1] if found else None

    def moment(self) -> Moment:
        """Now; asks the manager which run of the API is up, and takes none where it does not answer."""
        try:
            invocation = self.units.state(f"{API}.service").invocation
        except UnitsFailed:
            invocation = ""
        return Moment(self.clock.boot_id(), self.clock.monotonic(), invocation)

    def record(
        self,
        transaction: str,
        state: State,
        phase: Phase,
        *,
        attempt: int = 1,
        deadline: float | None = None,
        **values: Any,
    ) -> Transaction:
        """Append one record durably, then its audit line; returns the transaction as it stands now."""
        body = {"state": state.value, "phase": phase.value, "attempt": attempt, "deadline": deadline, "set": values}
        self.journal.append(transaction, self._stamped(body))
        now = next(found for found in reversed(fold(self.journal.read().records)) if found.id == transaction)
        self.audit("transition", now)
        self.on_record(now)
        return now

    def record_policy(self, transaction: Transaction, values: dict[str, Any]) -> Transaction:
        """Append what the rollback policy said of a transaction, durably, then its audit line; its state stays."""
        now = dataclasses.replace(transaction, values={**transaction.values, **values})
        try:
            body = {"state": transaction.state.value, "phase": POLICY_PHASE, "set": values}
            self.journal.append(transaction.id, self._stamped(body))
        finally:
            self.audit(POLICY_PHASE, now, phase=POLICY_PHASE, **values)
        return now

    def _stamped(self, body: dict[str, Any]) -> dict[str, Any]:
        clock = self.clock
        return {"v": 1, "at": clock.now(), "boot": clock.boot_id(), "monotonic": clock.monotonic(), **body}

    def audit(self, action: str, transaction: Transaction, **extra: Any) -> None:
        """Append one line to audit.log, which a full disk must not turn into the end of a rollback."""
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.clock.now())),
            "action": f"upgrade.{action}",
            "transaction": transaction.id,
            "kind": transaction.kind,
            "state": transaction.state.value,
            "phase": transaction.phase.value,
            "attempt": transaction.attempt,
            "from": transaction.source,
            "to": transaction.target,
            "by": transaction.values.get("by", ""),
            "request_id": transaction.values.get("request_id", ""),
            **({"failure": dict(transaction.failure)} if transaction.failure else {}),
            **extra,
        }
        audit.append(self.layout.audit, line)

    def switch(self, link: Path, target: str) -> None:
        """Point a link, durably; already right is no effect."""
        if link.is_symlink() and str(link.readlink()) == target:
            return
        self.before_effect(f"switch {link.name}")
        links.switch(link, target)

    def unlink(self, path: Path) -> None:
        """Remove a link or file, durably."""
        if os.path.lexists(path):
            self.before_effect(f"unlink {path.name}")
            links.remove(path)

    def write(self, path: Path, text: str, mode: int = 0o644) -> None:
        """Replace a small file at once, durably."""
        self.before_effect(f"write {path.name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.new")
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_directory(path.parent)

    def remove_tree(self, path: Path) -> None:
        """Remove a directory: first its name goes at once, then its content, so that no half of it is ever seen."""
        if not path.is_dir() or path.is_symlink():
            return
        self.before_effect(f"remove {path.name}")
        doomed = path.with_name(f".doomed-{path.name}") if not path.name.startswith(".doomed-") else path
        if doomed != path:
            shutil.rmtree(doomed, ignore_errors=True)
            path.rename(doomed)
            sync_directory(path.parent)
        shutil.rmtree(doomed, ignore_errors=True)

    def settle(self) -> None:
        """Make durable what is believed from here on.

        A process that died between a change and its fsync left what everybody sees and a power cut takes: whoever finds
        it done does not do it again.
        """
        layout = self.layout
        for path in (
            *(layout.journal, layout.opt, layout.releases, layout.journal_directory),
            *(layout.database.parent, layout.databases, layout.upgrade_state),
        ):
            with contextlib.suppress(OSError):  # not there yet, or a sick disk: recovery goes on
                sync(path)

    def sweep(self) -> None:
        """Remove what crashes left: temporary links and files, half-removed directories, copies of bundles."""
        for directory in (self.layout.opt, self.layout.database.parent):
            links.sweep(directory)
        for directory in (self.layout.releases, self.layout.database.parent, self.layout.journal_directory):
            for doomed in directory.glob(".doomed-*"):
                shutil.rmtree(doomed, ignore_errors=True)
        for directory in (self.layout.journal_directory, self.layout.upgrade_state, self.layout.databases):
            for temporary in directory.glob(".*.new"):
                temporary.unlink(missing_ok=True)
        for spooled in self.layout.spool.glob("*"):  # whoever works with one has it open, and needs no name of it
            spooled.unlink(missing_ok=True)

    def links(self) -> Links:
        """Read what the disk says about releases and databases."""
        return read_links(self.layout)

    @contextlib.contextmanager
    def lock(self, wait_seconds: float = 0.0) -> Iterator[None]:
        """Be the only one who acts; raises `Busy` when another is after `wait_seconds`. Dies with its process."""
        self.layout.journal_directory.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            until = self.clock.monotonic() + wait_seconds
            while True:
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if self.clock.monotonic() >= until:
                        raise Busy("another engine or recovery acts") from None
                    self.clock.sleep(0.2)
            yield
        finally:
            os.close(fd)


def append_line(path: Path, line: dict[str, Any]) -> None:
    """Append one JSON line to a log, durably; a failure is told on stderr and otherwise survived.

    A line that a crash tore stays alone: what is appended begins a line of its own.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        created = not path.exists()
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            told = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            size = os.fstat(fd).st_size
            torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
            os.write(fd, b"\n" + told if torn else told)
            os.fdatasync(fd)
        finally:
            os.close(fd)
        if created:
            sync_directory(path.parent)
    except OSError as error:
        print(f"cannot append to {path}: {error}", file=sys.stderr)  # noqa: T201


def read_links(layout: Layout) -> Links:
    """Links, complete releases with their schema version, and what is known of each database directory."""
    releases = {}
    if layout.releases.is_dir():
        for path in sorted(layout.releases.iterdir()):
            if not path.name.startswith(".") and is_complete(path):
                releases[path.name] = _schema_version(path / "metadata.json")
    databases = {}
    if layout.databases.is_dir():
        for path in sorted(layout.databases.glob("*.json")):
            known = _database(path)
            if known is not None and (layout.database.parent / path.stem).is_dir():
                databases[path.stem] = known
    floor = _json(layout.floor).get("version")
    return Links(
        links.read(layout.current),
        links.read(layout.previous),
        links.read(layout.database),
        releases,
        databases,
        floor if isinstance(floor, str) else "",
    )


def is_complete(release: Path) -> bool:
    """Whether `.complete` names the digest of the metadata that lies beside it: it is written last."""
    try:
        digest = hashlib.sha256((release / "metadata.json").read_bytes()).hexdigest()
        return (release / ".complete").read_text(encoding="ascii").strip() == digest
    except (OSError, ValueError):
        return False


def _schema_version(path: Path) -> int | None:
    # The digests of all files are megabytes; in metadata's one serialisation this line can only be of the outer object.
    try:
        text = path.read_text(encoding="utf-8")
        _, there, rest = text.rpartition('\n "schema": ')
        found = json.JSONDecoder().raw_decode(rest)[0] if there else json.loads(text).get("schema")
    except (OSError, ValueError, AttributeError):
        return None
    version = found.get("version") if isinstance(found, dict) else None
    return version if isinstance(version, int) else None


def _database(path: Path) -> Database | None:
    found = _json(path)
    version, reader, origin = found.get("version"), found.get("min_reader"), found.get("origin", "")
    if not isinstance(version, int) or not isinstance(reader, int):
        return None
    return Database(version, reader, origin if isinstance(origin, str) else "")


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
