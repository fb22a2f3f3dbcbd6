from pathlib import Path

import pytest
from sqlalchemy import insert, select
from tests.fakes.database import make_database, opened

from att.store.retention import DAY_SECONDS, Retention, prune
from att.store.tables import canaries

pytestmark = pytest.mark.anyio


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
        await prune(connection, canaries, order=canaries.c.seq, time=canaries.c.created, keep=keep, now=5 * DAY_SECONDS)
        assert (await connection.execute(select(canaries.c.seq))).scalars().all() == left


async def test_rows_outside_only_stay(tmp_path: Path) -> None:
    async with opened(make_database(tmp_path)) as store, store.write() as connection:
        rows = [{"seq": n, "id": str(n), "value": "keep" if n == 1 else "", "created": 0.0} for n in range(1, 4)]
        await connection.execute(insert(canaries), rows)
        await prune(
            connection,
            canaries,
            order=canaries.c.seq,
            time=canaries.c.created,
            keep=Retention(days=1, rows_max=1),
            now=9 * DAY_SECONDS,
            only=canaries.c.value == "",
        )
        assert (await connection.execute(select(canaries.c.seq))).scalars().all() == [1]
