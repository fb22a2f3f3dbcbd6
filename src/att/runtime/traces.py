"""Keeps what apps said while they worked: a row a run, its frames as lines of a file, written as they come."""

import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from sqlalchemy import Row, insert, select, update

from att.kernel.errors import NotFound, Unavailable
from att.kernel.ids import new_id
from att.kernel.operation import Caller
from att.runtime.frames import Frame, FrameKind
from att.runtime.tables import traces
from att.runtime.trace_schema import ANSWER_CHARS_MAX, Trace, TracePage, TraceState, TraceStep
from att.store.connection import Connection
from att.store.cursor import parse_cursor
from att.store.retention import Retention, prune
from att.store.service import Store

KEEP = Retention(days=30, rows_max=100)
TRACE_BYTES_MAX = 16 * 1024 * 1024
SHOWN_CHARS_MAX = 2_000
POLL_SECONDS = 0.2
RETRY_SECONDS = 1.0
_SUFFIX = ".jsonl"
_READ_BYTES = 256 * 1024


class Recording:
    """One run while it is recorded."""

    def __init__(self, trace_id: str, path: Path, clock: Callable[[], float]) -> None:
        self.trace_id = trace_id
        self.steps = 0
        self.bytes = 0
        self.truncated = False
        self._path = path
        self._clock = clock

    async def add(self, frames: Sequence[Frame]) -> None:
        """Append frames to the file; beyond the limit they are counted and dropped."""
        lines = bytearray()
        for frame in frames:
            self.steps += frame.kind is FrameKind.STEP
            line = json.dumps([self._clock(), frame.kind.value, frame.value], separators=(",", ":")).encode() + b"\n"
            if self.bytes + len(lines) + len(line) > TRACE_BYTES_MAX:
                self.truncated = True
            if not self.truncated:
                lines += line
        if lines:
            await anyio.to_thread.run_sync(_append, self._path, bytes(lines))
            self.bytes += len(lines)


class Traces:
    """The recorded runs of all projects."""

    def __init__(
        self, store: Store, folder: Path, *, clock: Callable[[], float] = time.time, keep: Retention = KEEP
    ) -> None:
        self._store = store
        self._folder = folder
        self._clock = clock
        self._keep = keep
        self._live: set[str] = set()
        store.sweeps(self._sweep)

    async def begin(self, project_id: str, task_id: str, message: str, caller: Caller, request_id: str) -> Recording:
        """Write down that a run begins, before it does."""
        trace_id = new_id("trace")
        await anyio.to_thread.run_sync(lambda: self._folder.mkdir(mode=0o700, parents=True, exist_ok=True))
        self._live.add(trace_id)
        async with self._store.write() as connection:
            await connection.execute(
                insert(traces).values(
                    id=trace_id,
                    project_id=project_id,
                    task_id=task_id,
                    state=TraceState.RUNNING.value,
                    message=message[:SHOWN_CHARS_MAX],
                    steps=0,
                    bytes=0,
                    truncated=False,
                    caller=caller.name,
                    request_id=request_id,
                    started=self._clock(),
                )
            )
        return Recording(trace_id, self._file(trace_id), self._clock)

    async def end(self, recording: Recording, state: TraceState, *, answer: str | None, problem: str | None) -> None:
        """Write down how a run ended."""
        try:
            async with self._store.write() as connection:
                await connection.execute(
                    update(traces)
                    .where(traces.c.id == recording.trace_id)
                    .values(
                        state=state.value,
                        answer=None if answer is None else answer[:ANSWER_CHARS_MAX],
                        problem=None if problem is None else problem[:SHOWN_CHARS_MAX],
                        steps=recording.steps,
                        bytes=recording.bytes,
                        truncated=recording.truncated,
                        ended=self._clock(),
                    )
                )
        finally:
            self._live.discard(recording.trace_id)

    async def show(self, trace_id: str) -> Trace:
        """Return a run or raise NotFound(trace_unknown)."""
        async with self._store.read() as connection:
            row = (await connection.execute(select(traces).where(traces.c.id == trace_id))).one_or_none()
        if row is None:
            raise NotFound("trace_unknown", f"cannot find the trace {trace_id[:64]}")
        return self._shown(row)

    async def list(self, project_id: str, *, cursor: str | None, limit: int) -> TracePage:
        """Return a page of a project's runs, newest first."""
        chosen = select(traces).where(traces.c.project_id == project_id)
        if cursor is not None:
            chosen = chosen.where(traces.c.number < parse_cursor(cursor))
        async with self._store.read() as connection:
            found = await connection.execute(chosen.order_by(traces.c.number.desc()).limit(limit + 1))
            rows = list(found)
        shown = rows[:limit]
        following = str(shown[-1].number) if len(rows) > limit else None
        return TracePage(traces=[self._shown(row) for row in shown], next_cursor=following)

    async def read(self, trace_id: str, *, cursor: str | None, limit: int, follow: bool) -> AsyncIterator[TraceStep]:
        """Yield a run's frames after `cursor`, with `follow` until it has ended. Raises NotFound(trace_unknown)."""
        offset, left = parse_cursor(cursor or "0"), limit
        while True:
            ended = (await self.show(trace_id)).state is not TraceState.RUNNING
            lines = await anyio.to_thread.run_sync(_lines, self._file(trace_id), offset)
            for line in lines:
                offset += len(line)
                yield _step(line, offset)
                left -= 1
                if not follow and left <= 0:
                    return
            if not lines:
                if ended or not follow:
                    return
                await anyio.sleep(POLL_SECONDS)

    async def run(self) -> None:
        """Mark what an earlier process left in the middle, then return; must run in the entrypoint's task group."""
        while True:
            try:
                await self.interrupt_left()
            except Unavailable:
                await anyio.sleep(RETRY_SECONDS)
            else:
                return

    async def interrupt_left(self) -> None:
        """Mark the runs that an earlier process left in the middle."""
        async with self._store.write() as connection:
            left = traces.c.state == TraceState.RUNNING.value
            await connection.execute(
                update(traces)
                .where(left, traces.c.id.not_in(self._live))
                .values(state=TraceState.INTERRUPTED.value, ended=self._clock())
            )

    def _shown(self, row: Row[Any]) -> Trace:
        values = dict(row._mapping)
        del values["number"]
        return Trace(
            **{
                **values,
                "started": datetime.fromtimestamp(row.started, UTC),
                "ended": None if row.ended is None else datetime.fromtimestamp(row.ended, UTC),
            }
        )

    def _file(self, trace_id: str) -> Path:
        return self._folder / f"{trace_id}{_SUFFIX}"

    async def _sweep(self, connection: Connection) -> None:
        projects = (await connection.execute(select(traces.c.project_id).group_by(traces.c.project_id))).scalars()
        for project_id in list(projects):
            await prune(
                connection,
                traces,
                order=traces.c.number,
                time=traces.c.started,
                keep=self._keep,
                now=self._clock(),
                steady=self._store.steady,
                only=traces.c.project_id == project_id,
            )
        known = set((await connection.execute(select(traces.c.id))).scalars())
        await anyio.to_thread.run_sync(_remove_others, self._folder, known)


def _append(path: Path, data: bytes) -> None:
    with path.open("ab", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]


def _lines(path: Path, offset: int) -> list[bytes]:
    """Return the whole lines behind `offset`, at most about `_READ_BYTES` of them, but one if it is longer."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(_READ_BYTES)
            end = data.rfind(b"\n") + 1
            if not end and len(data) == _READ_BYTES:
                data += file.readline()
                end = len(data) if data.endswith(b"\n") else 0
    except FileNotFoundError:
        return []
    return data[:end].splitlines(keepends=True)


def _step(line: bytes, offset: int) -> TraceStep:
    when, kind, value = json.loads(line)
    return TraceStep(cursor=str(offset), time=datetime.fromtimestamp(when, UTC), kind=FrameKind(kind), value=value)


def _remove_others(folder: Path, known: set[str]) -> None:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.suffix == _SUFFIX and path.stem not in known:
            path.unlink(missing_ok=True)
