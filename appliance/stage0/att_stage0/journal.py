"""The upgrade journal: append-only records that survive a power cut. THE FORMAT IS FROZEN.

One record: magic `ATJ1`, u32 length of the JSON, u64 sequence, 24 bytes transaction id (ASCII, NUL padded), the JSON
object, u32 crc32 of everything before it; integers little-endian. A torn record at the end is cut by the next writer;
damage in the middle is stepped over and told as `damaged`.
"""

import errno
import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAGIC = b"ATJ1"
JSON_BYTES_MAX = 65_536
RESERVE_BYTES = 1_048_576
_HEAD = struct.Struct("<4sIQ24s")
_CRC = struct.Struct("<I")


@dataclass(frozen=True)
class Record:
    """One entry: `body` is the JSON object (see transaction.py for its keys)."""

    sequence: int
    transaction: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Decoded:
    """What a journal holds: good records in order, bytes up to the end of the last one, whether some were lost."""

    records: tuple[Record, ...]
    good_bytes: int
    damaged: bool


def encode(record: Record) -> bytes:
    """The bytes of one record; ValueError when its JSON or its transaction id is too long."""
    body = json.dumps(record.body, separators=(",", ":"), sort_keys=True).encode()
    name = record.transaction.encode("ascii")
    if len(body) > JSON_BYTES_MAX or len(name) > 24:
        raise ValueError("cannot write a journal record: too long")
    data = _HEAD.pack(MAGIC, len(body), record.sequence, name) + body
    return data + _CRC.pack(zlib.crc32(data))


def decode(data: bytes) -> Decoded:
    """Read every good record; never raises, whatever the bytes are."""
    records: list[Record] = []
    good = 0
    damaged = False
    for record, start, end in _scan(data):
        damaged = damaged or start != good or (bool(records) and record.sequence != records[-1].sequence + 1)
        records.append(record)
        good = end
    return Decoded(tuple(records), good, damaged)


def _scan(data: bytes) -> Iterator[tuple[Record, int, int]]:
    at = 0
    while (at := data.find(MAGIC, at)) >= 0:
        found = _record_at(data, at)
        if found is None:
            at += 1
        else:
            record, end = found
            yield record, at, end
            at = end


def _record_at(data: bytes, at: int) -> tuple[Record, int] | None:
    if len(data) - at < _HEAD.size + _CRC.size:
        return None
    _, length, sequence, name = _HEAD.unpack_from(data, at)
    end = at + _HEAD.size + length
    if length > JSON_BYTES_MAX or end + _CRC.size > len(data):
        return None
    if zlib.crc32(data[at:end]) != _CRC.unpack_from(data, end)[0]:
        return None
    try:
        body = json.loads(data[at + _HEAD.size : end])
        transaction = name.rstrip(b"\0").decode("ascii")
    except ValueError:
        return None
    return (Record(sequence, transaction, body), end + _CRC.size) if isinstance(body, dict) else None


class Journal:
    """The file. One writer at a time, who holds the lock; reading needs none."""

    def __init__(self, path: Path, before_effect: Callable[[str], None]) -> None:
        self._path = path
        self._before_effect = before_effect
        self._reserve = path.with_name("reserve")

    def read(self) -> Decoded:
        """Everything that is whole; an absent file is an empty journal."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            data = b""
        return decode(data)

    def append(self, transaction: str, body: dict[str, Any]) -> Record:
        """Write one record and make it durable. A full disk is met with the space reserved for this."""
        self._before_effect(f"journal {body.get('state')} {body.get('phase')}")
        try:
            return self._append(transaction, body)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not self._reserve.exists():
                raise
            self._reserve.unlink()
            return self._append(transaction, body)

    def _append(self, transaction: str, body: dict[str, Any]) -> Record:
        decoded = self.read()
        last = decoded.records[-1].sequence if decoded.records else 0
        record = Record(last + 1, transaction, body)
        created = not self._path.exists()
        fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if os.fstat(fd).st_size > decoded.good_bytes:
                os.ftruncate(fd, decoded.good_bytes)
            view = memoryview(encode(record))
            while view:
                view = view[os.write(fd, view) :]
            os.fdatasync(fd)
        finally:
            os.close(fd)
        if created:
            sync_directory(self._path.parent)
        return record

    def reserve(self) -> None:
        """Set space aside for the records of a rollback on a full disk."""
        self._before_effect("journal reserve")
        created = not self._reserve.exists()
        fd = os.open(self._reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, RESERVE_BYTES)
            os.fsync(fd)
        finally:
            os.close(fd)
        if created:
            sync_directory(self._path.parent)

    def compact(self, keep: str) -> None:
        """Start a new file that holds only the records of transaction `keep`; old or new survives a power cut."""
        self._before_effect("journal compact")
        records = [record for record in self.read().records if record.transaction == keep]
        temporary = self._path.with_name(".journal.new")
        with temporary.open("wb") as file:
            for record in records:
                file.write(encode(record))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        sync_directory(self._path.parent)

    def discard(self) -> None:
        """Remove the journal: its state is derived from disk from now on. The last resort on a full disk."""
        self._before_effect("journal discard")
        self._path.unlink(missing_ok=True)
        self._reserve.unlink(missing_ok=True)
        sync_directory(self._path.parent)


def sync_directory(path: Path) -> None:
    """Make the entries of a directory durable."""
    sync(path, os.O_DIRECTORY)


def sync(path: Path, flags: int = 0) -> None:
    """Make the content of a file durable, or the entries of a directory."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
