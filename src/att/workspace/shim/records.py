"""The files in a task's folder, as `att-run` writes them and the backends read them.

`lock` is held with flock for as long as the task's `att-run` lives; `run.json` is there from just before the task's
first process on, `exit.json` once nothing of it lives. So a folder with `run.json`, without `exit.json` and with a free
lock belongs to a task whose `att-run` was killed.
"""

import fcntl
import json
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LOCK, LOG, STOP = "lock", "log", "stop"
RUN, EXIT = "run.json", "exit.json"
AGENT_SOCKET, APP_SOCKET, ATTACH_SOCKET = "agent.sock", "app.sock", "attach.sock"
OUT = "out"
"""The folder in which a task may leave files for who started it (a report); `ATT_TASK_OUT` names it."""

GRACE_SECONDS = 5.0
_RECORD_BYTES_MAX = 64 * 1024


@dataclass(frozen=True)
class Begun:
    """`run.json`: who runs the task since when; `port` is the app's own."""

    task_id: str
    kind: str
    started: str
    pid: int
    port: int | None = None


@dataclass(frozen=True)
class Over:
    """`exit.json`: how it ended; the values of `ending` are those of `att.workspace.schema.Ending`."""

    ending: str
    code: int | None
    ended: str
    log_bytes: int = 0
    log_dropped_bytes: int = 0


def now() -> str:
    """Return the time as records carry it."""
    return datetime.now(UTC).isoformat()


def write_record(folder: Path, name: str, record: Begun | Over) -> None:
    """Write a record so that a reader sees all of it or none."""
    temporary = folder / f".{name}.{secrets.token_hex(6)}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    try:
        try:
            os.write(fd, json.dumps(asdict(record)).encode())
            os.fsync(fd)
        finally:
            os.close(fd)
        temporary.rename(folder / name)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_begun(folder: Path) -> Begun | None:
    """Return what `run.json` says; None when the task has not begun."""
    found = _read(folder / RUN)
    return None if found is None else Begun(**found)


def read_over(folder: Path) -> Over | None:
    """Return what `exit.json` says; None when the task has not ended."""
    found = _read(folder / EXIT)
    return None if found is None else Over(**found)


def take_lock(folder: Path) -> int | None:
    """Return a descriptor that holds the task's lock until it is closed; None when somebody else holds it."""
    fd = os.open(folder / LOCK, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def is_held(folder: Path) -> bool:
    """Whether the task's `att-run` lives; to be asked only once it has begun, since asking holds the lock a moment."""
    fd = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def grace_seconds(folder: Path) -> float:
    """Return how long whoever stops the task lets it end by itself."""
    with suppress(OSError, ValueError):
        return min(float((folder / STOP).read_text(encoding="ascii")), 600.0)
    return GRACE_SECONDS


def _read(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            found: dict[str, Any] = json.loads(file.read(_RECORD_BYTES_MAX))
    except FileNotFoundError:
        return None
    return found
