"""Makes a backup while the appliance works on."""

import contextlib
import os
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from att.appliance import Facts
from att.backup import archive, decision, reading, recovery_key, turns
from att.backup.places import DATABASE, ENGINE, FORGE, HISTORY, STAGE, Sources
from att.backup.ports import Appliance
from att.backup.reading import Contents, Tell
from att.backup.recovery_key import RecoveryKey
from att.backup.schema import Created, Manifest
from att.backup.tree import Walk
from att.effects.filesystem import sync_directory
from att.release.tree import disk_errors, require_space
from att.release.trust import APPLIANCE_KEY, keyid_of, load_signing_key

_MODE = 0o600
# How the last one went is for everybody to read; the files are not.
_FOLDER_MODE = 0o755
# What tar, zstd and age add to what cannot be compressed.
_OVERHEAD = 1.01


@dataclass(frozen=True)
class Making:
    """One backup in the making: of which appliance, where to, and how many of its backups stay there."""

    facts: Facts
    appliance: Appliance
    folder: Path
    keep: int
    tell: Tell
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def make(self) -> Created:
        """Write the backup, read it back, then remove what is not kept.

        Refused(disk_full) before anything is written; whatever else fails, no file remains that looks like a backup.
        """
        key = recovery_key.load_or_make(self.facts.paths.secrets)
        stage = self.facts.paths.api_state / f"{STAGE}{secrets.token_hex(6)}"
        sources = Sources(self.facts, stage)
        with turns.among_makers(self.facts.paths.run, self._sweep):
            self._demand_space(sources)
            try:
                self.tell("taking the database and the repositories of one moment", None)
                self.appliance.moment(stage)
                return self._write(sources, key)
            finally:
                shutil.rmtree(stage, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what backups that were killed left: copies, and in this folder files without an end."""
        for left in self.facts.paths.api_state.glob(f"{STAGE}*"):
            shutil.rmtree(left, ignore_errors=True)
        # Other appliances may be writing theirs into the same folder.
        for left in self.folder.glob(f".{decision.file_prefix(self._name())}*{decision.SUFFIX}.*"):
            left.unlink(missing_ok=True)

    def _name(self) -> str:
        signer = load_signing_key(self.facts.paths.local_trust / APPLIANCE_KEY)
        return decision.appliance_name(socket.gethostname(), keyid_of(signer.public_key()))

    def _demand_space(self, sources: Sources) -> None:
        """Refuse before anything is written; the file may become as large as all that goes into it."""
        paths = self.facts.paths
        database = sum(path.stat().st_size for path in paths.api_database.glob("*") if path.is_file())
        require_space(paths.api_state, size_bytes=database, files=1)
        total = _bytes_below(sources.walks()) + _bytes_below([Walk(paths.forge, FORGE)]) + database
        with disk_errors(self.folder):
            self.folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        same = self.folder.stat().st_dev == paths.api_state.stat().st_dev
        require_space(self.folder, size_bytes=int(total * _OVERHEAD) + (database if same else 0), files=1)

    def _write(self, sources: Sources, key: RecoveryKey) -> Created:
        signer = load_signing_key(self.facts.paths.local_trust / APPLIANCE_KEY)
        made = self.now()
        name = self._name()
        final = self.folder / decision.file_name(name, made)
        partial = final.with_name(f".{final.name}.{secrets.token_hex(6)}")
        schema = self.appliance.schema(sources.stage / DATABASE)
        manifest = Manifest(
            product=self.facts.product.compatible,
            appliance=name,
            made=made,
            release=self.appliance.release,
            schema_version=schema.version,
            min_reader=schema.min_reader,
            bytes=_bytes_below(sources.walks()),
        )
        with disk_errors(self.folder), _partial(partial) as fd:
            with os.fdopen(os.dup(fd), "wb") as file:
                writer = archive.Writer(file, key.secret)
                missed = self._fill(writer, manifest, sources)
                told = recovery_key.statement(writer.digest.hex, signer, key)
                writer.text(archive.STATEMENT, told.model_dump_json().encode())
                writer.close()
            os.fsync(fd)
            contents = reading.read(fd, key, tell=lambda _step, percent: self.tell("reading it back", percent))
            partial.rename(final)
            sync_directory(self.folder)
        return self._created(final, contents, missed)

    def _fill(self, writer: archive.Writer, manifest: Manifest, sources: Sources) -> int:
        writer.text(archive.MANIFEST, manifest.model_dump_json().encode())
        done, missed = 0, 0
        for walk in sources.walks():
            for entry, content in walk.entries():
                writer.add(entry, content)
                done += entry.work_bytes
                self.tell(f"writing {walk.name}", min(100.0, 100 * done / max(manifest.bytes, 1)))
            missed += walk.missed
        writer.text(f"{ENGINE}/{HISTORY}", self.appliance.history())
        return missed

    def _created(self, final: Path, contents: Contents, missed: int) -> Created:
        names = [path.name for path in self.folder.iterdir()]
        removed = decision.surplus(names, contents.manifest.appliance, self.keep)
        for name in removed:
            (self.folder / name).unlink(missing_ok=True)
        sync_directory(self.folder)
        return Created(
            file=str(final),
            bytes=final.stat().st_size,
            appliance=contents.manifest.appliance,
            parts=contents.listed(),
            left_out=missed,
            removed=removed,
        )


@contextlib.contextmanager
def _partial(path: Path) -> Iterator[int]:
    """Open a file that is gone at the end unless it has got another name by then."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        yield fd
    finally:
        os.close(fd)
        path.unlink(missing_ok=True)


def _bytes_below(walks: Iterator[Walk] | list[Walk]) -> int:
    """About what a part takes: contents and names."""
    return sum(entry.work_bytes for walk in walks for entry, _ in walk.entries())
