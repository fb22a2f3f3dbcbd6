"""Takes a whole worktree in from an archive and gives it out as one, inside the sandbox: archives are hostile input.

Both ways the bytes travel in frames (length, then as many bytes; an empty frame ends them), so that a connection that
breaks is never taken for an end. The side that did the work has the last word: one frame of JSON, `ok` or `error`.
"""

import json
import os
import socket
import stat
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from att.kernel.error_json import error_object
from att.kernel.errors import AttError, Conflict, InvalidInput
from att.workspace.verbs import StreamVerb, Verb, accept, taken
from att.workspace.verbs.beneath import RESERVED, folder
from att.workspace.verbs.reasons import explained
from att.workspace.verbs.unpacking import members, unpack

FRAME_BYTES = 256 * 1024
FRAME_BYTES_MAX = 4 * 1024 * 1024
SECONDS_SILENT_MAX = 60.0
ENTRIES_MAX = 300_000
NOT_EXPORTED = frozenset({"__pycache__", ".venv", "node_modules"})
_LENGTH_BYTES = 4
_READING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def take_in(root: Path, arguments: Mapping[str, Any], connection: socket.socket) -> None:
    """Empty the worktree and fill it from a tar or zip archive of at most `bytes_max` and `files_max`.

    A single folder that holds everything is left out of the paths. Of a `.git` its configuration and hooks stay out.
    """
    bytes_max, files_max = taken(arguments, "bytes_max", int), taken(arguments, "files_max", int)
    with folder(root) as top, explained("take in", "the archive"), tempfile.TemporaryFile(dir=root) as spool:
        connection.settimeout(SECONDS_SILENT_MAX)
        accept(connection)
        try:
            _receive(connection, spool, bytes_max)
            _empty(top)
            files, size = unpack(top, members(spool, bytes_max, files_max), bytes_max)
        except AttError as error:
            _last_word(connection, error=error_object(error))
        else:
            _last_word(connection, ok={"files": files, "bytes": size})


def give_out(root: Path, arguments: Mapping[str, Any], connection: socket.socket) -> None:
    """Send the worktree as a tar.gz, with `.git` where `history` says so; caches and dependencies stay behind."""
    history = taken(arguments, "history", bool, False)
    with folder(root) as top:
        connection.settimeout(SECONDS_SILENT_MAX)
        accept(connection)
        try:
            with explained("export", "the project"):
                files = _send_all(top, connection, history=history)
        except AttError as error:
            _last_word(connection, error=error_object(error))
        else:
            _last_word(connection, ok={"files": files})


def usage(root: Path, _: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bytes on disk of each part of the project's folder; `complete` is False beyond ENTRIES_MAX entries."""
    left, parts = ENTRIES_MAX, {}
    for part in sorted(entry.name for entry in os.scandir(root.parent) if entry.is_dir(follow_symlinks=False)):
        parts[part], left = _disk_bytes(root.parent / part, left)
    return {"parts": parts, "complete": left > 0}


def _receive(connection: socket.socket, spool: IO[bytes], bytes_max: int) -> None:
    total = 0
    while frame := _frame(connection):
        total += len(frame)
        if total > bytes_max:
            raise InvalidInput("archive_too_large", f"cannot take in the archive: it has more than {bytes_max} bytes")
        spool.write(frame)
    spool.flush()


def _frame(connection: socket.socket) -> bytes:
    length = int.from_bytes(_exactly(connection, _LENGTH_BYTES))
    if length > FRAME_BYTES_MAX:
        raise InvalidInput("archive_unreadable", "cannot take in the archive: a frame of it is too long")
    return _exactly(connection, length)


def _exactly(connection: socket.socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        try:
            piece = connection.recv(size - len(found))
        except TimeoutError:
            piece = b""
        if not piece:
            raise InvalidInput("archive_unreadable", "cannot take in the archive: it ends too early")
        found += piece
    return bytes(found)


def _last_word(connection: socket.socket, **word: Any) -> None:
    text = json.dumps(word).encode()
    with suppress(OSError):  # whoever asked has hung up
        connection.sendall(b"\0" * _LENGTH_BYTES + len(text).to_bytes(_LENGTH_BYTES) + text)


class _Frames:
    """The file that tarfile writes to: full frames go out as they are ready."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._waiting = bytearray()

    def write(self, data: bytes) -> int:
        self._waiting += data
        while len(self._waiting) >= FRAME_BYTES:
            self._send(self._waiting[:FRAME_BYTES])
            del self._waiting[:FRAME_BYTES]
        return len(data)

    def flush(self) -> None:
        if self._waiting:
            self._send(self._waiting)
            self._waiting.clear()

    def _send(self, data: bytes | bytearray) -> None:
        self._connection.sendall(len(data).to_bytes(_LENGTH_BYTES) + data)


def _send_all(top: int, connection: socket.socket, *, history: bool) -> int:
    frames, count = _Frames(connection), 0
    with tarfile.open(fileobj=frames, mode="w|gz", compresslevel=6, format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]  # a writer is enough
        for path, fd, name in _walk(top, history=history):
            count += 1
            if count > ENTRIES_MAX:
                raise InvalidInput("archive_too_large", f"cannot export: there are more than {ENTRIES_MAX} files")
            _add(tar, path, fd, name)
    frames.flush()
    return count


def _walk(top: int, *, history: bool) -> Iterator[tuple[str, int, str]]:
    """Yield (path, folder's descriptor, name) of files and links, in order; no link is followed."""
    for folder_path, folders, files, fd in os.fwalk(".", dir_fd=top, follow_symlinks=False):
        links = [name for name in folders if stat.S_ISLNK(os.lstat(name, dir_fd=fd).st_mode)]
        folders[:] = sorted(name for name in folders if name not in NOT_EXPORTED and (history or name != RESERVED))
        prefix = folder_path.removeprefix(".").removeprefix("/")
        for name in sorted((*files, *links)):
            yield (f"{prefix}/{name}" if prefix else name), fd, name


def _add(tar: tarfile.TarFile, path: str, fd: int, name: str) -> None:
    entry = tarfile.TarInfo(path)
    found = os.lstat(name, dir_fd=fd)
    entry.mtime = int(found.st_mtime)
    if stat.S_ISLNK(found.st_mode):
        entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(name, dir_fd=fd)
        tar.addfile(entry)
    elif stat.S_ISREG(found.st_mode):
        with os.fdopen(os.open(name, _READING, dir_fd=fd), "rb") as file:
            opened = os.fstat(file.fileno())
            entry.size, entry.mode = opened.st_size, 0o755 if opened.st_mode & stat.S_IXUSR else 0o644
            if not stat.S_ISREG(opened.st_mode):
                raise _changed(path)
            try:
                tar.addfile(entry, file)
            except OSError as error:
                if error.errno is None:  # tarfile's own: the file has become shorter
                    raise _changed(path) from error
                raise


def _changed(path: str) -> Conflict:
    return Conflict("file_changed", f"cannot export: {path[:200]} changed while it was read")


def _empty(top: int) -> None:
    """Remove everything below the worktree, which itself stays."""
    for folder_path, folders, files, fd in os.fwalk(".", topdown=False, dir_fd=top, follow_symlinks=False):
        del folder_path
        for name in files:
            os.unlink(name, dir_fd=fd)
        for name in folders:
            if stat.S_ISLNK(os.lstat(name, dir_fd=fd).st_mode):
                os.unlink(name, dir_fd=fd)
            else:
                os.rmdir(name, dir_fd=fd)


def _disk_bytes(path: Path, entries_max: int) -> tuple[int, int]:
    """Return the bytes below `path` and how many entries are left to count."""
    total, left, seen = 0, entries_max, set[tuple[int, int]]()
    for _, folders, files, fd in os.fwalk(path, follow_symlinks=False):
        for name in (*folders, *files):
            left -= 1
            if left <= 0:
                return total, 0
            with suppress(OSError):  # gone meanwhile
                found = os.lstat(name, dir_fd=fd)
                if found.st_nlink == 1 or (found.st_dev, found.st_ino) not in seen:
                    total += found.st_blocks * 512
                if found.st_nlink > 1:
                    seen.add((found.st_dev, found.st_ino))
    return total, left


VERBS: Mapping[str, Verb] = {"archive.usage": usage}
READS = frozenset({"archive.usage"})
STREAMS: Mapping[str, StreamVerb] = {"archive.take_in": take_in, "archive.give_out": give_out}
