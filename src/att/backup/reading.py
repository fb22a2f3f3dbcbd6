"""Reads a backup to its end and vouches for it; what it holds is handed on member by member."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pydantic import BaseModel, ValidationError

from att.backup import age, archive, recovery_key
from att.backup.entry import Entry
from att.backup.places import PARTS
from att.backup.recovery_key import RecoveryKey
from att.backup.schema import Manifest, Part, Statement
from att.kernel.errors import Refused

_SMALL_BYTES_MAX = 64 * 1024

Take = Callable[[Entry, Iterator[bytes]], None]
Tell = Callable[[str, float | None], None]
"""Gets what goes on and, where it is known, how many percent of it are done."""


def tell_nobody(_step: str, _percent: float | None = None) -> None:
    """For who does not follow."""


@dataclass
class Size:
    """How much of one part there is; `disk_bytes` in whole blocks, folders and links too."""

    entries: int = 0
    files: int = 0
    bytes: int = 0
    disk_bytes: int = 0

    def add(self, entry: Entry) -> None:
        """Count one more."""
        self.entries += 1
        self.files += entry.kind == "file"
        self.bytes += entry.size
        self.disk_bytes += entry.disk_bytes


@dataclass
class Contents:
    """What a backup holds; `signed_by` is the id of the key of the appliance that made it."""

    manifest: Manifest
    parts: dict[str, Size] = field(default_factory=dict)
    signed_by: str = ""

    def count(self, entry: Entry) -> None:
        """Count a member."""
        self.parts.setdefault(part_of(entry), Size()).add(entry)

    def listed(self) -> list[Part]:
        """What people see."""
        return [Part(name=name, files=one.files, bytes=one.bytes) for name, one in self.parts.items()]


class _File:
    """A descriptor read from its start, whatever its offset is."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._offset = 0

    def read(self, size: int, /) -> bytes:
        data = os.pread(self._fd, size, self._offset)
        self._offset += len(data)
        return data


def part_of(entry: Entry) -> str:
    """Return the part a member belongs to; Refused(backup_damaged) for one that no backup has."""
    part = entry.name.partition("/")[0]
    if part not in PARTS:
        raise age.damaged("it holds a member that no backup has")
    return part


def manifest_of(fd: int, key: RecoveryKey) -> Manifest:
    """Return what a backup says of itself, without a look at the rest."""
    return _manifest(archive.Reader(_File(fd), key.secret).members())


def read(fd: int, key: RecoveryKey, take: Take | None = None, tell: Tell = tell_nobody) -> Contents:
    """Read all and return what it holds; raises unless it is whole, unchanged, and made by an appliance with `key`.

    `take` gets each member of a part while the end is not known yet: what it writes counts when this returns.
    """
    opened = archive.Reader(_File(fd), key.secret)
    members = opened.members()
    contents = Contents(_manifest(members))
    statement: Statement | None = None
    done = 0
    for entry, content in members:
        if statement is not None:
            raise age.damaged("something follows after its end")
        if entry.name == archive.STATEMENT:
            statement = _small(Statement, entry, content)
            contents.signed_by = recovery_key.check(statement, opened.before, key)
            continue
        contents.count(entry)
        if take is not None:
            take(entry, content)
        done += entry.work_bytes
        tell("reading", min(100.0, 100 * done / max(contents.manifest.bytes, 1)))
    if statement is None:
        raise age.damaged("it is not signed")
    return contents


def _manifest(members: Iterator[tuple[Entry, Iterator[bytes]]]) -> Manifest:
    for entry, content in members:
        if entry.name == archive.MANIFEST:
            return _small(Manifest, entry, content)
        break
    raise Refused("backup_foreign", "cannot read the file: it does not begin as a backup does")


def _small[M: BaseModel](model: type[M], entry: Entry, content: Iterator[bytes]) -> M:
    if entry.kind != "file" or entry.size > _SMALL_BYTES_MAX:
        raise age.damaged(f"{entry.name} is not what it should be")
    try:
        return model.model_validate_json(b"".join(content))
    except ValidationError as error:
        fields = {str(one["loc"][0]) for one in error.errors() if one["loc"]}
        if model is Manifest and "format" in fields:
            raise Refused("backup_too_new", "cannot read the backup: its format is of a later release") from error
        raise age.damaged(f"{entry.name} is not what it should be") from error
