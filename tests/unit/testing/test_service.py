import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.fakes.database import HandClock, RememberingBus, make_database, opened
from tests.fakes.projects import FakePlaces, FakeProgress, add_projects
from tests.fakes.sandboxes import MemorySandboxes, Task

from att.kernel.errors import AttError, Unavailable
from att.kernel.operation import Kind
from att.store.retention import Retention
from att.store.service import Store
from att.testing.left import LeftFiles
from att.testing.operations import OPERATIONS, exit_code
from att.testing.schema import HistoryRequest, Outcome, ResultsRequest, RunRequest, Suite, TestRun
from att.testing.service import Testing
from att.workspace.place import Place
from att.workspace.schema import Ending, Program, TaskKind

pytestmark = pytest.mark.anyio

GOOD = '<testcase classname="tests.unit.test_a" name="test_good" file="tests/unit/test_a.py" line="3" time="0.5"/>'
BAD = GOOD.replace("test_good", "test_bad").replace(
    "/>", '><failure message="no">tests/unit/test_a.py:7: E</failure></testcase>'
)
BROKEN = (
    '<testcase classname="" name="tests.test_x"><error message="collection failure">E   SyntaxError</error></testcase>'
)


class FakeEnvironment:
    def plain(self) -> dict[str, str]:
        return {"ATT_ROUTER_URL": "http://127.0.0.1:7444/v1"}

    async def secret(self, place: Place) -> dict[str, str]:
        return {"TOKEN": "s3cret"}


class World:
    """Test runs over a real database; `pytest` says what each run leaves and how it ends."""

    def __init__(self, store: Store, folder: Path, clock: HandClock, keep: Retention) -> None:
        self.store, self.folder, self.clock, self.keep = store, folder, clock, keep
        self.places, self.bus = FakePlaces(folder, {"prj_1": "one"}), RememberingBus()
        self.sandboxes = MemorySandboxes(clock)
        self.build()

    def build(self) -> None:
        """Make the service anew, as a new process does."""
        reports = LeftFiles()
        self.testing = Testing(
            self.store, self.bus, self.places, self.sandboxes, FakeEnvironment(), reports,
            clock=self.clock, keep=self.keep,
        )  # fmt: skip

    def pytest(self, *cases: str, code: int = 0, log: bytes = b"", coverage: float | None = None) -> None:
        """Have the next runs leave a report of these cases and end with that code."""

        def ends(task: Task) -> None:
            task.write(log)
            self.leave(task, "junit.xml", f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
            if coverage is not None:
                self.leave(task, "coverage.json", json.dumps({"totals": {"percent_covered": coverage}}))
            task.end(code)

        self.sandboxes.on_start = ends

    def leave(self, task: Task, name: str, content: str) -> None:
        folder = self.folder / "one" / "tasks" / task.spec.task_id / "out"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)

    async def run(self, progress: FakeProgress | None = None, **options: Any) -> TestRun:
        return await self.testing.run(RunRequest(project_id="one", **options), progress or FakeProgress())


@asynccontextmanager
async def world(folder: Path, *, keep: Retention | None = None) -> AsyncIterator[World]:
    clock = HandClock()
    async with opened(make_database(folder), clock=clock, schema_version=5) as store:
        await add_projects(store, {"prj_1": "one"})
        with anyio.fail_after(20):
            yield World(store, folder, clock, keep or Retention(days=30, rows_max=100))


async def test_a_run_is_a_task_of_its_own_with_the_projects_environment(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.pytest(GOOD)
        run = await at.run(suite=Suite.UNIT, timeout_seconds=7)
        spec = at.sandboxes.last.spec
        assert (spec.kind, spec.program, spec.timeout_seconds) == (TaskKind.TEST, Program.NAT, 7)
        assert spec.command[:2] == ("-m", "att_nat.tests")
        assert spec.command[-1] == "tests/unit"
        assert (spec.secrets, spec.task_id) == ({"TOKEN": "s3cret"}, run.task_id)
        assert at.bus.types() == ["test.run", "test.passed"]


@pytest.mark.parametrize("suite", list(Suite))
async def test_each_suite_gives_results(tmp_path: Path, suite: Suite) -> None:
    async with world(tmp_path) as at:
        at.pytest(GOOD, GOOD)
        run = await at.run(suite=suite)
        assert (run.outcome, run.suite, run.report.counts.passed) == (Outcome.PASSED, suite, 2)


async def test_failures_are_counted_located_and_told(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.pytest(GOOD, BAD, code=1)
        run = await at.run(targets=["tests/unit/test_a.py"], markers="not slow")
        [failure] = run.report.failures
        assert run.outcome is Outcome.FAILED
        assert (failure.file, failure.line, failure.message) == ("tests/unit/test_a.py", 7, "no")
        assert run.report.seconds == 1.0
        assert (run.targets, run.markers) == (["tests/unit/test_a.py"], "not slow")
        assert at.bus.types()[-1] == "test.failed"
        assert exit_code(run) == 1


async def test_a_syntax_error_in_a_test_is_an_error(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.pytest(GOOD, BROKEN, code=1)
        run = await at.run()
        assert (run.outcome, run.report.counts.errors) == (Outcome.ERROR, 1)
        assert "SyntaxError" in run.report.failures[0].traceback


async def test_no_tests_give_an_empty_result(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.pytest(code=5)
        run = await at.run()
        assert (run.outcome, run.report.counts.total, exit_code(run)) == (Outcome.EMPTY, 0, 0)


async def test_coverage_is_told_and_less_than_its_threshold_flagged(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.pytest(GOOD, coverage=72.5)
        run = await at.run(coverage_threshold=80)
        assert run.report.coverage is not None
        assert (run.report.coverage.percent, run.report.coverage.below_threshold) == (72.5, True)
        assert (run.outcome, exit_code(run)) == (Outcome.PASSED, 1)
        assert exit_code(await at.run(coverage_threshold=70)) == 0
        assert (await at.run(coverage=False)).report.coverage is None


async def test_a_run_beyond_its_time_is_over_and_says_so(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.sandboxes.on_start = lambda task: task.end(-9, Ending.TIMED_OUT)
        run = await at.run(timeout_seconds=3)
        assert run.outcome is Outcome.TIMED_OUT
        assert "within 3 s" in str(run.report.problem)


async def test_a_pytest_that_cannot_run_says_why(tmp_path: Path) -> None:
    async with world(tmp_path) as at:

        def fails(task: Task) -> None:
            task.write(b"ImportError while loading conftest\n")
            task.end(4)

        at.sandboxes.on_start = fails
        run = await at.run()
        assert (run.outcome, run.report.problem) == (Outcome.ERROR, "ImportError while loading conftest")


async def test_a_hostile_report_is_an_unreadable_one(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        secret = tmp_path / "secret.xml"
        secret.write_text(f"<s>{GOOD}</s>")

        def hostile(task: Task) -> None:
            at.leave(task, "junit.xml", '<!DOCTYPE t [<!ENTITY e "x">]><t>&e;</t>')
            at.leave(task, "coverage.json", "[]")
            task.end(0)

        def links(task: Task) -> None:
            at.leave(task, "other", "")
            (tmp_path / "one" / "tasks" / task.spec.task_id / "out" / "junit.xml").symlink_to(secret)
            task.end(0)

        at.sandboxes.on_start = hostile
        run = await at.run()
        assert (run.outcome, run.report.counts.total) == (Outcome.ERROR, 0)
        assert "document type" in str(run.report.problem)
        at.sandboxes.on_start = links
        assert (await at.run()).report.counts.total == 0


async def test_the_output_is_in_the_jobs_log(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        progress = FakeProgress()
        at.pytest(GOOD, log=b"collecting\n\n1 passed\n\n\nno end")
        await at.run(progress)
        assert progress.lines == ["collecting", "", "1 passed", "", "", "no end"]


async def test_an_interrupted_run_goes_on_with_the_task_it_had_started(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        progress = FakeProgress()
        running = asyncio.ensure_future(at.run(progress))
        while not at.sandboxes.all:
            await anyio.lowlevel.checkpoint()
        running.cancel()
        await asyncio.wait([running])
        task = at.sandboxes.last
        assert task.ending is None
        assert (await at.testing.results(ResultsRequest(project_id="one"))).outcome is Outcome.RUNNING
        at.build()
        again = asyncio.ensure_future(at.run(FakeProgress(progress.memory)))
        at.leave(task, "junit.xml", f"<s>{GOOD}</s>")
        task.end(0)
        assert (await again).outcome is Outcome.PASSED
        assert list(at.sandboxes.all) == [task.spec.task_id]
        assert len((await at.testing.history(HistoryRequest(project_id="one"))).runs) == 1


async def test_a_run_of_which_only_the_ids_are_remembered_is_written_down_and_run(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.pytest(GOOD)
        run = await at.run(FakeProgress({"run_id": "test_1", "task_id": "task_1"}))
        assert (run.id, run.task_id, run.outcome) == ("test_1", "task_1", Outcome.PASSED)
        assert at.bus.types() == ["test.run", "test.passed"]


async def test_a_run_that_has_ended_is_neither_run_nor_told_again(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.pytest(GOOD, log=b"1 passed\n")
        progress = FakeProgress()
        run = await at.run(progress)
        again = FakeProgress(progress.memory)
        assert await at.run(again) == run
        assert (again.lines, len(at.sandboxes.all)) == ([], 1)
        assert at.bus.types() == ["test.run", "test.passed"]


async def test_the_output_goes_on_where_the_log_of_an_interrupted_run_ended(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.pytest(GOOD, log=b"first\n\nsecond\n")
        progress = FakeProgress({"run_id": "test_1", "task_id": "task_1", "offset": 7})
        await at.run(progress)
        assert (progress.lines, progress.memory["offset"]) == (["second"], 14)


async def test_a_cancelled_run_kills_its_task(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        progress = FakeProgress()
        progress.asked_to_stop = True
        run = await at.run(progress)
        assert (run.outcome, at.sandboxes.last.ending) == (Outcome.CANCELLED, Ending.STOPPED)


async def test_a_sandbox_that_refuses_ends_the_run(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.sandboxes.refuses = Unavailable("service_down", "cannot start: no launcher")
        with pytest.raises(Unavailable):
            await at.run()
        run = await at.testing.results(ResultsRequest(project_id="one"))
        assert (run.outcome, run.report.problem) == (Outcome.ERROR, "cannot start: no launcher")


async def test_a_wrong_target_starts_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        with pytest.raises(AttError) as told:
            await at.run(targets=["../other/tests"])
        assert told.value.code == "test_target_invalid"
        assert at.sandboxes.all == {}
        assert (await at.testing.history(HistoryRequest(project_id="one"))).runs == []


async def test_results_are_those_of_the_latest_run_or_of_the_one_asked_for(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        with pytest.raises(AttError) as told:
            await at.testing.results(ResultsRequest(project_id="one"))
        assert told.value.code == "test_run_unknown"
        at.pytest(GOOD)
        first = await at.run()
        at.pytest(BAD, code=1)
        second = await at.run()
        assert (await at.testing.results(ResultsRequest(project_id="one"))).id == second.id
        assert (await at.testing.results(ResultsRequest(project_id="one", run_id=first.id))).outcome is Outcome.PASSED


async def test_the_history_is_read_by_page_and_kept_only_so_long(tmp_path: Path) -> None:
    async with world(tmp_path, keep=Retention(days=30, rows_max=3)) as at:
        at.pytest(GOOD)
        made = [(await at.run()).id for _ in range(5)]
        page = await at.testing.history(HistoryRequest(project_id="one", limit=4))
        rest = await at.testing.history(HistoryRequest(project_id="one", limit=4, cursor=page.next_cursor))
        assert [run.id for run in [*page.runs, *rest.runs]] == made[::-1]
        await at.store.sweep()
        assert [run.id for run in (await at.testing.history(HistoryRequest(project_id="one"))).runs] == made[:1:-1]
        at.clock.advance(29 * 86_400)
        later = (await at.run()).id
        at.clock.advance(2 * 86_400)
        await at.store.sweep()
        assert [run.id for run in (await at.testing.history(HistoryRequest(project_id="one"))).runs] == [later]


async def test_old_runs_of_a_project_that_is_tested_no_more_go_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path, keep=Retention(days=30, rows_max=3)) as at:
        at.pytest(GOOD)
        await at.run()
        at.clock.advance(31 * 86_400)
        monkeypatch.setattr(at.store.steady, "seconds", lambda: 86_400.0)
        await at.store.sweep()
        assert (await at.testing.history(HistoryRequest(project_id="one"))).runs == []


def test_a_run_is_a_job_and_says_by_its_exit_code_whether_tests_failed() -> None:
    run = next(operation for operation in OPERATIONS if operation.name == "att.test.run")
    assert (run.kind, run.exit_code) == (Kind.JOB, exit_code)
