"""Says something to a running app and records everything that it says while it works."""

import asyncio
import json
import socket
import time
from collections.abc import Callable
from typing import Any

from att.kernel.errors import AttError, Conflict, Failed, InvalidInput, Unavailable
from att.kernel.operation import Caller
from att.runtime.exchange import Answer, AppBroken, Patience, Sent, exchange, request
from att.runtime.frames import Frame, FrameKind, Frames, problem_of, text_of
from att.runtime.inputs import ASK_PATH, body_for, input_schema
from att.runtime.records import App
from att.runtime.service import Runtime
from att.runtime.trace_schema import ANSWER_CHARS_MAX, Ask, AskAnswer, TraceState
from att.runtime.traces import Recording, Traces
from att.workspace.place import Place

_OPENAPI_SECONDS = 10.0
_OPENAPI_BYTES_MAX = 8 * 1024 * 1024
_REFUSAL_BYTES_MAX = 64 * 1024
_SCHEMAS_MAX = 256


class Asking:
    """Asks apps; their input schema is read once a task."""

    def __init__(self, runtime: Runtime, traces: Traces, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._runtime = runtime
        self._traces = traces
        self._monotonic = monotonic
        self._schemas: dict[str, Any] = {}

    async def ask(self, asked: Ask, caller: Caller, request_id: str) -> AskAnswer:
        """Return the app's answer, put together of all its pieces.

        Raises InvalidInput(app_input), Conflict(app_stopped), Unavailable(task_unreachable|app_timeout),
        Failed(app_broken|workflow_failed); the last three name the trace in `data["trace_id"]`.
        """
        body = json.dumps(await self._body(asked)).encode()
        place, app, connection = await self._connect(asked.project_id)
        began = self._monotonic()
        shown = asked.message if asked.message is not None else json.dumps(asked.input, ensure_ascii=False)
        try:
            recording = await self._traces.begin(place.project_id, app.task_id, shown, caller, request_id)
        except BaseException:
            connection.close()
            raise
        run = _Run(recording)
        await self._listen(run, connection, body, asked.timeout_seconds)
        await self._traces.end(recording, TraceState.ANSWERED, answer=run.text, problem=None)
        return AskAnswer(
            project_id=place.project_id,
            answer=run.text,
            trace_id=recording.trace_id,
            steps=recording.steps,
            seconds=round(self._monotonic() - began, 3),
        )

    async def _connect(self, project: str) -> tuple[Place, App, socket.socket]:
        """Connect; to wait and try again does not help where nobody has started the app, so that is no Unavailable."""
        try:
            return await self._runtime.connect(project)
        except Unavailable as error:
            if error.code != "app_stopped":
                raise
            raise Conflict(error.code, error.detail) from error

    async def _listen(self, run: "_Run", connection: socket.socket, body: bytes, seconds: float) -> None:
        """Ask and record what is said to its end; whatever goes wrong is in the trace before it is raised."""
        headers = [(b"content-type", b"application/json"), (b"accept", b"text/event-stream")]
        sent, patience = Sent("POST", ASK_PATH, headers, body), Patience(head_seconds=seconds, idle_seconds=seconds)
        try:
            async with asyncio.timeout(seconds), exchange(connection, sent, patience=patience) as answer:
                await run.listen(answer)
        except TimeoutError as error:
            late = Unavailable("app_timeout", f"the app did not answer within {seconds:g} s")
            raise await self._failed(run, TraceState.TIMED_OUT, late) from error
        except AppBroken as error:
            broken = Failed("app_broken", f"the app broke off: {error}")
            raise await self._failed(run, TraceState.FAILED, broken) from error
        except AttError as error:
            raise await self._failed(run, TraceState.FAILED, error) from error
        if run.problem is not None:
            failed = Failed("workflow_failed", f"the app's workflow failed: {run.problem}"[:2_000])
            raise await self._failed(run, TraceState.FAILED, failed)

    async def _failed(self, run: "_Run", state: TraceState, error: AttError) -> AttError:
        await self._traces.end(run.recording, state, answer=run.text or None, problem=error.detail)
        error.data["trace_id"] = run.recording.trace_id
        return error

    async def _body(self, asked: Ask) -> Any:
        if (asked.message is None) == (asked.input is None):
            raise InvalidInput("invalid_input", "cannot ask: say either a message or an input", field="message")
        if asked.input is not None:
            return asked.input
        return body_for(await self._schema(asked.project_id), asked.message or "")

    async def _schema(self, project: str) -> Any:
        _, app, connection = await self._connect(project)
        known = self._schemas.get(app.task_id)
        if known is not None:
            connection.close()
            return known
        sent = Sent("GET", "/openapi.json")
        try:
            status, body = await request(connection, sent, seconds=_OPENAPI_SECONDS, bytes_max=_OPENAPI_BYTES_MAX)
            schema = input_schema(json.loads(body)) if status == 200 else {}
        except (AppBroken, ValueError, RecursionError) as error:
            raise Failed("app_broken", f"cannot read what the app takes: {error}") from error
        if len(self._schemas) >= _SCHEMAS_MAX:
            self._schemas.clear()
        self._schemas[app.task_id] = schema
        return schema


class _Run:
    """What came of one question so far."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.problem: str | None = None
        self._pieces: list[str] = []
        self._chars = 0

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    async def listen(self, answer: Answer) -> None:
        """Record the answer to its end."""
        if answer.status != 200:
            refusal = (await answer.body(_REFUSAL_BYTES_MAX)).decode("utf-8", "replace")
            await self._take([Frame(FrameKind.ERROR, {"status": answer.status, "message": refusal})])
            raise _refused(answer.status, refusal)
        frames = Frames()
        async for part in answer.parts():
            await self._take(frames.feed(part))
        await self._take(frames.close())

    async def _take(self, frames: list[Frame]) -> None:
        await self.recording.add(frames)
        for frame in frames:
            if frame.kind is FrameKind.ERROR:
                self.problem = problem_of(frame)
            piece = text_of(frame)
            if self._chars < ANSWER_CHARS_MAX:
                self._pieces.append(piece[: ANSWER_CHARS_MAX - self._chars])
                self._chars += len(piece)


def _refused(status: int, told: str) -> AttError:
    if status == 422:
        return InvalidInput("app_input", f"the app does not take this input: {told[:1_000]}", field="input")
    return Failed("app_broken", f"the app answered with status {status}: {told[:1_000]}")
