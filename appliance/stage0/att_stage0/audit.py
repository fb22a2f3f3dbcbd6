"""The audit log: everybody who is root appends here, one at a time; each line is chained to what is before it.

A full disk or another process that hangs must not stop a rollback: what fails is told on stderr and survived, and who
does not get a turn writes a line without the chain, which the next one takes in.
"""

import contextlib
import errno
import fcntl
import json
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from att_stage0 import chain
from att_stage0.journal import sync_directory

FILE_BYTES_MAX = 8 << 20
"""A file of this size is put aside as `audit.log.000001` and so on."""
FILES_KEPT = 12
"""How many files that were put aside stay, the newest."""
LINE_BYTES_MAX = 64 << 10
LOCK_FILE = ".audit.lock"
_VALUE_CHARS_MAX = 1_000
_TURN_SECONDS_MAX = 5.0
_NEAR_BYTES = 16 << 10


def append(path: Path, entry: Mapping[str, Any]) -> None:
    """Append one entry durably. A line that a crash tore stays alone: what is appended begins a line of its own."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with turn(path.parent) as mine:
            if mine:
                _put_aside(path)
            _write(path, entry, mine)
    except OSError as error:
        print(f"cannot append to {path}: {error}", file=sys.stderr)  # noqa: T201


def files(path: Path) -> list[Path]:
    """Return the files of the log that are there, the oldest first."""
    named = re.compile(re.escape(path.name) + r"\.[0-9]{6}\Z")
    try:
        aside = sorted(one for one in path.parent.iterdir() if named.match(one.name))
    except FileNotFoundError:
        return []
    return [*aside, path] if path.exists() else aside


def tail(path: Path, size: int) -> bytes:
    """Return the last `size` bytes of the log, over its files."""
    parts: list[bytes] = []
    for one in reversed(files(path)):
        with one.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - size))
            parts.insert(0, file.read(size))
        size -= len(parts[0])
        if size <= 0:
            break
    return b"".join(parts)


@contextlib.contextmanager
def turn(folder: Path, *, shared: bool = False) -> Iterator[bool]:
    """Hold the lock of the log in `folder`; gives False when it was not to be had within 5 s, or cannot be made.

    It is a file that nobody but root opens: a lock on the folder itself could be held by whoever may read that.
    """
    try:
        fd = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        yield False
        return
    try:
        yield _locked(fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    finally:
        os.close(fd)


def _locked(fd: int, kind: int) -> bool:
    until = time.monotonic() + _TURN_SECONDS_MAX
    while True:
        try:
            fcntl.flock(fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.02)
        else:
            return True


def _put_aside(path: Path) -> None:
    """Give a full file its number, in one rename, and drop the oldest."""
    if not path.exists() or path.stat().st_size < FILE_BYTES_MAX:
        return
    aside = files(path)[:-1]
    number = int(aside[-1].suffix[1:]) + 1 if aside else 1
    path.rename(path.with_name(f"{path.name}.{number:06d}"))
    for old in aside[: max(0, len(aside) + 1 - FILES_KEPT)]:
        old.unlink()
    sync_directory(path.parent)


def _write(path: Path, entry: Mapping[str, Any], mine: bool) -> None:
    created = not path.exists()
    near = tail(path, _NEAR_BYTES)
    # A line that lost its end alone is whole, and may be chained, once it has it again: it is judged with it.
    gap = b"\n" if near and not near.endswith(b"\n") else b""
    begin = chain.last_chained(near + gap)
    span = (near[begin:] if begin else tail(path, chain.SPAN_BYTES_MAX)) + gap
    told = {**_short(entry), **({chain.PREVIOUS: chain.digest(span[chain.last_chained(span) :])} if mine else {})}
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        text = gap + _line(told)
        if os.write(fd, text) < len(text):
            raise OSError(errno.ENOSPC, "there was room for a part of a line alone")
        os.fdatasync(fd)
    finally:
        os.close(fd)
    if created:
        sync_directory(path.parent)


def _short(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the entry without its long values, should a line be too long with them."""
    if len(_line(entry)) <= LINE_BYTES_MAX:
        return entry
    kept = [(name, value) for name, value in entry.items() if len(json.dumps(value)) <= _VALUE_CHARS_MAX][:32]
    return {**dict(kept), "left_out": len(entry) - len(kept)}


def _line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace") + b"\n"
