from pathlib import Path

import pytest
from sqlalchemy import insert, select
from tests.fakes.database import make_database, opened

from att.store.retention import DAY_SECONDS, Retention, Steady, prune
from att.store.tables import canaries

pytestmark = pytest.mark.anyio


def just_set() -> Steady:
    return Steady(lambda: 0.0, lambda: 0.0)


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        (Retention(days=100, rows_max=100), [1, 2, 3, 4, 5]),
        (Retention(days=100, rows_max=2), [4, 5]),
        (Retention(days=2.5, rows_max=100), [3, 4, 5]),
        (Retention(days=0.5, rows_max=0), []),
    ],
)
async def test_rows_go_by_age_and_by_count(tmp_path: Path, keep: Retention, left: list[int]) -> None:
    async with opened(make_database(tmp_path)) as store, store.write() as connection:
        rows = [{"seq": n, "id": str(n), "value": "", "created": n * DAY_SECONDS} for n in range(1, 6)]
        await connection.execute(insert(canaries), rows)
        await prune(
            connection,
            canaries,
            order=canaries.c.seq,
            time=canaries.c.created,
            keep=keep,
            now=5 * DAY_SECONDS,
            steady=just_set(),
        )
        assert (await connection.execute(select(canaries.c.seq))).scalars().all() == left


async def test_rows_outside_only_stay(tmp_path: Path) -> None:
    async with opened(make_database(tmp_path)) as store, store.write() as connection:
        rows = [{"seq": n, "id": str(n), "value": "keep" if n == 1 else "", "created": 0.0} for n in range(1, 4)]
        rows[0]["created"] = 8.4 * DAY_SECONDS
        await connection.execute(insert(canaries), rows)
        await prune(
            connection,
            canaries,
            order=canaries.c.seq,
            time=canaries.c.created,
            keep=Retention(days=1, rows_max=1),
            now=9 * DAY_SECONDS,
            steady=just_set(),
            only=canaries.c.value == "",
        )
        assert (await connection.execute(select(canaries.c.seq))).scalars().all() == [1]


async def test_a_clock_that_jumps_years_ahead_takes_no_row_until_it_has_gone_on_for_a_day(tmp_path: Path) -> None:
    five_years = 5 * 365 * DAY_SECONDS

    async with opened(make_database(tmp_path)) as store, store.write() as connection:

        async def left(now: float) -> list[int]:
            keep = Retention(days=30, rows_max=100)
            await prune(
                connection,
                canaries,
                order=canaries.c.seq,
                time=canaries.c.created,
                keep=keep,
                now=now,
                steady=just_set(),
            )
            return list((await connection.execute(select(canaries.c.seq))).scalars())

        async def written(seq: int, now: float) -> None:
            await connection.execute(insert(canaries), {"seq": seq, "id": str(seq), "value": "", "created": now})

        await written(1, DAY_SECONDS)
        await written(2, five_years)
        assert await left(five_years + 60.0) == [1, 2]
        await written(3, 2 * DAY_SECONDS)
        assert await left(3 * DAY_SECONDS) == [1, 2, 3]
        assert await left(five_years + 2 * DAY_SECONDS) == [2]


async def test_rows_of_a_table_that_nobody_writes_to_any_more_go_once_the_clock_was_steady_for_a_day(
    tmp_path: Path,
) -> None:
    clock, boot = [100 * DAY_SECONDS], [0.0]
    steady = Steady(lambda: clock[0], lambda: boot[0])

    def pass_days(days: float) -> None:
        clock[0] += days * DAY_SECONDS
        boot[0] += days * DAY_SECONDS

    async with opened(make_database(tmp_path)) as store, store.write() as connection:

        async def left() -> list[int]:
            await prune(
                connection,
                canaries,
                order=canaries.c.seq,
                time=canaries.c.created,
                keep=Retention(days=30, rows_max=100),
                now=clock[0],
                steady=steady,
            )
            return list((await connection.execute(select(canaries.c.seq))).scalars())

        await connection.execute(insert(canaries), {"seq": 1, "id": "1", "value": "", "created": 99 * DAY_SECONDS})
        clock[0] += 5 * 365 * DAY_SECONDS
        pass_days(0.9)
        assert await left() == [1], "the clock was set less than a day ago"
        pass_days(0.9)
        assert await left() == [1]
        pass_days(0.2)
        assert await left() == []


def test_what_the_network_mends_of_a_clock_does_not_count_as_set() -> None:
    clock, boot = [1_000.0], [0.0]
    steady = Steady(lambda: clock[0], lambda: boot[0])
    for _ in range(10):
        clock[0] += 3_650.0
        boot[0] += 3_600.0
        assert steady.seconds() == boot[0]
    clock[0] -= 100.0
    assert steady.seconds() == 0.0
