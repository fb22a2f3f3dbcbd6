"""Apps and test runs with real NAT in real sandboxes, over the scripted model of a real router."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import anyio
import anyio.to_thread
import pytest
from tests.fakes.database import RememberingBus
from tests.fakes.projects import FakePlaces, FakeProgress, add_projects

from att.entrypoints.dev import development_facts, prepare
from att.entrypoints.platform import migrations_folder
from att.entrypoints.router_child import RouterChild
from att.entrypoints.running import running
from att.kernel.errors import AttError
from att.kernel.operation import Caller, Role
from att.projects.registry import templates_folder
from att.projects.service import Projects
from att.runtime.asking import Asking
from att.runtime.frames import FrameKind
from att.runtime.ports import Configs
from att.runtime.schema import AppStart, AppState, AppStop, LogRequest, Policy
from att.runtime.service import Runtime
from att.runtime.starting import Starter
from att.runtime.trace_schema import Ask, TraceState
from att.runtime.traces import Traces
from att.store.migrations import head
from att.store.service import Store
from att.testing.schema import Outcome, RunRequest, Suite
from att.testing.service import Testing
from att.workspace.backends.subprocesses import SubprocessSandboxes
from att.workspace.place import Place
from att.workspace.schema import Channel, TaskState

pytestmark = pytest.mark.anyio

ANN = Caller(id="usr_1", name="ann", role=Role.DEVELOPER)
CONFIG = "configs/config.yml"


class AnyConfig:
    """Judges nothing: the start itself is what these tests are about."""

    async def checked(self, place: Place, config: str | None) -> str:
        return config or CONFIG


@dataclass
class World:
    services: dict[type, Any]
    sandboxes: SubprocessSandboxes
    places: FakePlaces
    bus: RememberingBus

    def get[S](self, kind: type[S]) -> S:
        return cast("S", self.services[kind])

    async def project(self, slug: str, template: str = "chatbot") -> Place:
        """Return a project with the files of a template, new each time."""
        place = await self.places.place(slug)
        shutil.rmtree(place.work, ignore_errors=True)
        await self.sandboxes.prepare(place)
        shutil.copytree(templates_folder() / template / "files", place.work, dirs_exist_ok=True)
        return place

    async def start(self, slug: str, **options: Any) -> Any:
        return await self.get(Starter).start(AppStart(project_id=slug, **options), FakeProgress())

    async def told(self, slug: str, words: str) -> bool:
        """Whether an app says something; what it wrote reaches its log a moment after it was written."""
        said = ""
        with anyio.move_on_after(60):
            async for part in self.get(Runtime).logs(LogRequest(project_id=slug, cursor="0", follow=True)):
                said += part.text
                if words in said:
                    return True
        return False

    async def task(self, slug: str, task_id: str) -> TaskState:
        return await self.sandboxes.state(await self.places.place(slug), task_id)

    async def test(self, slug: str, **options: Any) -> Any:
        return await self.get(Testing).run(RunRequest(project_id=slug, **options), FakeProgress())


@pytest.fixture(scope="module")
async def world(python: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    where = development_facts(tmp_path_factory.mktemp("running"))
    prepare(where)
    slugs = {"prj_1": "one", "prj_2": "two", "prj_3": "three"}
    store = await Store.open(where.paths.api_database, schema_version=head(migrations_folder()).version)
    await add_projects(store, slugs)
    places, bus, router = FakePlaces(where.paths.projects, slugs), RememberingBus(), RouterChild(where, "")
    sandboxes = SubprocessSandboxes(where)
    configs = cast("Configs", AnyConfig())
    services, runs = running(
        where, store, cast("Any", bus), cast("Projects", places), sandboxes, configs, router.door, appliance=False
    )
    async with anyio.create_task_group() as tasks:
        for run in (router.run, store.run, *runs):
            tasks.start_soon(run)
        yield World(services, sandboxes, places, bus)
        for place in await places.all():
            await sandboxes.remove(place)
        tasks.cancel_scope.cancel()
    await store.close()


async def test_an_app_is_started_asked_recorded_stopped_and_started_again(world: World) -> None:
    await world.project("one")
    first = await world.start("one")
    assert (first.state, first.healthy) == (AppState.RUNNING, True)
    assert await world.told("one", "Uvicorn running on")

    answer = await world.get(Asking).ask(Ask(project_id="one", message="What is 6 * 7?"), ANN, "req_1")
    assert "42" in answer.answer
    steps = world.get(Traces).read(answer.trace_id, cursor=None, limit=10_000, follow=False)
    raw = [step.value async for step in steps if step.kind is FrameKind.STEP]
    kinds = [step["type"] for step in raw]
    assert (kinds[0], kinds[-1]) == ("WORKFLOW_START", "WORKFLOW_END")
    assert "TOOL_START" in kinds or "FUNCTION_START" in kinds

    stopped = await world.get(Runtime).stop(AppStop(project_id="one"))
    assert stopped.state is AppState.STOPPED
    assert not (await world.get(Runtime).health("one")).healthy
    second = await world.start("one")
    assert second.task_id != first.task_id
    assert (await world.get(Runtime).health("one")).healthy
    await world.get(Runtime).stop(AppStop(project_id="one"))


async def test_a_stop_ends_a_generation_that_is_running(world: World) -> None:
    place = await world.project("two")
    calculator = place.work / "src" / "chatbot" / "calculator.py"
    calculator.write_text("import time\nprint('imported', flush=True)\n" + calculator.read_text())
    register = place.work / "src" / "chatbot" / "register.py"
    register.write_text(
        register.read_text() + "\n\nfrom chatbot import register as _own\n\n"
        "def _slow(*_: object, **__: object) -> str:\n    import time\n    print('computing', flush=True)\n"
        "    time.sleep(600)\n    return ''\n\n\n_own.evaluate = _own.calculate = _slow\n"
    )
    status = await world.start("two", policy=Policy.NEVER)
    asking = asyncio.ensure_future(
        world.get(Asking).ask(Ask(project_id="two", message="What is 6 * 7?", timeout_seconds=120), ANN, "req_1")
    )
    assert await world.told("two", "computing")
    await world.get(Runtime).stop(AppStop(project_id="two", grace_seconds=0.5))
    assert not (await world.task("two", str(status.task_id))).running
    with pytest.raises(AttError) as told:
        await asking
    assert told.value.code == "app_broken"
    [trace] = (await world.get(Traces).list("prj_2", cursor=None, limit=10)).traces
    assert (trace.state, trace.steps > 0) == (TraceState.FAILED, True)


async def test_a_plugin_that_fails_to_import_is_told_with_its_traceback(world: World) -> None:
    place = await world.project("three")
    (place.work / "src" / "chatbot" / "register.py").write_text("import nowhere_to_be_found\n")
    with pytest.raises(AttError) as told:
        await world.start("three")
    assert told.value.code == "app_failed"
    assert "nowhere_to_be_found" in str(told.value.data["traceback"])
    assert "register.py" in str(told.value.data["traceback"])
    status = await world.get(Runtime).status("three")
    assert (status.state, status.fault is not None) == (AppState.FAILED, True)


async def test_two_apps_answer_at_once_each_with_its_own_workflow(world: World) -> None:
    await world.project("one")
    await world.project("three", "tool-server")
    first, second = await asyncio.gather(world.start("one"), world.start("three"))
    assert first.port != second.port
    assert (await world.get(Runtime).health("one")).healthy
    assert (await world.get(Runtime).health("three")).healthy
    for slug in ("one", "three"):
        await world.get(Runtime).stop(AppStop(project_id=slug))


@pytest.mark.parametrize("suite", [Suite.UNIT, pytest.param(None, id="all", marks=pytest.mark.long)])
async def test_every_suite_of_a_template_passes_with_coverage(world: World, suite: Suite | None) -> None:
    await world.project("one")
    run = await world.test("one", suite=suite, timeout_seconds=240)
    assert (run.outcome, run.report.failures) == (Outcome.PASSED, [])
    assert run.report.counts.passed == run.report.counts.total > 10
    assert run.report.coverage is not None
    assert run.report.coverage.percent > 50


async def test_a_failing_test_is_counted_and_located_and_a_broken_file_too(world: World) -> None:
    place = await world.project("one")
    unit = place.work / "tests" / "unit"
    (unit / "test_bad.py").write_text(
        "def test_bad() -> None:\n    assert 1 == 2\n\n\ndef test_good() -> None:\n    pass\n"
    )
    (unit / "test_broken.py").write_text("def test_broken(:\n")
    bad = await world.test("one", targets=["tests/unit/test_bad.py"], coverage=False)
    assert (bad.outcome, bad.report.counts.passed, bad.report.counts.failed) == (Outcome.FAILED, 1, 1)
    [failure] = bad.report.failures
    assert (failure.test, failure.file, failure.line) == (
        "tests/unit/test_bad.py::test_bad",
        "tests/unit/test_bad.py",
        2,
    )
    one = await world.test("one", targets=["tests/unit/test_bad.py::test_good"], coverage=False)
    assert (one.outcome, one.report.counts.total) == (Outcome.PASSED, 1)
    broken = await world.test("one", targets=["tests/unit/test_broken.py"], coverage=False)
    assert broken.outcome is Outcome.ERROR
    assert (broken.report.failures[0].file, broken.report.failures[0].line) == ("tests/unit/test_broken.py", 1)
    none = await world.test("one", suite=Suite.E2E, keywords="no_test_is_called_this", coverage=False)
    assert (none.outcome, none.report.counts.total) == (Outcome.EMPTY, 0)


async def test_a_run_beyond_its_time_is_killed_with_all_it_started(world: World) -> None:
    place = await world.project("one")
    (place.work / "tests" / "unit" / "test_hangs.py").write_text(
        "import subprocess\n\n\ndef test_hangs() -> None:\n"
        "    child = subprocess.Popen(['/bin/sleep', '4321'], start_new_session=True)\n    child.wait()\n"
    )
    run = await world.test("one", targets=["tests/unit/test_hangs.py"], timeout_seconds=8, coverage=False)
    assert run.outcome is Outcome.TIMED_OUT
    assert b"/bin/sleep\x004321" not in await anyio.to_thread.run_sync(_commands)


def _commands() -> bytes:
    """Return the command lines of all processes of the machine."""
    found = b""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended in this moment
            found += path.read_bytes() + b"\n"
    return found


async def test_a_task_that_ended_is_reached_no_more(world: World) -> None:
    await world.project("one")
    status = await world.start("one")
    await world.get(Runtime).stop(AppStop(project_id="one"))
    with pytest.raises(AttError):
        await world.sandboxes.connect(await world.places.place("one"), str(status.task_id), Channel.APP)
