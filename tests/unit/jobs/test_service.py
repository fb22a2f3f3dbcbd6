import errno
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from pydantic import BaseModel
from sqlalchemy.exc import StatementError
from tests.fakes.database import HandClock, RememberingBus, fence, make_database, opened

from att.jobs.operations import OPERATIONS
from att.jobs.progress import LINES_MAX
from att.jobs.schema import JobListRequest, JobLogRequest, JobShowRequest, JobState, JobWaitRequest
from att.jobs.service import Jobs
from att.kernel.codes import CODES
from att.kernel.errors import AttError, Refused, Unavailable
from att.kernel.operation import Caller, Context, Effect, Kind, Operation, Progress, Role, Route
from att.store.retention import Retention
from att.store.service import Store

pytestmark = pytest.mark.anyio

ANN = Caller(id="usr_1", name="ann", role=Role.DEVELOPER)
BEA = Caller(id="usr_2", name="bea", role=Role.DEVELOPER)
OPERATOR = Caller(id="usr_3", name="oda", role=Role.OPERATOR)


class Request(BaseModel):
    text: str = ""


class Result(BaseModel):
    said: str


Handler = Callable[[Context, Request, Progress], Awaitable[Result]]


class World:
    """Jobs on a database, one operation `att.t` whose handler the test gives."""

    def __init__(self, store: Store, handler: Handler, clock: HandClock, **options: Any) -> None:
        self.store, self.bus, self.clock = store, RememberingBus(), clock

        async def handle(context: Context, request: Request) -> Result:
            assert context.progress is not None
            return await handler(context, request, context.progress)

        self.operation = Operation(
            name="att.t",
            summary="",
            request=Request,
            result=Result,
            effect=Effect.CHANGE,
            role=Role.VIEWER,
            route=Route("POST", "/t"),
            handler=handle,
            kind=Kind.JOB,
        )
        self.table = table = {"att.t": self.operation}
        options.setdefault("services", {Store: store})
        self.jobs = Jobs(store, self.bus, resolve=table.__getitem__, clock=clock, **options)

    async def submit(self, text: str = "", caller: Caller = ANN, **options: Any) -> str:
        return (await self.jobs.submit(self.operation, {"text": text}, caller, "req_1", **options)).job_id

    async def log(self, job_id: str, **options: Any) -> list[str]:
        return [line.text async for line in self.jobs.log(job_id, cursor=None, **options)]


@asynccontextmanager
async def world(link: Path, handler: Handler, *, run: bool = True, **options: Any) -> AsyncIterator[World]:
    """A process with its jobs; at its end it stops as on SIGTERM."""
    clock = options.pop("clock", None) or HandClock()
    async with opened(link, clock=clock) as store:
        at = World(store, handler, clock, **options)
        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                if run:
                    tasks.start_soon(at.jobs.run)
                yield at
                store.drain()
                at.jobs.stop()


async def echo(_: Context, request: Request, __: Progress) -> Result:
    return Result(said=request.text)


async def forever(_: Context, __: Request, ___: Progress) -> Result:
    await anyio.sleep_forever()
    raise AssertionError


async def test_a_job_runs_and_keeps_its_result(tmp_path: Path) -> None:
    async with world(make_database(tmp_path), echo) as at:
        job = await at.jobs.wait(await at.submit("hello"))
        assert (job.state, job.result, job.problem) == (JobState.SUCCEEDED, {"said": "hello"}, None)
        assert (job.caller, job.request_id, job.attempts) == ("ann", "req_1", 1)
        assert job.started is not None
        assert job.finished is not None
        assert at.bus.types() == ["job.queued", "job.started", "job.succeeded"]


async def test_progress_log_and_memory_are_persisted_as_they_come(tmp_path: Path) -> None:
    go, reached = anyio.Event(), anyio.Event()

    async def handler(context: Context, _: Request, progress: Progress) -> Result:
        assert context.caller == ANN
        assert context.get(Store) is not None
        await progress.step("count", percent=40.0, deadline=30.0)
        await progress.log("one")
        await progress.log("two\nthree")
        await progress.log("")
        await progress.remember(a=1)
        await progress.remember(b=[2])
        assert not await progress.cancelled()
        reached.set()
        await go.wait()
        return Result(said=json.dumps(await progress.state()))

    async with world(make_database(tmp_path), handler) as at:
        job_id = await at.submit()
        await reached.wait()
        job = await at.jobs.show(job_id)
        assert (job.state, job.step, job.percent) == (JobState.RUNNING, "count", 40.0)
        assert job.deadline is not None
        assert job.deadline.timestamp() == at.clock() + 30
        assert await at.log(job_id) == ["one", "two", "three", ""]
        assert await at.log(job_id, limit=2) == ["one", "two"]
        assert [line.cursor async for line in at.jobs.log(job_id, cursor="2")] == ["3", "4"]
        go.set()
        assert (await at.jobs.wait(job_id)).result == {"said": '{"a": 1, "b": [2]}'}
        assert ("job.progress", "count") in [(kind, told.get("step")) for kind, told in at.bus.published]


async def test_a_line_and_what_is_remembered_with_it_are_kept_both_or_neither(tmp_path: Path) -> None:
    async def handler(_: Context, __: Request, progress: Progress) -> Result:
        await progress.log("kept", offset=5)
        with pytest.raises(StatementError):
            await progress.log("not kept", offset=object())
        return Result(said=str((await progress.state())["offset"]))

    async with world(make_database(tmp_path), handler) as at:
        job = await at.jobs.wait(await at.submit())
        assert job.result == {"said": "5"}
        assert await at.log(job.id) == ["kept"]


async def test_a_full_log_takes_what_is_to_be_remembered_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("att.jobs.progress.LINES_MAX", 1)

    async def handler(_: Context, __: Request, progress: Progress) -> Result:
        for number in range(3):
            await progress.log(str(number), offset=number)
        return Result(said=str((await progress.state())["offset"]))

    async with world(make_database(tmp_path), handler) as at:
        job = await at.jobs.wait(await at.submit())
        assert job.result == {"said": "2"}
        assert len(await at.log(job.id)) == 1


async def test_a_handler_gets_services_that_are_made_at_their_first_use(tmp_path: Path) -> None:
    class Lazy(dict[type, Any]):
        def __missing__(self, kind: type) -> Any:
            return kind("made")

    async def handler(context: Context, _: Request, __: Progress) -> Result:
        return Result(said=context.get(str))

    async with world(make_database(tmp_path), handler, services=Lazy()) as at:
        assert (await at.jobs.wait(await at.submit())).result == {"said": "made"}


async def test_a_follower_gets_lines_as_they_come_and_ends_with_the_job(tmp_path: Path) -> None:
    async def handler(_: Context, __: Request, progress: Progress) -> Result:
        for number in range(5):
            await progress.log(str(number))
            await anyio.wait_all_tasks_blocked()
        return Result(said="")

    async with world(make_database(tmp_path), handler) as at:
        assert await at.log(await at.submit(), follow=True, limit=1) == ["0", "1", "2", "3", "4"]


async def test_stopping_leaves_the_job_running_and_the_next_process_resumes_it(tmp_path: Path) -> None:
    link, reached = make_database(tmp_path), anyio.Event()

    async def first(_: Context, __: Request, progress: Progress) -> Result:
        await progress.remember(done=3)
        await progress.log("first run")
        reached.set()
        await anyio.sleep_forever()
        raise AssertionError

    async def second(_: Context, __: Request, progress: Progress) -> Result:
        await progress.log("second run")
        return Result(said=str((await progress.state())["done"]))

    async with world(link, first) as at:
        job_id = await at.submit()
        await reached.wait()
        followed: list[str] = []

        async def follow() -> None:
            followed.extend(await at.log(job_id, follow=True))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow)
            await anyio.wait_all_tasks_blocked()
            at.store.drain()
            at.jobs.stop()
        assert followed == ["first run"]
        assert (await at.jobs.show(job_id)).state is JobState.RUNNING
    async with world(link, second) as at:
        job = await at.jobs.wait(job_id)
        assert (job.state, job.result, job.attempts) == (JobState.SUCCEEDED, {"said": "3"}, 2)
        assert await at.log(job_id) == ["first run", "second run"]


async def test_an_error_of_the_tree_is_kept_as_the_jobs_problem(tmp_path: Path) -> None:
    async def handler(_: Context, __: Request, ___: Progress) -> Result:
        raise Refused("version_bad", "cannot: no", data={"version": "1"})

    async with world(make_database(tmp_path), handler) as at:
        job = await at.jobs.wait(await at.submit())
        assert job.state is JobState.FAILED
        assert job.problem is not None
        assert (job.problem.code, job.problem.status, job.problem.data) == ("version_bad", 409, {"version": "1"})
        assert at.bus.types()[-1] == "job.failed"


async def test_a_job_that_meets_a_full_disk_fails_with_its_code_and_hint(tmp_path: Path) -> None:
    async def handler(_: Context, __: Request, ___: Progress) -> Result:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with world(make_database(tmp_path), handler) as at:
        job = await at.jobs.wait(await at.submit())
        assert job.problem is not None
        assert (job.problem.code, job.problem.hint) == ("disk_full", CODES["disk_full"])


@pytest.mark.parametrize("error", [ValueError("secret detail"), KeyError("x"), ZeroDivisionError()])
async def test_any_other_error_fails_the_job_without_its_text_and_the_runner_goes_on(
    tmp_path: Path, error: Exception
) -> None:
    async def handler(_: Context, request: Request, __: Progress) -> Result:
        if request.text == "bad":
            raise error
        return Result(said="fine")

    async with world(make_database(tmp_path), handler) as at:
        job = await at.jobs.wait(await at.submit("bad"))
        assert job.problem is not None
        assert (job.state, job.problem.code) == (JobState.FAILED, "internal")
        assert "secret" not in job.problem.detail
        assert (await at.jobs.wait(await at.submit("good"))).state is JobState.SUCCEEDED


async def test_an_operation_or_request_this_release_does_not_know_fails_the_job(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    async with world(link, echo, run=False) as at:
        gone, odd = await at.submit(), await at.submit()
    connection = sqlite3.connect(link / "att.db")
    connection.execute("UPDATE jobs SET operation = 'att.gone' WHERE id = ?", (gone,))
    connection.execute("UPDATE jobs SET request = '{\"text\": 7}' WHERE id = ?", (odd,))
    connection.commit()
    connection.close()
    async with world(link, echo) as at:
        for job_id, code in ((gone, "internal"), (odd, "invalid_input")):
            job = await at.jobs.wait(job_id)
            assert job.problem is not None
            assert job.problem.code == code


async def test_a_queued_job_is_cancelled_at_once(tmp_path: Path) -> None:
    async with world(make_database(tmp_path), echo, run=False) as at:
        job_id = await at.submit()
        assert (await at.jobs.cancel(job_id, ANN)).state is JobState.CANCELLED
        assert at.bus.types() == ["job.queued", "job.cancelled"]
        with pytest.raises(AttError) as told:
            await at.jobs.cancel(job_id, ANN)
        assert told.value.code == "job_finished"


async def test_a_running_job_is_told_to_stop_and_may_clean_up(tmp_path: Path) -> None:
    started = anyio.Event()

    async def handler(_: Context, __: Request, progress: Progress) -> Result:
        started.set()
        while not await progress.cancelled():
            await anyio.lowlevel.checkpoint()
        await progress.log("cleaned up")
        raise Refused("internal", "stopped")

    async with world(make_database(tmp_path), handler) as at:
        job_id = await at.submit()
        await started.wait()
        assert (await at.jobs.cancel(job_id, ANN)).cancel_requested
        assert (await at.jobs.wait(job_id)).state is JobState.CANCELLED
        assert await at.log(job_id) == ["cleaned up"]


async def test_a_deaf_job_is_interrupted_when_the_grace_is_over(tmp_path: Path) -> None:
    async with world(make_database(tmp_path), forever, cancel_grace_seconds=0.05) as at:
        job_id = await at.submit()
        while (await at.jobs.show(job_id)).state is not JobState.RUNNING:
            await anyio.lowlevel.checkpoint()
        await at.jobs.cancel(job_id, OPERATOR)
        assert (await at.jobs.wait(job_id)).state is JobState.CANCELLED


async def test_an_operation_that_undoes_much_gets_the_time_it_asks_for(tmp_path: Path) -> None:
    async def handler(_: Context, __: Request, progress: Progress) -> Result:
        while not await progress.cancelled():
            await anyio.lowlevel.checkpoint()
        await anyio.sleep(0.2)
        await progress.log("all of it is undone")
        raise Refused("internal", "stopped")

    async with world(make_database(tmp_path), handler, cancel_grace_seconds=0.01) as at:
        at.table["att.t"] = at.operation = replace(at.operation, cancel_seconds=15.0)
        job_id = await at.submit()
        while (await at.jobs.show(job_id)).state is not JobState.RUNNING:
            await anyio.lowlevel.checkpoint()
        await at.jobs.cancel(job_id, ANN)
        assert (await at.jobs.wait(job_id)).state is JobState.CANCELLED
        assert await at.log(job_id) == ["all of it is undone"]
        assert await at.jobs.request(job_id) == {"text": ""}


async def test_a_cancellation_survives_a_restart(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    async with world(link, forever) as at:
        job_id = await at.submit()
        while (await at.jobs.show(job_id)).state is not JobState.RUNNING:
            await anyio.lowlevel.checkpoint()
        await at.jobs.cancel(job_id, ANN)
    async with world(link, forever, cancel_grace_seconds=0.05) as at:
        assert (await at.jobs.wait(job_id)).state is JobState.CANCELLED


async def test_somebody_elses_job_is_an_operators_to_cancel(tmp_path: Path) -> None:
    async with world(make_database(tmp_path), echo, run=False) as at:
        job_id = await at.submit()
        with pytest.raises(AttError) as told:
            await at.jobs.cancel(job_id, BEA)
        assert told.value.code == "not_allowed"
        assert (await at.jobs.cancel(job_id, OPERATOR)).state is JobState.CANCELLED


async def test_the_same_key_is_the_same_job(tmp_path: Path) -> None:
    async with world(make_database(tmp_path), echo) as at:
        first = await at.submit("a", key="k")
        assert await at.submit("a", key="k") == first
        assert await at.submit("a", key="k", caller=BEA) != first
        with pytest.raises(AttError) as told:
            await at.submit("b", key="k")
        assert told.value.code == "key_reused"


async def test_jobs_of_one_exclusive_kind_run_one_after_the_other(tmp_path: Path) -> None:
    running, most, order = 0, 0, list[str]()

    async def handler(_: Context, request: Request, progress: Progress) -> Result:
        nonlocal running, most
        running += 1
        most = max(most, running)
        order.append(request.text)
        await progress.log("working")
        running -= 1
        return Result(said="")

    async with world(make_database(tmp_path), handler) as at:
        ids = [await at.submit(str(number), exclusive="x") for number in range(4)]
        for job_id in ids:
            await at.jobs.wait(job_id)
    assert (most, order) == (1, ["0", "1", "2", "3"])


async def test_no_more_jobs_run_than_the_limit(tmp_path: Path) -> None:
    gates = [anyio.Event() for _ in range(5)]
    started: list[int] = []

    async def handler(_: Context, request: Request, __: Progress) -> Result:
        started.append(int(request.text))
        await gates[int(request.text)].wait()
        return Result(said="")

    async with world(make_database(tmp_path), handler, concurrency=2) as at:
        ids = [await at.submit(str(number)) for number in range(5)]
        while len(started) < 2:
            await anyio.lowlevel.checkpoint()
        await anyio.wait_all_tasks_blocked()
        assert len(started) == 2
        for gate in gates:
            gate.set()
        assert [(await at.jobs.wait(job_id)).state for job_id in ids] == [JobState.SUCCEEDED] * 5


async def test_a_job_waits_out_a_fence_and_a_handler_that_hits_it_runs_again(tmp_path: Path) -> None:
    link, runs, fenced, told = make_database(tmp_path), list[str](), anyio.Event(), anyio.Event()

    async def handler(context: Context, _: Request, progress: Progress) -> Result:
        runs.append("run")
        if len(runs) == 1:
            await fenced.wait()
            try:
                async with context.get(Store).write(patience_seconds=0.05):
                    raise AssertionError("the fence holds")
            finally:
                told.set()
        await progress.log("went on")
        return Result(said="done")

    async with world(link, handler) as at:
        job_id = await at.submit()
        while not runs:
            await anyio.lowlevel.checkpoint()
        with fence(link):
            fenced.set()
            await told.wait()
            assert (await at.jobs.show(job_id)).state is JobState.RUNNING
        job = await at.jobs.wait(job_id)
    assert (job.state, job.result, runs) == (JobState.SUCCEEDED, {"said": "done"}, ["run", "run"])


async def test_stopping_under_the_fence_is_quick_and_fails_no_job(tmp_path: Path) -> None:
    link, go = make_database(tmp_path), anyio.Event()

    async def handler(_: Context, __: Request, progress: Progress) -> Result:
        await go.wait()
        await progress.log("never while fenced")
        return Result(said="")

    async with world(link, handler) as at:
        job_id = await at.submit()
        while (await at.jobs.show(job_id)).state is not JobState.RUNNING:
            await anyio.lowlevel.checkpoint()
        with fence(link), anyio.fail_after(3):
            go.set()
            while await at.store.could_write():
                await anyio.lowlevel.checkpoint()
            at.store.drain()
            at.jobs.stop()
            assert (await at.jobs.wait(job_id)).state is JobState.RUNNING
    async with world(link, echo) as at:
        assert (await at.jobs.wait(job_id)).state is JobState.SUCCEEDED


async def test_a_job_that_keeps_killing_the_process_is_given_up(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    async with world(link, echo, run=False) as at:
        job_id = await at.submit()
    connection = sqlite3.connect(link / "att.db")
    connection.execute("UPDATE jobs SET state = 'running', attempts = 10")
    connection.commit()
    connection.close()
    async with world(link, echo) as at:
        job = await at.jobs.wait(job_id)
        assert job.problem is not None
        assert job.problem.code == "job_crashed"


async def test_attempts_are_forgotten_after_a_minute_of_running(tmp_path: Path) -> None:
    clock = HandClock()

    async def handler(_: Context, __: Request, progress: Progress) -> Result:
        await progress.step("early")
        clock.advance(61)
        await progress.step("late")
        return Result(said="")

    async with world(make_database(tmp_path), handler, clock=clock) as at:
        assert (await at.jobs.wait(await at.submit())).attempts == 0


async def test_a_log_is_bounded(tmp_path: Path) -> None:
    link = make_database(tmp_path)

    async def handler(_: Context, __: Request, progress: Progress) -> Result:
        await progress.log("a\nb\nc\nd")
        await progress.log("e")
        return Result(said="")

    async with world(link, handler, run=False) as at:
        job_id = await at.submit()
    connection = sqlite3.connect(link / "att.db")
    connection.execute("UPDATE jobs SET lines = ?", (LINES_MAX - 3,))
    connection.commit()
    connection.close()
    async with world(link, handler) as at:
        await at.jobs.wait(job_id)
        assert await at.log(job_id) == ["a", "b", "… the log is full, further lines are dropped"]


async def test_watch_tells_each_change_and_ends_with_the_job(tmp_path: Path) -> None:
    seen_step = {name: anyio.Event() for name in "ab"}

    async def handler(_: Context, __: Request, progress: Progress) -> Result:
        for name, seen in seen_step.items():
            await progress.step(name)
            await seen.wait()
        return Result(said="")

    async with world(make_database(tmp_path), handler) as at:
        states: list[JobState] = []
        async for job in at.jobs.watch(await at.submit()):
            states.append(job.state)
            if job.step in seen_step:
                seen_step[job.step].set()
    assert states[-1] is JobState.SUCCEEDED
    assert all(seen.is_set() for seen in seen_step.values())


async def test_who_waits_gets_the_job_at_its_end_or_as_it_is_when_the_time_is_up(tmp_path: Path) -> None:
    go_on = anyio.Event()

    async def handler(_: Context, __: Request, progress: Progress) -> Result:
        await go_on.wait()
        return Result(said="")

    async with world(make_database(tmp_path), handler) as at:
        job_id = await at.submit()
        assert not (await at.jobs.ended(job_id, 0)).state.final
        assert not (await at.jobs.ended(job_id, 0.01)).state.final
        ends: list[JobState] = []

        async def wait() -> None:
            ends.append((await at.jobs.ended(job_id, 20)).state)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.lowlevel.checkpoint()
            go_on.set()
    assert ends == [JobState.SUCCEEDED]


async def test_old_jobs_are_swept_with_their_lines_and_unfinished_ones_stay(tmp_path: Path) -> None:
    link = make_database(tmp_path)

    async def handler(_: Context, __: Request, progress: Progress) -> Result:
        await progress.log("line")
        return Result(said="")

    async with world(link, handler, keep=Retention(days=1, rows_max=2)) as at:
        ids = [await at.submit() for _ in range(4)]
        for job_id in ids:
            await at.jobs.wait(job_id)
        await at.store.sweep()
        assert [job.id for job in (await at.jobs.list(JobListRequest())).jobs] == [ids[3], ids[2]]
        at.clock.advance(86_400 * 0.7)
        later = await at.submit()
        await at.jobs.wait(later)
        at.clock.advance(86_400 * 0.6)
        await at.store.sweep()
        assert [job.id for job in (await at.jobs.list(JobListRequest())).jobs] == [later]
    async with world(link, handler, run=False, keep=Retention(days=1, rows_max=0)) as at:
        queued = await at.submit()
        at.clock.advance(86_400 * 2)
        await at.store.sweep()
        assert [job.id for job in (await at.jobs.list(JobListRequest())).jobs] == [queued]
    connection = sqlite3.connect(link / "att.db")
    assert connection.execute("SELECT count(*) FROM job_lines").fetchone() == (0,)
    connection.close()


async def test_jobs_are_listed_in_pages_and_by_filter(tmp_path: Path) -> None:
    async with world(make_database(tmp_path), echo, run=False) as at:
        ids = [await at.submit() for _ in range(5)]
        await at.jobs.cancel(ids[0], ANN)
        seen: list[str] = []
        cursor: str | None = None
        while True:
            page = await at.jobs.list(JobListRequest(cursor=cursor, limit=2))
            seen += [job.id for job in page.jobs]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == ids[::-1]
        cancelled = await at.jobs.list(JobListRequest(state=JobState.CANCELLED, operation="att.t"))
        assert [job.id for job in cancelled.jobs] == [ids[0]]
        assert (await at.jobs.list(JobListRequest(operation="att.other"))).jobs == []


async def test_a_job_that_is_not_there_is_not_found_everywhere(tmp_path: Path) -> None:
    async with world(make_database(tmp_path), echo, run=False) as at:

        async def log() -> None:
            await at.log("job_none")

        for ask in (lambda: at.jobs.show("job_none"), lambda: at.jobs.cancel("job_none", ANN), log):
            with pytest.raises(AttError) as told:
                await ask()
            assert told.value.code == "job_unknown"


async def test_submitting_under_the_fence_is_refused_before_anything_began(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    async with world(link, echo, run=False) as at:
        at.store.drain()
        with fence(link), pytest.raises(Unavailable):
            await at.submit()
        assert (await at.jobs.list(JobListRequest())).jobs == []


async def test_jobs_wait_for_a_database_that_comes_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("att.jobs.runner._RETRY_SECONDS", 0.01)
    async with world(tmp_path / "db", echo) as at:
        await anyio.wait_all_tasks_blocked()
        make_database(tmp_path)
        assert (await at.jobs.wait(await at.submit("late"))).result == {"said": "late"}


async def test_the_operations_list_show_log_and_cancel(tmp_path: Path) -> None:
    by_name: dict[str, Any] = {operation.name: operation.handler for operation in OPERATIONS}
    async with world(make_database(tmp_path), echo, run=False) as at:
        context = Context(caller=ANN, request_id="r", services={Jobs: at.jobs})
        job_id = await at.submit()
        assert len((await by_name["att.job.list"](context, JobListRequest())).jobs) == 1
        assert (await by_name["att.job.show"](context, JobWaitRequest(job_id=job_id))).state is JobState.QUEUED
        assert (await by_name["att.job.cancel"](context, JobShowRequest(job_id=job_id))).state is JobState.CANCELLED
        lines = by_name["att.job.log"](context, JobLogRequest(job_id=job_id, follow=True))
        assert [line async for line in lines] == []
