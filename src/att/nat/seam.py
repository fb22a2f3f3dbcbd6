"""Asks NAT's worker: one process, kept warm, started when first needed, again when it dies, killed when it hangs."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import structlog

from att.kernel.errors import AttError, Failed, TooMany, Unavailable
from att.nat.worker import Refused, Worker, WorkerDied, worker

QUESTIONS_MAX = 32
ANSWER_SECONDS = 30.0
START_SECONDS = 300.0
PATIENCE_SECONDS = 40.0
"""How long a caller waits, unless it says otherwise; a worker's start goes on without it."""
LIVED_SECONDS = 30.0
_PAUSES = (0.0, 0.0, 1.0, 5.0, 15.0, 30.0)
"""Seconds before the next start, after so many workers in a row that did not live for LIVED_SECONDS."""
_BUSY = "nat_busy"
_UNAVAILABLE = "nat_unavailable"
_FAILED = "nat_failed"
log = structlog.get_logger()


@dataclass
class _Question:
    verb: str
    arguments: Mapping[str, Any]
    answered: anyio.Event = field(default_factory=anyio.Event)
    result: dict[str, Any] | None = None
    error: AttError | None = None
    tried: bool = False
    given_up: bool = False

    def end(self, *, result: dict[str, Any] | None = None, error: AttError | None = None) -> None:
        self.result, self.error = result, error
        self.answered.set()


class NatSeam:
    """The client of the worker; `run` beside the server, then `ask` from anywhere."""

    def __init__(self, python: Path, *, environment: Mapping[str, str] | None = None) -> None:
        self._python = python
        self._wanted = anyio.Event()
        self._waiting: deque[_Question] = deque()
        self._arrived = anyio.Event()
        self._ended = False
        self._environment = environment
        self._starting = True
        self._trouble = ""
        self.version: dict[str, Any] = {}
        self.pid: int | None = None

    def wake(self) -> None:
        """Have the worker started before somebody asks."""
        self._wanted.set()

    async def ask(
        self, verb: str, arguments: Mapping[str, Any], *, patience_seconds: float = PATIENCE_SECONDS
    ) -> dict[str, Any]:
        """Return the worker's answer, within `patience_seconds` also when it is still starting.

        Raises TooMany(nat_busy) when too many wait already, Unavailable(nat_unavailable) while it starts or when it
        took too long, Failed(nat_failed) when it could not answer or died twice over this question.
        """
        if self._ended:
            raise Unavailable(_UNAVAILABLE, "cannot ask NAT: the service is ending", retry_after_seconds=2)
        if len(self._waiting) >= QUESTIONS_MAX:
            raise TooMany(_BUSY, "cannot ask NAT: too many questions wait already", retry_after_seconds=2)
        question = _Question(verb, arguments)
        self._waiting.append(question)
        self._arrived.set()
        self._wanted.set()
        try:
            with anyio.move_on_after(patience_seconds):
                await question.answered.wait()
        finally:
            question.given_up = True
        if question.error is not None:
            raise question.error
        if question.result is None:
            raise self._late()
        return question.result

    async def run(self) -> None:
        """Keep a worker and answer questions until cancelled; the worker is dead when this returns."""
        failed = 0
        try:
            await self._wanted.wait()
            while True:
                started = anyio.current_time()
                ready = await self._live()
                failed = 0 if anyio.current_time() - started > LIVED_SECONDS and ready else failed + 1
                if not ready:
                    self._refuse_all()
                await anyio.sleep(_PAUSES[min(failed, len(_PAUSES) - 1)])
        finally:
            self._ended = True

    async def _live(self) -> bool:
        """Have one worker live its life; return whether it was ever ready."""
        ready = False
        try:
            async with worker(self._python, self._environment) as process:
                with anyio.fail_after(START_SECONDS):
                    self.version = await process.ready()
                ready, self._starting, self.pid = True, False, process.pid
                log.info("NAT's worker is ready", **self.version)
                await self._serve(process)
        except* (WorkerDied, OSError) as errors:  # a TimeoutError is an OSError
            self._trouble = str(errors.exceptions[0])[:200]
            log.warning("NAT's worker ended", reason=self._trouble, ready=ready)
        finally:
            self._starting, self.pid = True, None
        return ready

    async def _serve(self, process: Worker) -> None:
        """Answer questions until the worker dies or hangs; raises WorkerDied."""
        while True:
            while not self._waiting:
                self._arrived = anyio.Event()
                await self._arrived.wait()
            question = self._waiting.popleft()
            if not question.given_up:
                await self._answer(process, question)

    async def _answer(self, process: Worker, question: _Question) -> None:
        what = f"cannot {question.verb}"
        try:
            with anyio.fail_after(ANSWER_SECONDS):
                question.end(result=await process.ask(question.verb, question.arguments))
        except Refused as error:
            question.end(error=Failed(_FAILED, f"{what}: {error}"))
        except TimeoutError as error:
            late = f"{what}: NAT's worker took more than {ANSWER_SECONDS:.0f} s"
            question.end(error=Unavailable(_UNAVAILABLE, late, retry_after_seconds=5))
            raise WorkerDied("it took too long for an answer and was killed") from error
        except WorkerDied as error:
            if question.tried:
                question.end(error=Failed(_FAILED, f"{what}: NAT's worker dies of it: {error}"))
            else:
                question.tried = True
                self._waiting.appendleft(question)
            raise

    def _refuse_all(self) -> None:
        """Answer all who wait for a worker that cannot be started."""
        while self._waiting:
            self._waiting.popleft().end(error=self._late())

    def _late(self) -> AttError:
        if self._starting:
            why = f"its worker is starting{': ' + self._trouble if self._trouble else ''}"
        else:
            why = "it has too much to do"
        return Unavailable(_UNAVAILABLE, f"cannot ask NAT: {why}", retry_after_seconds=5)
