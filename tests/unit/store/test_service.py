import math
import sqlite3
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from tests.fakes.database import MIGRATIONS, copy_database, fence, make_database, opened

from att.kernel.errors import AttError, Unavailable
from att.store.canary import ROWS_MAX, Canary
from att.store.connection import Connection
from att.store.migrations import head
from att.store.service import SchemaInfo, Store
from att.store.tables import canaries

pytestmark = pytest.mark.anyio


def _row(name: str) -> dict[str, object]:
    return {"id": name, "value": "1", "created": 0.0}


async def _count(store: Store) -> int:
    async with store.read() as connection:
        return int((await connection.execute(select(func.count()).select_from(canaries))).scalar_one())


async def test_a_committed_row_is_read_and_a_failed_block_leaves_none(tmp_path: Path) -> None:
    async with opened(make_database(tmp_path)) as store:
        async with store.write() as connection:
            await connection.execute(insert(canaries), _row("kept"))

        async def half() -> None:
            async with store.write() as connection:
                await connection.execute(insert(canaries), _row("gone"))
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await half()
        assert await _count(store) == 1
        assert await store.ready() == SchemaInfo(version=head(MIGRATIONS).version, min_reader=1)


async def test_a_read_that_gets_no_connection_is_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("att.store.dialect.READER_SECONDS", 0.05)
    async with opened(make_database(tmp_path)) as store, AsyncExitStack() as held:

        async def read_on_and_on() -> None:
            while True:
                await held.enter_async_context(store.read())

        with pytest.raises(Unavailable) as refused:
            await read_on_and_on()
        assert (refused.value.code, refused.value.retry_after_seconds) == ("database_busy", 2)
        await held.aclose()
        assert await _count(store) == 0


async def test_the_link_is_followed_once(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    async with opened(link) as store:
        copy_database(link, "db-2")
        link.unlink()
        link.symlink_to("db-2")
        async with store.write() as connection:
            await connection.execute(insert(canaries), _row("old"))
        assert store.directory == tmp_path / "db-1"
    with sqlite3.connect(tmp_path / "db-2" / "att.db") as other:
        assert other.execute("SELECT count(*) FROM canaries").fetchone() == (0,)
    other.close()


async def test_a_missing_database_is_told_and_found_when_it_comes(tmp_path: Path) -> None:
    async with opened(tmp_path / "db") as store:
        with pytest.raises(Unavailable) as told:
            await store.ready()
        assert told.value.code == "database_missing"
        assert not (tmp_path / "db").exists()
        make_database(tmp_path)
        assert (await store.ready()).version == head(MIGRATIONS).version


async def test_an_empty_file_is_a_missing_database(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "att.db").touch()
    async with opened(tmp_path / "db") as store:
        with pytest.raises(Unavailable) as told:
            await store.ready()
    assert told.value.code == "database_missing"


async def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    (link / "att.db").write_bytes(b"not a database" * 400)
    async with opened(link) as store:
        with pytest.raises(Unavailable) as told:
            await store.ready()
    assert told.value.code == "database_damaged"


@pytest.mark.parametrize(("min_reader", "code"), [(1, None), (2, None), (3, "schema_too_new")])
async def test_an_older_release_reads_a_newer_schema_unless_that_forbids_it(
    tmp_path: Path, min_reader: int, code: str | None
) -> None:
    link = make_database(tmp_path)
    connection = sqlite3.connect(link / "att.db")
    connection.execute("UPDATE att_schema SET version = 9, min_reader = ?", (min_reader,))
    connection.commit()
    connection.close()
    async with opened(link, schema_version=2) as store:
        if code is None:
            assert await store.ready() == SchemaInfo(9, min_reader)
        else:
            with pytest.raises(Unavailable) as told:
                await store.ready()
            assert told.value.code == code


async def test_under_the_fence_reads_go_on_and_writes_are_refused_in_time(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    async with opened(link) as store:
        with fence(link):
            assert await _count(store) == 0
            with pytest.raises(Unavailable) as told, anyio.fail_after(5):
                async with store.write(patience_seconds=0.1):
                    raise AssertionError("the block must not begin")
        assert (told.value.code, told.value.retry_after_seconds, told.value.status) == ("write_fenced", 1, 503)


async def test_a_write_waits_for_the_fence_and_then_goes(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    async with opened(link) as store, anyio.create_task_group() as tasks:
        done = anyio.Event()

        async def writer() -> None:
            async with store.write() as connection:
                await connection.execute(insert(canaries), _row("waited"))
            done.set()

        with fence(link):
            tasks.start_soon(writer)
            while await store.could_write():
                await anyio.lowlevel.checkpoint()
            assert not done.is_set()
        with anyio.fail_after(30):
            await done.wait()
        assert await _count(store) == 1


async def test_a_busy_database_is_no_fenced_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("att.store.service._TURN_SECONDS", 0.0)
    patience = 1e-6
    async with opened(make_database(tmp_path)) as store, anyio.create_task_group() as tasks:

        async def writer(name: str) -> None:
            async with store.write(patience_seconds=patience) as connection:
                await connection.execute(insert(canaries), _row(name))

        async with store.write():
            for number in range(3):
                tasks.start_soon(writer, str(number))
            over = anyio.current_time() + 100 * patience
            while anyio.current_time() < over:
                await anyio.lowlevel.checkpoint()
        with anyio.fail_after(30):
            while await _count(store) < 3:
                await anyio.lowlevel.checkpoint()


async def test_who_stands_in_line_when_a_fence_comes_has_no_more_patience_than_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fence_seen = anyio.Event()

    async def begin_write(_connection: Connection) -> bool:
        await fence_seen.wait()
        return False

    monkeypatch.setattr("att.store.dialect.begin_write", begin_write)
    async with opened(make_database(tmp_path)) as store, anyio.create_task_group() as tasks:

        async def head() -> None:
            with pytest.raises(Unavailable):
                await store.writable(patience_seconds=math.inf)

        async def second() -> None:
            with pytest.raises(Unavailable) as told, anyio.fail_after(5):
                await store.writable(patience_seconds=0.1)
            assert told.value.code == "write_fenced"
            store.drain()

        tasks.start_soon(head)
        tasks.start_soon(second)
        await anyio.wait_all_tasks_blocked()
        fence_seen.set()


async def test_a_drain_refuses_waiting_writes_at_once_and_lets_free_ones_pass(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    refused: list[str] = []
    async with opened(link) as store:

        async def writer() -> None:
            try:
                async with store.write(patience_seconds=math.inf):
                    raise AssertionError("the block must not begin")
            except Unavailable as error:
                refused.append(error.code)

        with fence(link), anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(writer)
                while await store.could_write():
                    await anyio.lowlevel.checkpoint()
                store.drain()
        assert refused == ["write_fenced"] * 3
        async with store.write() as connection:
            await connection.execute(insert(canaries), _row("after"))


async def test_the_door_knows_whether_a_write_could_begin(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    async with opened(link) as store:
        assert await store.could_write()
        async with store.write():
            assert await store.could_write()
        with fence(link):
            assert not await store.could_write()
        assert await store.could_write()
        await store.writable()


async def test_the_fence_file_stops_writes_but_not_the_canary(tmp_path: Path) -> None:
    link, fence_file = make_database(tmp_path), tmp_path / "write-fence"
    async with opened(link, fence_file=fence_file) as store:
        fence_file.touch()
        assert not await store.could_write()
        with pytest.raises(Unavailable):
            await store.writable(patience_seconds=0.1)
        row = await Canary(store).put("tweet")
        assert (await Canary(store).get(row.id)).value == "tweet"
        fence_file.unlink()
        await store.writable()


async def test_canaries_are_capped(tmp_path: Path) -> None:
    async with opened(make_database(tmp_path)) as store:
        canary = Canary(store)
        first = await canary.put("first")
        for number in range(ROWS_MAX):
            await canary.put(str(number))
        assert await _count(store) == ROWS_MAX
        with pytest.raises(AttError) as told:
            await canary.get(first.id)
        assert told.value.code == "not_found"


async def test_concurrent_writers_lose_nothing(tmp_path: Path) -> None:
    async with opened(make_database(tmp_path)) as store:
        async with store.write() as connection:
            await connection.execute(insert(canaries), {"id": "sum", "value": "0", "created": 0.0})

        async def add() -> None:
            async with store.write() as connection:
                value = int((await connection.execute(select(canaries.c.value))).scalar_one())
                await anyio.lowlevel.checkpoint()
                await connection.execute(update(canaries).values(value=str(value + 1)))

        async with anyio.create_task_group() as tasks:
            for _ in range(40):
                tasks.start_soon(add)
        async with store.read() as connection:
            assert (await connection.execute(select(canaries.c.value))).scalar_one() == "40"


async def test_a_cancelled_writer_leaves_nothing_and_the_next_one_writes(tmp_path: Path) -> None:
    async with opened(make_database(tmp_path)) as store:
        with anyio.CancelScope() as scope:
            async with store.write() as connection:
                await connection.execute(insert(canaries), _row("half"))
                scope.cancel()
                await connection.execute(insert(canaries), _row("never"))
        async with store.write() as connection:
            await connection.execute(insert(canaries), _row("next"))
        assert await _count(store) == 1


async def test_a_reader_keeps_one_view_and_cannot_write(tmp_path: Path) -> None:
    async with opened(make_database(tmp_path)) as store:
        async with store.read() as reader:
            query = select(func.count()).select_from(canaries)
            assert (await reader.execute(query)).scalar_one() == 0
            async with store.write() as connection:
                await connection.execute(insert(canaries), _row("later"))
            assert (await reader.execute(query)).scalar_one() == 0
        with pytest.raises(AttError):
            async with store.read() as reader:
                await reader.execute(insert(canaries), _row("no"))


async def test_a_broken_constraint_is_the_callers_to_read(tmp_path: Path) -> None:
    async with opened(make_database(tmp_path)) as store:
        with pytest.raises(IntegrityError):
            async with store.write() as connection:
                await connection.execute(insert(canaries), [_row("same"), _row("same")])
        assert await _count(store) == 0


async def test_a_full_disk_is_told_by_its_code(tmp_path: Path) -> None:
    async with opened(make_database(tmp_path)) as store:
        async with store.write() as connection:
            await connection.exec_driver_sql("PRAGMA max_page_count=1")
        with pytest.raises(Unavailable) as told:
            async with store.write() as connection:
                await connection.execute(insert(canaries), {"id": "big", "value": "x" * 100_000, "created": 0.0})
    assert told.value.code == "disk_full"


async def test_sweeps_run_in_transactions_of_their_own(tmp_path: Path) -> None:
    async with opened(make_database(tmp_path)) as store:

        async def refused(connection: Connection) -> None:
            await connection.execute(insert(canaries), _row("undone"))
            raise Unavailable("disk_full", "cannot sweep")

        async def works(connection: Connection) -> None:
            await connection.execute(insert(canaries), _row("swept"))

        store.sweeps(refused)
        store.sweeps(works)
        await store.sweep()
        assert await _count(store) == 1


async def test_run_sweeps_at_start_and_ends_with_the_drain(tmp_path: Path) -> None:
    store = await Store.open(make_database(tmp_path), schema_version=1)
    swept = anyio.Event()

    async def sweep(_: Connection) -> None:
        swept.set()

    store.sweeps(sweep)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(store.run)
            await swept.wait()
            store.drain()
    await store.close()
