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

AUTHORITIES = "att-authorities.pem"
"""Among the temporary files of a task with a proxy: whom to trust, where the site has authorities of its own."""

GRACE_SECONDS = 5.0
RECORD_BYTES_MAX = 64 * 1024


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


def begun_of(data: bytes) -> Begun:
    """Return what `run.json` says; raises ValueError for what no `att-run` wrote."""
    return Begun(**_fields(data, Begun))


def over_of(data: bytes) -> Over:
    """Return what `exit.json` says; raises ValueError for what no `att-run` wrote."""
    return Over(**_fields(data, Over))


def take_lock(folder: Path) -> int | None:
    """Return a descriptor that holds the task's lock until it is closed; None when somebody else holds it."""
    fd = os.open(folder / LOCK, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def is_held(fd: int) -> bool:
    """Whether the task's `att-run` lives, `fd` its lock opened; to be asked only of a task that has begun.

    Asking holds the lock for a moment, in which nobody else could take it.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False


def grace_seconds(folder: Path) -> float:
    """Return how long whoever stops the task lets it end by itself."""
    with suppress(OSError, ValueError):
        return min(float((folder / STOP).read_text(encoding="ascii")), 600.0)
    return GRACE_SECONDS


def _fields(data: bytes, kind: type[Begun | Over]) -> dict[str, Any]:
    found = json.loads(data)
    if not isinstance(found, dict) or found.keys() - kind.__dataclass_fields__.keys():
        raise ValueError("it is no record of a task")
    return found
