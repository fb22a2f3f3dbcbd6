"""Reads and changes single files of the worktree."""

import base64
import hashlib
import os
import secrets
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from att.kernel.errors import Conflict, InvalidInput, TooLarge
from att.workspace.verbs import Verb, taken
from att.workspace.verbs.beneath import (
    RESERVED,
    changeable,
    folder,
    open_beneath,
    opened,
    parent,
    parts_of,
    rename_to_new,
    settled,
)
from att.workspace.verbs.reasons import explained

READ_BYTES_DEFAULT = 1024 * 1024
READ_BYTES_MAX = 4 * 1024 * 1024
WRITE_BYTES_MAX = 40 * 1024 * 1024
HASH_BYTES_MAX = 256 * 1024 * 1024
ABSENT = "absent"
"""Expected by a write that must make a new file."""
STAGED = ".att-"
"""How a name begins that is being written; a crash may leave one behind, and nobody lists it."""

_BLOCK = 1024 * 1024
_READING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY  # a pipe or a device in place of a file must not hold us up
_changing = threading.Lock()


def read(root: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file's content from `offset` on, `length` bytes at most: as text, or base64 when it is none.

    `sha256` and `bytes` are the whole file's; the hash is null above HASH_BYTES_MAX.
    """
    path, offset = taken(arguments, "path", str), taken(arguments, "offset", int, 0)
    length = taken(arguments, "length", int, READ_BYTES_DEFAULT)
    if offset < 0 or not 0 <= length <= READ_BYTES_MAX:
        raise InvalidInput("invalid_input", f"cannot read {length} bytes from {offset}: at most {READ_BYTES_MAX}")
    parts = parts_of(path)
    with folder(root) as top, explained("read", path), opened(top, parts, _READING) as fd:
        found = _regular(fd, path)
        piece = _piece(fd, offset, length)
        digest = _digest(fd) if found.st_size <= HASH_BYTES_MAX else None
    content, encoding = _told(piece)
    return {
        "path": "/".join(parts),
        "content": content,
        "encoding": encoding,
        "bytes": found.st_size,
        "offset": offset,
        "truncated": offset + len(piece) < found.st_size,
        "sha256": digest,
        "executable": bool(found.st_mode & stat.S_IXUSR),
    }


def write(root: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Write a whole file: a reader sees the old or the new content; folders above it are made, its mode is kept.

    `expected` is the sha256 of the content it replaces, or ABSENT: else Conflict(file_changed) with the actual one.
    """
    path, data = taken(arguments, "path", str), _content(arguments)
    expected, executable = arguments.get("expected"), arguments.get("executable")
    parts = changeable(path)
    with folder(root) as top, explained("write", path), _changing:
        real = changeable("/".join(settled(top, parts)))
        with parent(top, real, make=True) as above, _staging(top, above) as staging:
            before = _before(above, real[-1], path, digest=expected is not None)
            _expect(path, expected, before)
            mode = 0o644 if before is None else before.mode
            if executable is not None:
                mode = mode | 0o111 if executable else mode & ~0o111
            _replace(staging, above, real[-1], data, mode)
    digest = hashlib.sha256(data).hexdigest()
    return {"path": "/".join(real), "bytes": len(data), "sha256": digest, "created": before is None}


class _Before:
    """What a write replaces."""

    def __init__(self, mode: int, digest: str | None) -> None:
        self.mode = mode
        self.digest = digest


def _before(above: int, name: str, path: str, *, digest: bool) -> _Before | None:
    try:
        fd = open_beneath(above, (name,), _READING, follow=False)
    except FileNotFoundError:
        return None
    try:
        found = _regular(fd, path)
        return _Before(stat.S_IMODE(found.st_mode) & 0o777, _digest(fd) if digest else None)
    finally:
        os.close(fd)


def _expect(path: str, expected: Any, before: _Before | None) -> None:
    if expected is None:
        return
    actual = ABSENT if before is None else before.digest
    if expected != actual:
        why = "it does not exist" if before is None else "it was changed meanwhile"
        data = {"expected": expected, "actual": actual}
        raise Conflict("file_changed", f"cannot write {path}: {why}", field="expected", data=data)


@contextmanager
def _staging(top: int, above: int) -> Iterator[int]:
    """Open where a file is written before it has its name: git's own folder, so that a crash leaves no stray file."""
    try:
        fd = open_beneath(top, (RESERVED,), os.O_PATH | os.O_DIRECTORY, follow=False)
    except OSError:
        yield above  # no repository, or one that is elsewhere
        return
    try:
        yield fd if os.fstat(fd).st_dev == os.fstat(above).st_dev else above
    finally:
        os.close(fd)


def _replace(staging: int, above: int, name: str, data: bytes, mode: int) -> None:
    staged = STAGED + secrets.token_hex(8)
    fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=staging)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fchmod(fd, mode)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(staged, name, src_dir_fd=staging, dst_dir_fd=above)
    except BaseException:
        os.unlink(staged, dir_fd=staging)
        raise


def move(root: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Rename a file or folder, a link itself and not what it names; folders above the target are made.

    Without `overwrite` nothing is replaced: Conflict(file_exists).
    """
    path, target = taken(arguments, "path", str), taken(arguments, "target", str)
    overwrite = taken(arguments, "overwrite", bool, False)
    with folder(root) as top, _changing, ExitStack() as open_folders:
        with explained("move", path):
            parts = _itself(top, path)
            source = open_folders.enter_context(parent(top, parts))
            os.stat(parts[-1], dir_fd=source, follow_symlinks=False)
        with explained("move to", target, "target"):
            wanted = _itself(top, target)
            above = open_folders.enter_context(parent(top, wanted, make=True))
            if overwrite:
                os.rename(parts[-1], wanted[-1], src_dir_fd=source, dst_dir_fd=above)
            else:
                rename_to_new(source, parts[-1], above, wanted[-1])
    return {"path": "/".join(parts), "target": "/".join(wanted)}


def delete(root: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Remove a file, a link, or an empty folder; with `recursive` a folder with all that is in it."""
    path, recursive = taken(arguments, "path", str), taken(arguments, "recursive", bool, False)
    with folder(root) as top, explained("delete", path), _changing:
        parts = _itself(top, path)
        with parent(top, parts) as above:
            found = os.stat(parts[-1], dir_fd=above, follow_symlinks=False)
            if not stat.S_ISDIR(found.st_mode):
                os.unlink(parts[-1], dir_fd=above)
            elif recursive:
                import shutil  # most agents never need it, and it costs a fifth of their start

                shutil.rmtree(parts[-1], dir_fd=above)
            else:
                os.rmdir(parts[-1], dir_fd=above)
    return {"path": "/".join(parts)}


def _itself(top: int, path: str) -> tuple[str, ...]:
    """Return where a file lies, its folder's links followed but not its own."""
    parts = changeable(path)
    above = settled(top, parts[:-1]) if len(parts) > 1 else ()
    return changeable("/".join((*above, parts[-1])))


def _regular(fd: int, path: str) -> os.stat_result:
    found = os.fstat(fd)
    if stat.S_ISDIR(found.st_mode):
        raise InvalidInput("file_kind", f"cannot use {path} as a file: it is a folder", field="path")
    if not stat.S_ISREG(found.st_mode):
        raise InvalidInput("file_kind", f"cannot use {path} as a file: it is a pipe, socket or device", field="path")
    return found


def _piece(fd: int, offset: int, length: int) -> bytes:
    piece = bytearray()
    while len(piece) < length:
        block = os.pread(fd, length - len(piece), offset + len(piece))
        if not block:
            break
        piece += block
    return bytes(piece)


def _digest(fd: int) -> str:
    digest, offset = hashlib.sha256(), 0
    while block := os.pread(fd, _BLOCK, offset):
        digest.update(block)
        offset += len(block)
    return digest.hexdigest()


def _told(piece: bytes) -> tuple[str, str]:
    if b"\0" not in piece:
        try:
            return piece.decode(), "utf-8"
        except UnicodeDecodeError:
            pass  # not text: base64 carries it
    return base64.b64encode(piece).decode("ascii"), "base64"


def _content(arguments: Mapping[str, Any]) -> bytes:
    content, encoding = taken(arguments, "content", str), taken(arguments, "encoding", str, "utf-8")
    try:
        if encoding not in ("utf-8", "base64"):
            raise InvalidInput("invalid_input", "cannot take encoding: it is utf-8 or base64", field="encoding")
        data = content.encode() if encoding == "utf-8" else base64.b64decode(content, validate=True)
    except ValueError as error:
        raise InvalidInput("invalid_input", f"cannot take content: it is no {encoding}", field="content") from error
    if len(data) > WRITE_BYTES_MAX:
        raise TooLarge("file_too_large", f"cannot write {len(data)} bytes: the limit is {WRITE_BYTES_MAX}")
    return data


VERBS: Mapping[str, Verb] = {
    "files.read": read,
    "files.write": write,
    "files.move": move,
    "files.delete": delete,
}
READS = frozenset({"files.read"})
