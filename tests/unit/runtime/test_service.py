import asyncio
from pathlib import Path

import anyio
import pytest
from tests.fakes.projects import FakeProgress
from tests.fakes.sandboxes import Task, answers
from tests.unit.runtime.world import world

from att.kernel.errors import AttError, Unavailable
from att.projects.decision import ProjectStatus
from att.runtime.schema import AppRestart, AppStart, AppState, AppStatus, AppStop, LogRequest, Policy
from att.workspace.schema import Ending, Program, TaskKind

pytestmark = pytest.mark.anyio

TRACEBACK = """2026-11-21 12:00:00 - ERROR - it begins
Traceback (most recent call last):
  File "/work/src/app/register.py", line 3, in <module>
    import nowhere
ModuleNotFoundError: No module named 'nowhere'
"""


async def test_a_start_launches_nat_serve_in_the_sandbox_and_returns_when_it_is_healthy(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        status = await at.start("one", config="configs/other.yml")
        spec = at.sandboxes.last.spec
        assert (spec.kind, spec.program) == (TaskKind.APP, Program.NAT)
        assert spec.command == ("-m", "att_nat.serve", "--config", "configs/other.yml", "--port", str(spec.port))
        assert (status.state, status.healthy, status.task_id) == (AppState.RUNNING, True, spec.task_id)
        assert at.bus.types() == ["app.started"]
        assert at.places.became == [("prj_1", ProjectStatus.RUNNING, "")]


async def test_an_app_gets_the_projects_values_and_its_router_key_as_secrets_alone(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start()
        spec = at.sandboxes.last.spec
        assert spec.secrets == {"TOKEN": "s3cret", "ATT_ROUTER_KEY": "key-of-prj_1"}
        assert spec.environment["ATT_ROUTER_URL"] == "http://127.0.0.1:7444/v1"
        assert "s3cret" not in str(spec.environment) + " ".join(spec.command) + repr(spec)


async def test_a_running_app_is_not_started_twice(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start()
        with pytest.raises(AttError) as told:
            await at.start()
        assert told.value.code == "app_running"
        assert len(at.sandboxes.all) == 1


async def test_two_starts_at_once_start_one_app(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        ends = await asyncio.gather(at.start(), at.start(), return_exceptions=True)
        assert sorted(type(end).__name__ for end in ends) == ["AppStatus", "Conflict"]
        assert len(at.sandboxes.all) == 1


async def test_an_invalid_config_refuses_the_start_and_says_where(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        with pytest.raises(AttError) as told:
            await at.start(config="bad.yml")
        assert (told.value.code, told.value.field) == ("config_invalid", "llms.a")
        assert at.sandboxes.all == {}


async def test_a_pinned_port_of_another_app_is_refused_with_its_owners_name(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start("one", port=9000)
        with pytest.raises(AttError) as told:
            await at.start("two", port=9000)
        assert (told.value.code, told.value.data["owner"]) == ("port_taken", "one")
        assert "is taken by one" in told.value.detail


async def test_a_pinned_port_of_another_program_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.taken = {9000}
        with pytest.raises(AttError) as told:
            await at.start(port=9000)
        assert (told.value.code, told.value.data["owner"]) == ("port_taken", "another program")


async def test_two_apps_run_at_once_on_ports_of_their_own_and_keep_them(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.taken = {8100}
        one, two = await at.start("one"), await at.start("two")
        assert (one.port, two.port) == (8101, 8102)
        await at.runtime.stop(AppStop(project_id="two"))
        assert (await at.start("two")).port == 8102


async def test_a_stop_ends_the_task_within_its_grace(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start()
        status = await at.runtime.stop(AppStop(project_id="one", grace_seconds=2))
        assert at.sandboxes.last.stops == [2]
        assert (status.state, status.ending) == (AppState.STOPPED, Ending.STOPPED)
        assert at.bus.types() == ["app.started", "app.stopped"]


async def test_an_app_that_does_not_run_cannot_be_stopped(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        for _ in range(2):
            with pytest.raises(AttError) as told:
                await at.runtime.stop(AppStop(project_id="one"))
            assert told.value.code == "app_not_running"
            at.sandboxes.on_start = lambda task: task.end(1)
            with pytest.raises(AttError):
                await at.start()


async def test_a_restart_stops_and_starts_with_the_same_settings(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        first = await at.start(config="other.yml", policy=Policy.ALWAYS, autostart=False, port=9001)
        second = await at.starter.restart(AppRestart(project_id="one"), FakeProgress())
        assert at.sandboxes.all[str(first.task_id)].ending is Ending.STOPPED
        assert second.task_id != first.task_id
        same = ("config", "policy", "autostart", "port", "state")
        assert [getattr(second, name) for name in same] == [getattr(first, name) for name in same]


async def test_a_project_that_never_ran_is_stopped_and_has_no_log(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        assert await at.runtime.status("two") == AppStatus(project_id="prj_2", state=AppState.STOPPED)
        assert [part async for part in at.runtime.logs(LogRequest(project_id="two"))] == []


async def test_an_app_that_dies_at_start_fails_with_its_traceback(tmp_path: Path) -> None:
    def dies(task: Task) -> None:
        task.write(TRACEBACK.encode())
        task.end(1)

    async with world(tmp_path) as at:
        at.sandboxes.on_start = dies
        with pytest.raises(AttError) as told:
            await at.start()
        assert told.value.code == "app_failed"
        assert "No module named 'nowhere'" in told.value.detail
        assert "register.py" in str(told.value.data["traceback"])
        status = await at.runtime.status("one")
        assert (status.state, status.exit_code) == (AppState.FAILED, 1)
        assert status.fault is not None
        assert status.fault.traceback.startswith("Traceback")
        assert at.places.became[-1][1] is ProjectStatus.ERROR


async def test_a_plugin_that_fails_to_import_is_an_error_though_the_app_answers(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.sandboxes.on_start = lambda task: task.write(TRACEBACK.encode() + b"Failed to import plugin 'app'\n")
        with pytest.raises(AttError) as told:
            await at.start()
        assert told.value.code == "app_failed"
        assert at.sandboxes.last.ending is Ending.STOPPED


async def test_an_app_that_is_never_healthy_is_stopped_in_time(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.sandboxes.serve = answers(503, b"no")
        with pytest.raises(AttError) as told:
            await at.start(start_seconds=0.01)
        assert told.value.code == "app_start_timeout"
        assert at.sandboxes.last.ending is Ending.STOPPED


async def test_a_stop_while_an_app_starts_ends_the_start(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.sandboxes.serve = answers(503, b"no")
        ended: list[str] = []

        async def start() -> None:
            try:
                await at.start()
            except AttError as error:
                ended.append(error.code)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(start)
            while not at.sandboxes.all:
                await anyio.lowlevel.checkpoint()
            await at.runtime.stop(AppStop(project_id="one"))
        assert ended == ["app_stopped"]
        assert (await at.runtime.status("one")).state is AppState.STOPPED


async def test_a_cancelled_start_stops_what_it_started(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.sandboxes.serve = answers(503, b"no")
        progress = FakeProgress()
        progress.asked_to_stop = True
        with pytest.raises(AttError):
            await at.starter.start(AppStart(project_id="one"), progress)
        assert at.sandboxes.last.ending is Ending.STOPPED


async def test_an_interrupted_start_goes_on_with_the_task_it_had_started(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.sandboxes.serve = answers(503, b"no")
        progress = FakeProgress()
        with anyio.move_on_after(0.3):
            await at.starter.start(AppStart(project_id="one"), progress)
        at.build()
        at.sandboxes.serve = answers(200, b"{}")
        status = await at.starter.start(AppStart(project_id="one"), FakeProgress(progress.memory))
        assert status.state is AppState.RUNNING
        assert list(at.sandboxes.all) == [status.task_id]


async def test_a_sandbox_that_refuses_leaves_no_app_behind(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.sandboxes.refuses = Unavailable("service_down", "cannot start: no launcher")
        with pytest.raises(Unavailable):
            await at.start()
        assert (await at.runtime.status("one")).state is AppState.STOPPED
        at.sandboxes.refuses = None
        assert (await at.start()).state is AppState.RUNNING


async def test_health_is_what_the_app_answers(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start()
        assert (await at.runtime.health("one")).healthy
        at.sandboxes.serve = answers(500, b"")
        found = await at.runtime.health("one")
        assert (found.healthy, found.status) == (False, 500)
        at.clock.advance(1_000)
        assert (await at.runtime.status("one")).state is AppState.UNHEALTHY


async def test_an_app_that_crashed_is_not_healthy(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start(policy=Policy.NEVER)
        at.sandboxes.last.end(139, Ending.EXITED)
        found = await at.runtime.health("one")
        assert (found.healthy, found.detail) == (False, "the app does not run")


async def test_a_deleted_projects_app_is_stopped_and_forgotten(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start()
        await at.runtime.stop_all(at.places.places["prj_1"])
        await at.runtime.stop_all(at.places.places["prj_2"])
        assert at.sandboxes.last.ending is Ending.STOPPED
        assert (await at.runtime.status("one")).task_id is None


async def test_the_logs_of_the_last_few_apps_are_kept(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        for _ in range(6):
            await at.start()
            await at.runtime.stop(AppStop(project_id="one"))
        assert len(at.sandboxes.all) == 4
