"""Who works on backups now: several may be made at once, a restore is alone; and how a held service waits for it."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from att.kernel.errors import Conflict

LOCK, MAKERS = "restore.lock", "backup.lock"
_POLL_SECONDS = 0.1


@contextmanager
def turn(run: Path, *, alone: bool) -> Iterator[None]:
    """Be the only one at work if `alone`, else one of those who do not restore; Conflict(backup_running).

    The lock dies with its process.
    """
    fd = _opened(run / LOCK)
    try:
        if not _taken(fd, fcntl.LOCK_EX if alone else fcntl.LOCK_SH):
            raise Conflict("backup_running", "cannot begin: a backup or a restore is running")
        yield
    finally:
        os.close(fd)


@contextmanager
def turn_of_the_dead(run: Path, gate: Path, sleep: Callable[[float], None] = time.sleep) -> Iterator[bool]:
    """Wait while a restore that lives holds the services; whether nobody is at work, and this process alone now is.

    Without a process that restores, `gate` says that one died which held them.
    """
    fd = _opened(run / LOCK)
    try:
        while not (free := _taken(fd, fcntl.LOCK_EX)) and gate.exists():
            sleep(_POLL_SECONDS)
        yield free
    finally:
        os.close(fd)


@contextmanager
def turn_after(run: Path, *, alone: bool) -> Iterator[None]:
    """As `turn`, but wait for it, however long that takes."""
    fd = _opened(run / LOCK)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)


@contextmanager
def among_makers(run: Path, sweep: Callable[[], None]) -> Iterator[None]:
    """Be one of those who make a backup; who finds no other at work calls `sweep` first, and the next ones wait."""
    fd = _opened(run / MAKERS)
    try:
        if _taken(fd, fcntl.LOCK_EX):
            sweep()
        fcntl.flock(fd, fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _taken(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
