"""Sandboxes in memory: tasks that live and end as the test says, apps served by a coroutine of the test."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import anyio

from att.kernel.errors import Conflict, NotFound, Unavailable
from att.workspace.place import Place
from att.workspace.schema import Channel, Ending, LogBlock, TaskSpec, TaskState

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Task:
    """One task: `end` ends it, `write` adds to its log."""

    def __init__(self, spec: TaskSpec, started: float) -> None:
        self.spec = spec
        self.log = bytearray()
        self.code: int | None = None
        self.ending: Ending | None = None
        self.started = started
        self.ended: float | None = None
        self.changed = anyio.Event()
        self.stops: list[float] = []
        self.lost_bytes = 0

    def write(self, data: bytes) -> None:
        self.log += data
        self._wake()

    def end(self, code: int | None = 0, ending: Ending = Ending.EXITED, *, at: float | None = None) -> None:
        if self.ending is None:
            self.ending, self.code, self.ended = ending, code, self.started if at is None else at
        self._wake()

    def _wake(self) -> None:
        self.changed.set()
        self.changed = anyio.Event()

    def state(self) -> TaskState:
        return TaskState(
            task_id=self.spec.task_id,
            kind=self.spec.kind,
            started=datetime.fromtimestamp(self.started, UTC),
            ended=None if self.ended is None else datetime.fromtimestamp(self.ended, UTC),
            ending=self.ending,
            code=self.code,
            log_bytes=len(self.log),
        )


class MemorySandboxes:
    """`att.workspace.ports.Sandboxes`; `on_start` is called with each new task, `serve` answers connections to apps."""

    def __init__(self, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.all: dict[str, Task] = {}
        self.clock = clock
        self.on_start: Callable[[Task], None] = lambda task: None
        self.serve: Serve | None = None
        self.refuses: Exception | None = None

    @property
    def last(self) -> Task:
        return list(self.all.values())[-1]

    async def prepare(self, place: Place) -> None:
        return None

    async def remove(self, place: Place) -> None:
        self.all.clear()

    async def start(self, place: Place, spec: TaskSpec) -> TaskState:
        if self.refuses is not None:
            raise self.refuses
        if spec.task_id not in self.all:
            self.all[spec.task_id] = task = Task(spec, self.clock())
            self.on_start(task)
        return self.all[spec.task_id].state()

    async def state(self, place: Place, task_id: str) -> TaskState:
        return self._task(task_id).state()

    async def tasks(self, place: Place) -> list[TaskState]:
        return [task.state() for task in self.all.values()]

    async def wait(self, place: Place, task_id: str) -> TaskState:
        task = self._task(task_id)
        while task.ending is None:
            await task.changed.wait()
        return task.state()

    async def stop(self, place: Place, task_id: str, *, grace_seconds: float = 5.0) -> TaskState:
        task = self._task(task_id)
        task.stops.append(grace_seconds)
        task.end(-15, Ending.STOPPED, at=self.clock())
        return task.state()

    async def connect(self, place: Place, task_id: str, channel: Channel) -> socket.socket:
        task = self._task(task_id)
        if task.ending is not None or self.serve is None:
            raise Unavailable("task_unreachable", f"cannot reach {task_id}: it does not listen", hint="")
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            reader, writer = await asyncio.open_unix_connection(sock=theirs)
        except BaseException:
            ours.close()
            raise
        serving = asyncio.create_task(_served(self.serve, reader, writer))
        _SERVING.add(serving)
        serving.add_done_callback(_SERVING.discard)
        return ours

    async def read_log(
        self, place: Place, task_id: str, offset: int = 0, *, follow: bool = False
    ) -> AsyncIterator[bytes]:
        task = self._task(task_id)
        while True:
            if len(task.log) > offset:
                data = bytes(task.log[offset:])
                offset += len(data)
                yield data
            elif not follow or task.ending is not None:
                return
            else:
                await task.changed.wait()

    async def read_blocks(
        self, place: Place, task_id: str, offset: int = 0, *, follow: bool = False
    ) -> AsyncIterator[LogBlock]:
        offset = max(offset, self._task(task_id).lost_bytes)
        async for data in self.read_log(place, task_id, offset, follow=follow):
            yield LogBlock(offset, data)
            offset += len(data)

    async def forget(self, place: Place, task_id: str) -> None:
        if self._task(task_id).ending is None:
            raise Conflict("task_running", f"cannot forget {task_id}: it runs", hint="")
        del self.all[task_id]

    def _task(self, task_id: str) -> Task:
        if task_id not in self.all:
            raise NotFound("task_unknown", f"cannot find the task {task_id}", hint="")
        return self.all[task_id]


_SERVING: set[asyncio.Task[None]] = set()


async def _served(serve: Serve, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await serve(reader, writer)
    except (ConnectionError, asyncio.IncompleteReadError):
        return
    finally:
        writer.close()


def answers(status: int, body: bytes, *, path_bodies: dict[str, bytes] | None = None) -> Serve:
    """Return an app that answers each request alike, but for the paths that have a body of their own."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        content = (path_bodies or {}).get(path, body)
        writer.write(
            b"HTTP/1.1 %d X\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (status, len(content), content)
        )
        await writer.drain()

    return serve
