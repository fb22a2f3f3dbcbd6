from pathlib import Path

import pytest
from tests.unit.runtime.world import world

from att.kernel.errors import Unavailable
from att.projects.decision import ProjectStatus
from att.runtime import records
from att.runtime.decision import FAILURES_MAX, STABLE_SECONDS, Desired
from att.runtime.schema import AppState, AppStop, Policy
from att.workspace.schema import Ending

pytestmark = pytest.mark.anyio


async def test_an_app_that_crashed_is_started_again_after_its_back_off(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        first = await at.start()
        at.sandboxes.last.end(1, at=at.clock.now)
        await at.reconciler.round()
        waiting = await at.runtime.status("one")
        assert (waiting.state, len(at.sandboxes.all)) == (AppState.WAITING, 1)
        at.clock.advance(1)
        await at.reconciler.round()
        again = await at.runtime.status("one")
        assert (again.state, again.restarts) == (AppState.RUNNING, 1)
        assert again.task_id != first.task_id
        assert at.sandboxes.last.spec.command == at.sandboxes.all[str(first.task_id)].spec.command


async def test_an_app_that_keeps_crashing_is_given_up(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start()
        for _ in range(FAILURES_MAX * 2 + 2):
            at.sandboxes.last.end(1, at=at.clock.now)
            await at.reconciler.round()
            at.clock.advance(61)
            await at.reconciler.round()
            # A task that has only just been started again has not lived.
            at.sandboxes.last.started = at.clock.now
        status = await at.runtime.status("one")
        assert (status.state, status.restarts) == (AppState.FAILED, FAILURES_MAX)
        assert len(at.sandboxes.all) <= FAILURES_MAX + 1
        assert at.places.became[-1][1] is ProjectStatus.ERROR


async def test_an_app_that_was_well_for_a_while_forgets_its_failures(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start()
        at.sandboxes.last.end(1, at=at.clock.now)
        await at.reconciler.round()
        at.clock.advance(1)
        await at.reconciler.round()
        at.clock.advance(STABLE_SECONDS)
        await at.reconciler.round()
        status = await at.runtime.status("one")
        async with at.store.read() as connection:
            app = await records.find(connection, "prj_1")
        assert app is not None
        assert (app.failures, status.fault) == (0, None)


async def test_an_app_with_the_policy_never_stays_down(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start(policy=Policy.NEVER)
        at.sandboxes.last.end(1)
        await at.reconciler.round()
        at.clock.advance(100)
        await at.reconciler.round()
        assert (await at.runtime.status("one")).state is AppState.FAILED
        assert len(at.sandboxes.all) == 1


async def test_after_a_reboot_only_apps_with_autostart_come_back(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start("one")
        await at.start("two", autostart=False)
        for task in list(at.sandboxes.all.values()):
            task.end(None, Ending.LOST)
        at.build()
        await at.reconciler.round()
        await at.reconciler.round()
        assert (await at.runtime.status("one")).state is AppState.RUNNING
        assert (await at.runtime.status("two")).state is AppState.STOPPED


async def test_an_app_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        first = await at.start()
        at.build()
        await at.reconciler.round()
        assert (await at.runtime.status("one")).task_id == first.task_id
        assert len(at.sandboxes.all) == 1


async def test_a_kill_between_the_row_and_the_task_starts_the_task_of_the_row(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        first = await at.start()
        at.sandboxes.all.clear()
        at.build()
        await at.reconciler.round()
        assert list(at.sandboxes.all) == [first.task_id]


async def test_a_kill_in_the_middle_of_a_stop_is_finished_by_the_next_process(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start()
        async with at.store.write() as connection:
            app = await records.find(connection, "prj_1")
            assert app is not None
            await records.put(connection, app.with_changes(desired=Desired.STOPPED))
        at.build()
        await at.reconciler.round()
        assert at.sandboxes.last.ending is Ending.STOPPED


async def test_an_app_that_is_being_started_is_left_to_its_job(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start()
        async with at.store.write() as connection:
            app = await records.find(connection, "prj_1")
            assert app is not None
            await records.put(connection, app.with_changes(desired=Desired.STARTING))
        at.sandboxes.last.end(1)
        await at.reconciler.round()
        assert len(at.sandboxes.all) == 1


async def test_one_app_that_cannot_be_started_holds_up_no_other(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start("one")
        await at.start("two")
        for task in list(at.sandboxes.all.values()):
            task.end(None, Ending.LOST)
        await at.reconciler.round()
        at.sandboxes.refuses = Unavailable("service_down", "cannot start: no launcher")
        await at.reconciler.round()
        at.sandboxes.refuses = None
        await at.reconciler.round()
        assert {(await at.runtime.status(slug)).state for slug in ("one", "two")} == {AppState.RUNNING}


async def test_a_stopped_app_stays_stopped(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start()
        await at.runtime.stop(AppStop(project_id="one"))
        at.build()
        await at.reconciler.round()
        assert len(at.sandboxes.all) == 1
