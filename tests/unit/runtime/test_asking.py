import asyncio
import json
from pathlib import Path

import anyio
import pytest
from tests.fakes.sandboxes import Serve, answers
from tests.unit.runtime.world import ANN, World, world

from att.kernel.errors import AttError
from att.runtime import traces as traces_module
from att.runtime.asking import Asking
from att.runtime.frames import FrameKind, frame_of
from att.runtime.inputs import ASK_PATH
from att.runtime.trace_schema import Ask, AskAnswer, Trace, TraceState, TraceStep
from att.store.retention import Retention

pytestmark = pytest.mark.anyio

STEP = b'intermediate_data: {"id":"s","type":"LLM_END","payload":"{}"}\n\n'
OPENAPI = json.dumps(
    {
        "paths": {
            ASK_PATH: {
                "post": {"requestBody": {"content": {"application/json": {"schema": {"properties": {"question": {}}}}}}}
            }
        }
    }
).encode()
asked: list[bytes] = []


def workflow(*parts: bytes, ends: bool = True) -> Serve:
    """Return an app that answers questions with these parts; without `ends` it never closes the stream."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET /openapi.json"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(OPENAPI), OPENAPI))
            return
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
        asked.append(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for part in parts:
            writer.write(b"%x\r\n%s\r\n" % (len(part), part))
            await writer.drain()
        if ends:
            writer.write(b"0\r\n\r\n")
        else:
            await reader.read()

    return serve


async def _started(at: World, serve: Serve) -> None:
    await at.start()
    asked.clear()
    at.sandboxes.serve = serve


async def _ask(at: World, **options: object) -> AskAnswer:
    request = Ask.model_validate({"project_id": "one", "message": "hi", **options})
    return await at.asking.ask(request, ANN, "req_1")


async def _steps(at: World, trace_id: str, **options: object) -> list[TraceStep]:
    defaults = {"cursor": None, "limit": 1000, "follow": False}
    return [step async for step in at.traces.read(trace_id, **{**defaults, **options})]  # type: ignore[arg-type]  # named options


async def _traces(at: World) -> list[Trace]:
    return (await at.traces.list("prj_1", cursor=None, limit=50)).traces


async def test_the_answer_is_all_its_pieces_and_every_step_is_recorded(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await _started(at, workflow(STEP, b'data: {"value":"4"}\n\n', b'data: {"value":"2"}\n\n', STEP))
        answer = await _ask(at)
        assert (answer.answer, answer.steps) == ("42", 2)
        assert json.loads(asked[0]) == {"question": "hi"}
        kinds = [step.kind for step in await _steps(at, answer.trace_id)]
        assert kinds == [FrameKind.STEP, FrameKind.DATA, FrameKind.DATA, FrameKind.STEP]
        [trace] = await _traces(at)
        assert (trace.state, trace.answer, trace.message, trace.caller) == (TraceState.ANSWERED, "42", "hi", "ann")


async def test_an_input_is_sent_as_it_is(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await _started(at, workflow(b'data: {"value":"ok"}\n\n'))
        await _ask(at, message=None, input={"a": 1})
        assert json.loads(asked[0]) == {"a": 1}


async def test_a_question_is_a_message_or_an_input(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await _started(at, workflow())
        for values in ({"message": None}, {"input": {"a": 1}}):
            with pytest.raises(AttError) as told:
                await _ask(at, **values)
            assert told.value.code == "invalid_input"


async def test_an_app_that_does_not_run_cannot_be_asked(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        with pytest.raises(AttError) as told:
            await _ask(at)
        assert (told.value.status, told.value.code) == (409, "app_stopped")
        assert await _traces(at) == []


async def test_a_failed_workflow_is_told_with_its_trace(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await _started(at, workflow(STEP, b'{"code":1,"message":"no model","details":"ConnectError"}'))
        with pytest.raises(AttError) as told:
            await _ask(at)
        assert (told.value.code, "ConnectError: no model" in told.value.detail) == ("workflow_failed", True)
        [trace] = await _traces(at)
        assert (told.value.data["trace_id"], trace.state, trace.steps) == (trace.id, TraceState.FAILED, 1)


async def test_an_app_that_never_ends_is_left_in_time_and_what_it_said_is_kept(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await _started(at, workflow(STEP, b'data: {"value":"half"}\n\n', ends=False))
        with pytest.raises(AttError) as told:
            await _ask(at, timeout_seconds=0.5)
        assert told.value.code == "app_timeout"
        [trace] = await _traces(at)
        assert (trace.state, trace.answer, trace.steps) == (TraceState.TIMED_OUT, "half", 1)


async def test_an_app_that_breaks_off_is_broken(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await _started(at, answers(200, b""))

        async def breaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n" + STEP)

        await _ask(at, message=None, input={})
        at.sandboxes.serve = breaks
        with pytest.raises(AttError) as told:
            await _ask(at, message=None, input={})
        assert told.value.code == "app_broken"


async def test_an_input_that_the_app_refuses_is_the_callers_fault(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await _started(at, answers(422, b'{"detail":"question: field required"}'))
        with pytest.raises(AttError) as told:
            await _ask(at, message=None, input={})
        assert (told.value.code, told.value.status, "question" in told.value.detail) == ("app_input", 422, True)


async def test_a_run_is_followed_while_it_goes_on(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await _started(at, answers(200, b""))
        recording = await at.traces.begin("prj_1", "task_1", "hi", ANN, "req_1")
        seen: list[TraceStep] = []

        async def follow() -> None:
            async for step in at.traces.read(recording.trace_id, cursor=None, limit=1, follow=True):
                seen.append(step)

        frame = frame_of(STEP)
        assert frame is not None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow)
            for _ in range(3):
                await recording.add([frame])
            await at.traces.end(recording, TraceState.ANSWERED, answer="", problem=None)
        assert len(seen) == 3
        assert [step.cursor for step in await _steps(at, recording.trace_id, cursor=seen[0].cursor)] == [
            seen[1].cursor,
            seen[2].cursor,
        ]


async def test_a_run_that_a_kill_interrupted_is_marked_and_keeps_its_steps(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await _started(at, workflow(STEP, ends=False))
        with anyio.move_on_after(0.5):
            await _ask(at)
        at.build()
        await at.traces.run()
        [trace] = await _traces(at)
        assert trace.state is TraceState.INTERRUPTED
        assert len(await _steps(at, trace.id)) == 1


async def test_old_runs_go_with_their_files_and_strange_files_too(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.traces = traces_module.Traces(
            at.store, tmp_path / "few", clock=at.clock, keep=Retention(days=30, rows_max=2)
        )
        at.asking = Asking(at.runtime, at.traces)
        await _started(at, workflow(STEP))
        for _ in range(4):
            await _ask(at)
        (tmp_path / "few" / "trace_of_a_deleted_project.jsonl").write_text("")
        await at.store.sweep()
        kept = {trace.id for trace in await _traces(at)}
        assert len(kept) == 2
        assert {path.stem for path in (tmp_path / "few").iterdir()} == kept


async def test_a_run_with_too_many_steps_is_cut_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces_module, "TRACE_BYTES_MAX", 200)
    async with world(tmp_path) as at:
        await _started(at, workflow(*[STEP] * 10))
        answer = await _ask(at)
        [trace] = await _traces(at)
        assert (trace.truncated, trace.steps) == (True, 10)
        assert 0 < len(await _steps(at, answer.trace_id)) < 10


async def test_an_unknown_trace_is_not_found(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        with pytest.raises(AttError) as told:
            await _steps(at, "trace_none")
        assert told.value.code == "trace_unknown"


async def test_traces_are_listed_by_page_newest_first(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await _started(at, workflow(STEP))
        made = [(await _ask(at)).trace_id for _ in range(3)]
        first = await at.traces.list("prj_1", cursor=None, limit=2)
        second = await at.traces.list("prj_1", cursor=first.next_cursor, limit=2)
        assert [trace.id for trace in [*first.traces, *second.traces]] == made[::-1]
        assert second.next_cursor is None
