"""Reads what is known of tasks from their folders, which belong to the project: nothing in them is trusted.

Every file is opened beneath the project's folder without following a link, so that a project which puts a link in place
of its log or of a socket reaches nothing of the reader's.
"""

import os
import re
import socket
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import anyio
from anyio.to_thread import run_sync
from pydantic import ValidationError

from att.kernel.errors import InvalidInput, NotFound, Unavailable
from att.workspace.place import Place
from att.workspace.schema import Channel, Ending, LogBlock, TaskState
from att.workspace.shim.records import EXIT, LOCK, LOG, RECORD_BYTES_MAX, RUN, Begun, Over, begun_of, is_held, over_of
from att.workspace.verbs.beneath import folder, open_beneath, opened

LOG_BLOCK_BYTES = 256 * 1024
_LOOK_SECONDS = (0.01, 0.02, 0.05, 0.1)
_TASK_ID = re.compile(r"[a-z][0-9a-z_]{0,63}")
_READING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY


class TaskFolders:
    """The reading half of `Sandboxes`."""

    async def state(self, place: Place, task_id: str) -> TaskState:
        """Return what is known of a task; raises NotFound(task_unknown)."""
        return await run_sync(read_state, place, task_id)

    async def tasks(self, place: Place) -> list[TaskState]:
        """Return all tasks whose folder is still there, oldest first."""
        return await run_sync(read_states, place)

    async def wait(self, place: Place, task_id: str) -> TaskState:
        """Return the state once the task has ended; cancellation leaves the task running."""
        looked = 0
        while (state := await self.state(place, task_id)).running:
            await anyio.sleep(_LOOK_SECONDS[min(looked, len(_LOOK_SECONDS) - 1)])
            looked += 1
        return state

    async def connect(self, place: Place, task_id: str, channel: Channel) -> socket.socket:
        """Return a connected, non-blocking unix socket to the task. Raises Unavailable(task_unreachable)."""
        return await run_sync(_connected, place, task_id, channel)

    async def read_log(
        self, place: Place, task_id: str, offset: int = 0, *, follow: bool = False
    ) -> AsyncIterator[bytes]:
        """Yield the log's bytes from `offset` on; with `follow` until the task has ended."""
        async for block in self.read_blocks(place, task_id, offset, follow=follow):
            yield block.data

    async def read_blocks(
        self, place: Place, task_id: str, offset: int = 0, *, follow: bool = False
    ) -> AsyncIterator[LogBlock]:
        """Do as `read_log` and say where each block stands: behind `offset` where the log lost its beginning."""
        await self.state(place, task_id)
        fd = await run_sync(_open_log, place, task_id)
        try:
            over = not follow
            while True:
                block = await run_sync(_block, fd, offset)
                if block.data:
                    offset = block.offset + len(block.data)
                    yield block
                elif over:
                    return
                else:
                    over = await self._is_over(place, task_id)
                    await anyio.sleep(0 if over else _LOOK_SECONDS[-1])
        finally:
            os.close(fd)

    async def _is_over(self, place: Place, task_id: str) -> bool:
        try:
            return not (await self.state(place, task_id)).running
        except NotFound:
            return True  # it was forgotten while its log was read


def read_states(place: Place) -> list[TaskState]:
    """Return the state of every task that has begun, oldest first."""
    found = []
    for name in sorted(entry.name for entry in place.tasks.glob("*")):
        try:
            found.append(read_state(place, name))
        except (NotFound, InvalidInput):
            continue  # a folder that is about to begin, or about to go
    return sorted(found, key=lambda state: (state.started or datetime.max.replace(tzinfo=UTC), state.task_id))


def read_state(place: Place, task_id: str) -> TaskState:
    """Return what its folder says of a task; raises NotFound(task_unknown) when it has not begun."""
    with _task_folder(place, task_id) as fd:
        begun, size = _begun(fd, task_id), _log_size(fd)
        over = _over(fd)
        if over is None and not _lives(fd):
            over = _over(fd) or Over("lost", None, _last_sign(fd), size)
    try:
        return TaskState.model_validate(
            {
                "task_id": task_id,
                "kind": begun.kind,
                "started": begun.started,
                "ended": over and over.ended,
                "ending": over and over.ending,
                "code": over and over.code,
                "log_bytes": size,
                "log_dropped_bytes": over.log_dropped_bytes if over else 0,
            }
        )
    except ValidationError as error:
        raise _unknown(task_id) from error


def runner_of(place: Place, task_id: str) -> int | None:
    """Return the process id of the task's `att-run` while it lives."""
    with _task_folder(place, task_id) as fd:
        begun = _begun(fd, task_id)
        return begun.pid if _over(fd) is None and _lives(fd) else None


def checked_id(task_id: str) -> str:
    """Return the id; InvalidInput for what no task can be called."""
    if not _TASK_ID.fullmatch(task_id):
        raise InvalidInput("invalid_input", f"cannot use {task_id[:64]!r}: no id of a task", field="task_id")
    return task_id


@contextmanager
def _task_folder(place: Place, task_id: str) -> Iterator[int]:
    parts = (place.tasks.name, checked_id(task_id))
    try:
        with folder(place.folder) as top, opened(top, parts, os.O_PATH | os.O_DIRECTORY, follow=False) as fd:
            yield fd
    except OSError as error:
        raise _unknown(task_id) from error


def _begun(fd: int, task_id: str) -> Begun:
    try:
        return begun_of(_record(fd, RUN))
    except (OSError, ValueError, TypeError) as error:
        raise _unknown(task_id) from error


def _over(fd: int) -> Over | None:
    try:
        return over_of(_record(fd, EXIT))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        return Over(Ending.LOST.value, None, _last_sign(fd))


def _record(fd: int, name: str) -> bytes:
    with opened(fd, (name,), _READING, follow=False) as file:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise ValueError("it is no file")
        return os.read(file, RECORD_BYTES_MAX)


def _lives(fd: int) -> bool:
    try:
        with opened(fd, (LOCK,), _READING, follow=False) as lock:
            return is_held(lock)
    except FileNotFoundError:
        return False


def _log_size(fd: int) -> int:
    try:
        return os.stat(LOG, dir_fd=fd, follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0


def _last_sign(fd: int) -> str:
    try:
        changed = os.stat(LOG, dir_fd=fd, follow_symlinks=False).st_mtime
    except FileNotFoundError:
        changed = os.fstat(fd).st_mtime
    return datetime.fromtimestamp(changed, UTC).isoformat()


def _block(fd: int, offset: int) -> LogBlock:
    """Read a block at `offset`, or at the first byte after it that the log still has."""
    while data := os.pread(fd, LOG_BLOCK_BYTES, offset):
        # Looked at after reading: what became a hole in between may have been read as zeros.
        try:
            kept = os.lseek(fd, offset, os.SEEK_DATA)
        except OSError:
            break  # nothing but a hole up to the end: no log that `att-run` wrote
        if kept == offset:
            return LogBlock(offset, data)
        offset = kept
    return LogBlock(offset, b"")


def _open_log(place: Place, task_id: str) -> int:
    with _task_folder(place, task_id) as fd:
        file = open_beneath(fd, (LOG,), _READING, follow=False)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise _unknown(task_id)
    return file


def _connected(place: Place, task_id: str, channel: Channel) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(5.0)
        with (
            _task_folder(place, task_id) as fd,
            _unreachable(task_id, channel),
            opened(fd, (channel.value,), os.O_PATH, follow=False) as found,
        ):
            if not stat.S_ISSOCK(os.fstat(found).st_mode):
                raise ConnectionRefusedError("it is no socket")
            connection.connect(str(Path("/proc/self/fd", str(found))))
        connection.setblocking(False)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _unreachable(task_id: str, channel: Channel) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise Unavailable(
            "task_unreachable", f"cannot reach {channel.value} of {task_id}: {why.lower()}", retry_after_seconds=1
        ) from error


def _unknown(task_id: str) -> NotFound:
    return NotFound("task_unknown", f"cannot find the task {task_id[:64]}: it has not begun or was forgotten")
