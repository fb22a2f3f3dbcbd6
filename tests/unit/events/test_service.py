import sqlite3
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest
from tests.fakes.database import HandClock, fence, make_database, opened

from att.events import tables
from att.events.schema import ATTEvent, EventType
from att.events.service import RECENT_MAX, Events
from att.kernel.errors import InvalidInput
from att.store.retention import Retention
from att.store.service import Store

pytestmark = pytest.mark.anyio


async def _take(stream: AsyncIterator[ATTEvent], count: int) -> list[ATTEvent]:
    found: list[ATTEvent] = []
    with anyio.fail_after(30):
        async for event in stream:
            found.append(event)
            if len(found) == count:
                break
    return found


def _numbers(events: list[ATTEvent]) -> list[object]:
    return [event.payload.get("n", event.event_type.value) for event in events]


async def _settle(store: Store) -> None:
    """Wait until the history is in the database."""
    with anyio.fail_after(30):
        while store.outbox.pending(tables.events):
            await anyio.lowlevel.checkpoint()


async def test_a_subscriber_gets_what_is_published_after_it_subscribed(tmp_path: Path) -> None:
    async with opened(make_database(tmp_path)) as store:
        events = Events(store, clock=HandClock())
        events.publish("error", {"n": 0})
        async with aclosing(events.subscribe()) as stream:  # type: ignore[type-var]  # the generator has aclose, its declared type does not say so
            for number in (1, 2, 3):
                events.publish(EventType.JOB_QUEUED, {"n": number}, project_id="p")
            found = await _take(stream, 3)
    assert _numbers(found) == [1, 2, 3]
    assert found[0].model_dump(mode="json", exclude={"id", "cursor"}) == {
        "project_id": "p",
        "event_type": "job.queued",
        "payload": {"n": 1},
        "timestamp": "2027-01-15T08:00:00Z",
    }
    assert [int(event.cursor) for event in found] == sorted({int(event.cursor) for event in found})


async def test_a_waiting_subscriber_is_woken(tmp_path: Path) -> None:
    async with opened(make_database(tmp_path)) as store, anyio.create_task_group() as tasks:
        events = Events(store)
        got: list[object] = []
        stream = events.subscribe()

        async def listen() -> None:
            got.extend(_numbers(await _take(stream, 2)))

        tasks.start_soon(listen)
        await anyio.wait_all_tasks_blocked()
        events.publish("error", {"n": 1})
        await anyio.wait_all_tasks_blocked()
        events.publish("error", {"n": 2})
    assert got == [1, 2]


async def test_a_subscriber_resumes_by_cursor_in_the_next_process(tmp_path: Path) -> None:
    link, clock = make_database(tmp_path), HandClock()
    async with opened(link) as store:
        events = Events(store, clock=clock)
        told = [events.publish("error", {"n": number}) for number in range(5)]
    async with opened(link) as store:
        events = Events(store, clock=clock)
        await events.run()
        events.publish("error", {"n": 5})
        assert _numbers(await _take(events.subscribe(told[2].cursor), 3)) == [3, 4, 5]
        assert _numbers(await _take(events.subscribe("0"), 6)) == [0, 1, 2, 3, 4, 5]


async def test_events_published_under_the_fence_reach_those_who_resume_after_the_restart(tmp_path: Path) -> None:
    link, clock = make_database(tmp_path), HandClock()
    with fence(link):
        async with opened(link) as store:
            events = Events(store, clock=clock)
            told = [events.publish("upgrade.state", {"n": number}) for number in range(3)]
            assert _numbers(await _take(events.subscribe(told[0].cursor), 2)) == [1, 2]
        async with opened(link) as store:
            events = Events(store, clock=clock)
            assert _numbers(await _take(events.subscribe(told[0].cursor), 2)) == [1, 2]


async def test_a_subscriber_behind_the_retention_is_told_of_the_gap_once(tmp_path: Path) -> None:
    async with opened(make_database(tmp_path)) as store:
        events = Events(store, keep=Retention(days=1, rows_max=2))
        told = [events.publish("error", {"n": number}) for number in range(6)]
        await _settle(store)
        await store.sweep()
        events._recent.clear()
        found = await _take(events.subscribe(told[1].cursor), 3)
        assert _numbers(found) == ["gap", 4, 5]
        assert found[0].payload == {"after": told[1].cursor}
        assert _numbers(await _take(events.subscribe(told[4].cursor), 1)) == [5]


async def test_a_cursor_of_the_future_gets_a_gap_and_then_what_comes(tmp_path: Path) -> None:
    async with opened(make_database(tmp_path)) as store:
        events = Events(store)
        events.publish("error", {"n": 1})
        stream = events.subscribe("9" * 17)
        assert _numbers(await _take(stream, 1)) == ["gap"]
        stream = events.subscribe("9" * 17)
        async with anyio.create_task_group() as tasks:
            got: list[object] = []

            async def listen() -> None:
                got.extend(_numbers(await _take(stream, 2)))

            tasks.start_soon(listen)
            await anyio.wait_all_tasks_blocked()
            while not got:
                events.publish("error", {"n": 2})
                await anyio.wait_all_tasks_blocked()
        assert got == ["gap", 2]


async def test_a_slow_subscriber_reads_from_the_history_what_memory_no_longer_holds(tmp_path: Path) -> None:
    async with opened(make_database(tmp_path)) as store:
        events = Events(store, keep=Retention(days=1, rows_max=RECENT_MAX * 2))
        stream = events.subscribe()
        count = RECENT_MAX + 500
        for number in range(count):
            events.publish("error", {"n": number})
        assert _numbers(await _take(stream, count)) == list(range(count))


async def test_types_of_a_newer_release_are_passed_over(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    connection = sqlite3.connect(link / "att.db")
    connection.execute("INSERT INTO events VALUES (1, '', 'error', '{\"n\": 1}', 0), (2, '', 'later.thing', '{}', 0)")
    connection.execute("INSERT INTO events VALUES (3, '', 'error', '{\"n\": 3}', 0)")
    connection.commit()
    connection.close()
    async with opened(link) as store:
        events = Events(store)
        assert _numbers(await _take(events.subscribe("0"), 2)) == [1, 3]


async def test_numbers_rise_even_if_the_clock_went_back(tmp_path: Path) -> None:
    link, clock = make_database(tmp_path), HandClock()
    async with opened(link) as store:
        before = Events(store, clock=clock).publish("error", {})
    clock.advance(-86_400)
    async with opened(link) as store:
        events = Events(store, clock=clock)
        await events.run()
        assert int(events.publish("error", {}).cursor) > int(before.cursor)


async def test_stop_ends_subscriptions_and_run(tmp_path: Path) -> None:
    async with opened(tmp_path / "missing") as store:
        events = Events(store)
        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(events.run)
                await anyio.wait_all_tasks_blocked()
                events.stop()
        assert [event async for event in events.subscribe()] == []


async def test_a_stopped_bus_wakes_its_waiting_subscribers(tmp_path: Path) -> None:
    async with opened(make_database(tmp_path)) as store:
        events = Events(store)
        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:

                async def listen() -> None:
                    assert [event async for event in events.subscribe()] == []

                tasks.start_soon(listen)
                await anyio.wait_all_tasks_blocked()
                events.stop()


async def test_a_senseless_cursor_is_refused_at_once_and_a_senseless_type_too(tmp_path: Path) -> None:
    async with opened(make_database(tmp_path)) as store:
        events = Events(store)
        with pytest.raises(InvalidInput):
            events.subscribe("x")
        with pytest.raises(ValueError, match="no such"):
            events.publish("no such", {})


def test_the_plans_types_are_all_there() -> None:
    plan = "project.created code.changed test.run test.passed test.failed build.started build.completed deploy.started"
    plan += " deploy.completed git.commit git.pr.created git.pr.merged error"
    assert set(plan.split()) <= {event_type.value for event_type in EventType}
