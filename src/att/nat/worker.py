"""One process of NAT's venv that answers questions, one JSON line each way."""

import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import ByteReceiveStream, Process
from anyio.streams.buffered import BufferedByteReceiveStream

ANSWER_BYTES_MAX = 16 * 1024 * 1024
ERROR_BYTES_KEPT = 8 * 1024
_END_SECONDS = 5.0
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


class WorkerDied(Exception):
    """The process ended, or said what it should not; the text is the end of what it complained."""


class Refused(Exception):
    """The worker could not answer; the text says why."""


class Worker:
    """A started worker; use `worker` to start one."""

    def __init__(self, process: Process) -> None:
        if process.stdout is None or process.stdin is None:
            raise ValueError("the worker needs pipes")
        self._process = process
        self._questions = process.stdin
        self._answers = BufferedByteReceiveStream(process.stdout)
        self._count = 0
        self.complaints = b""

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def ready(self) -> dict[str, Any]:
        """Wait for its first line; return what it is. Raises WorkerDied."""
        first = await self._line()
        if not isinstance(told := first.get("ready"), dict):
            raise WorkerDied("it did not say that it is ready")
        return told

    async def ask(self, verb: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer; raises WorkerDied, and Refused for what it could not answer."""
        self._count += 1
        question = {"id": self._count, "verb": verb, "arguments": arguments}
        try:
            await self._questions.send(json.dumps(question, separators=(",", ":")).encode() + b"\n")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise WorkerDied(await self._end()) from error
        answer = await self._line()
        if answer.get("id") != self._count:
            raise WorkerDied("it answered another question")
        if "error" in answer:
            raise Refused(str(answer["error"]))
        result = answer.get("result")
        if not isinstance(result, dict):
            raise WorkerDied("its answer holds no result")
        return result

    async def listen(self, stream: ByteReceiveStream) -> None:
        """Keep the end of what it complains, until it ends."""
        with suppress(anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
            while True:
                self.complaints = (self.complaints + await stream.receive())[-ERROR_BYTES_KEPT:]

    async def _line(self) -> dict[str, Any]:
        try:
            line = await self._answers.receive_until(b"\n", ANSWER_BYTES_MAX)
            told = json.loads(line)
        except (anyio.IncompleteRead, anyio.EndOfStream, anyio.BrokenResourceError, anyio.DelimiterNotFound) as error:
            raise WorkerDied(await self._end()) from error
        except ValueError as error:
            raise WorkerDied("its answer is no JSON") from error
        if not isinstance(told, dict):
            raise WorkerDied("its answer is no object")
        return told

    async def _end(self) -> str:
        """Return why it is no more."""
        with anyio.move_on_after(_END_SECONDS):
            code = await self._process.wait()
            if code < 0:
                return f"it was ended by signal {-code}"
        lines = self.complaints.decode(errors="replace").strip().splitlines()
        return lines[-1][:500] if lines else "it ended without a word"


@asynccontextmanager
async def worker(python: Path, environment: Mapping[str, str] | None = None) -> AsyncIterator[Worker]:
    """Start a worker; whatever happens inside, it is dead when this ends. OSError when it cannot be started."""
    process = await anyio.open_process(
        [str(python), "-P", "-m", "att_nat.worker"],
        env={**_ENVIRONMENT, **(environment or {})},
        cwd="/",
        start_new_session=True,
    )
    started = Worker(process)
    try:
        async with anyio.create_task_group() as tasks:
            if process.stderr is not None:
                tasks.start_soon(started.listen, process.stderr)
            yield started
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            with anyio.move_on_after(_END_SECONDS):
                await process.aclose()
