"""Uploaded files on their way into an operation: streamed to disk, counted, hashed, resumable, gone after a day.

An upload is `<id>.part` while it grows and `<id>` when it is complete, with `<id>.json` beside it.
"""

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from anyio import to_thread
from pydantic import BaseModel, Field

from att.kernel.errors import Conflict, NotFound, TooLarge, Unavailable
from att.kernel.ids import new_id
from att.kernel.operation import Caller, Role

SECONDS_KEPT = 86_400.0
FREE_BYTES_MIN = 268_435_456
_ID = re.compile(r"^upload_[0-9a-z]{16}$")


class Upload(BaseModel):
    """One upload; `bytes` is what has arrived, `sha256` is set when it is complete."""

    upload: str = Field(description="The handle that an operation takes.")
    bytes: int
    complete: bool
    sha256: str | None = None


class Uploads:
    """The uploads of this process's directory; `quota_bytes` bounds all of them together."""

    def __init__(
        self,
        directory: Path,
        *,
        bytes_max: int,
        quota_bytes: int | None = None,
        free_bytes_min: int = FREE_BYTES_MIN,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._directory = directory
        self._bytes_max = bytes_max
        self._quota_bytes = quota_bytes if quota_bytes is not None else 2 * bytes_max
        self._free_bytes_min = free_bytes_min
        self._now = now
        self._growing: set[str] = set()

    async def create(self, caller: Caller) -> Upload:
        """Begin an empty upload that belongs to `caller`; expired ones of everybody are removed first."""
        return await to_thread.run_sync(self._create, caller)

    async def append(
        self, upload_id: str, caller: Caller, offset: int, chunks: AsyncIterator[bytes], *, complete: bool
    ) -> Upload:
        """Write `chunks` at `offset`, which must be what has arrived so far; hash and seal it when `complete`.

        What arrived before `chunks` fails stays: the caller goes on from there.
        """
        self._check(upload_id, caller)
        if upload_id in self._growing:
            raise Conflict("upload_offset", "cannot go on with the upload: another request is writing it")
        self._growing.add(upload_id)
        try:
            size = await self._write(self._part(upload_id), offset, chunks)
        finally:
            self._growing.discard(upload_id)
        if not complete:
            return Upload(upload=upload_id, bytes=size, complete=False)
        return await to_thread.run_sync(self._seal, upload_id)

    async def show(self, upload_id: str, caller: Caller) -> Upload:
        """Return how far an upload of `caller` is."""
        self._check(upload_id, caller)
        if self._file(upload_id).exists():
            return Upload(upload=upload_id, bytes=self._file(upload_id).stat().st_size, complete=True)
        return Upload(upload=upload_id, bytes=self._part(upload_id).stat().st_size, complete=False)

    def path(self, upload_id: str, caller: Caller) -> Path:
        """Return the file of a complete upload of `caller`, for the operation that takes it."""
        self._check(upload_id, caller)
        if not self._file(upload_id).exists():
            raise Conflict("upload_incomplete", "cannot use the upload: it is not complete")
        return self._file(upload_id)

    def sweep(self) -> None:
        """Remove what is older than a day."""
        for meta in self._directory.glob("upload_*.json"):
            if meta.stat().st_mtime < self._now() - SECONDS_KEPT:
                self._remove(meta.stem)

    def _create(self, caller: Caller) -> Upload:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.sweep()
        self._require_room()
        upload_id = new_id("upload")
        self._part(upload_id).touch(mode=0o600)
        self._meta(upload_id).write_text(json.dumps({"owner": caller.id}), encoding="utf-8")
        os.utime(self._meta(upload_id), (self._now(), self._now()))
        return Upload(upload=upload_id, bytes=0, complete=False)

    def _require_room(self) -> None:
        used = sum(path.stat().st_size for path in self._directory.iterdir())
        if used >= self._quota_bytes:
            raise Unavailable("upload_quota", "cannot take the upload: the room for uploads is used up")
        if shutil.disk_usage(self._directory).free < self._free_bytes_min:
            raise Unavailable("disk_full", "cannot take the upload: the disk is full")

    async def _write(self, part: Path, offset: int, chunks: AsyncIterator[bytes]) -> int:
        arrived = await to_thread.run_sync(_size, part)
        if arrived != offset:
            raise Conflict(
                "upload_offset", "cannot go on with the upload: that is not where it ends", data={"bytes": arrived}
            )
        size = offset
        with await to_thread.run_sync(part.open, "ab") as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > self._bytes_max:
                    raise TooLarge("upload_too_large", f"cannot take the upload: the limit is {self._bytes_max} bytes")
                await to_thread.run_sync(_write_chunk, file.fileno(), chunk)
        return size

    def _seal(self, upload_id: str) -> Upload:
        part, file = self._part(upload_id), self._file(upload_id)
        with part.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
            os.fsync(opened.fileno())
        part.rename(file)
        return Upload(upload=upload_id, bytes=file.stat().st_size, complete=True, sha256=digest)

    def _check(self, upload_id: str, caller: Caller) -> None:
        if _ID.match(upload_id) and self._meta(upload_id).exists():
            owner = json.loads(self._meta(upload_id).read_text(encoding="utf-8"))["owner"]
            if owner == caller.id or caller.role is Role.ADMIN:
                return
        raise NotFound("upload_unknown", "cannot find the upload", field="upload")

    def _remove(self, upload_id: str) -> None:
        for path in (self._file(upload_id), self._part(upload_id), self._meta(upload_id)):
            path.unlink(missing_ok=True)

    def _file(self, upload_id: str) -> Path:
        return self._directory / upload_id

    def _part(self, upload_id: str) -> Path:
        return self._directory / f"{upload_id}.part"

    def _meta(self, upload_id: str) -> Path:
        return self._directory / f"{upload_id}.json"


def _write_chunk(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.exists() else None
