import json
import sqlite3
from pathlib import Path

import anyio
import pytest
from tests.fakes.database import fence, make_database, opened

from att.store.outbox import ROWS_MAX, Outbox
from att.store.service import OUTBOX_FILE
from att.store.tables import canaries

pytestmark = pytest.mark.anyio


def _row(name: str) -> dict[str, object]:
    return {"id": name, "value": "1", "created": 0.0}


def _written(link: Path) -> list[str]:
    connection = sqlite3.connect(link / "att.db")
    try:
        return [row[0] for row in connection.execute("SELECT id FROM canaries ORDER BY seq")]
    finally:
        connection.close()


async def test_a_put_row_is_in_the_database_when_put_returns(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    async with opened(link) as store:
        await store.outbox.put(canaries, _row("a"))
        assert _written(link) == ["a"]
        assert not (tmp_path / OUTBOX_FILE).exists()


async def test_pushed_rows_are_written_in_the_background_and_at_the_latest_at_close(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    async with opened(link) as store:
        for name in "abc":
            store.outbox.push(canaries, _row(name))
    assert _written(link) == ["a", "b", "c"]


async def test_under_the_fence_a_put_returns_soon_and_the_next_process_has_the_row(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    with fence(link):
        async with opened(link) as store:
            with anyio.fail_after(30):
                await store.outbox.put(canaries, _row("a"))
                await store.outbox.put(canaries, _row("b"))
            assert [row["id"] for row in store.outbox.pending(canaries)] == ["a", "b"]
            store.outbox.push(canaries, _row("c"))
    assert _written(link) == []
    async with opened(link) as store:
        await store.outbox.put(canaries, _row("d"))
    assert _written(link) == ["a", "b", "c", "d"]
    assert not (tmp_path / OUTBOX_FILE).exists()


async def test_rows_kept_in_the_file_are_written_when_the_fence_falls(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    async with opened(link) as store:
        with fence(link):
            await store.outbox.put(canaries, _row("a"))
            assert (tmp_path / OUTBOX_FILE).exists()
        with anyio.fail_after(30):
            while (tmp_path / OUTBOX_FILE).exists():
                await anyio.lowlevel.checkpoint()
        assert _written(link) == ["a"]
        assert store.outbox.pending(canaries) == []


async def test_a_file_that_was_written_already_does_no_harm(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    async with opened(link) as store:
        await store.outbox.put(canaries, {**_row("a"), "seq": 7})
    spill = tmp_path / OUTBOX_FILE
    spill.write_text(json.dumps({"table": "canaries", "row": {**_row("a"), "seq": 7}}) + "\n")
    async with opened(link) as store:
        await store.outbox.put(canaries, _row("b"))
    assert _written(link) == ["a", "b"]


async def test_torn_lines_foreign_tables_and_unknown_columns_are_left_out(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    lines = [
        json.dumps({"table": "canaries", "row": {**_row("a"), "colour": "of a newer release"}}),
        json.dumps({"table": "elsewhere", "row": {}}),
        json.dumps({"table": "canaries", "row": {"id": "no value"}}),
        json.dumps({"table": "canaries", "row": _row("b")}),
        json.dumps({"table": "canaries", "row": _row("torn")})[:-5],
    ]
    (tmp_path / OUTBOX_FILE).write_text("\n".join(lines))
    async with opened(link) as store:
        await store.outbox.put(canaries, _row("c"))
    assert sorted(_written(link)) == ["a", "b", "c"]


async def test_the_queue_is_bounded(tmp_path: Path) -> None:
    outbox = Outbox(lambda *, patience_seconds: pytest.fail(str(patience_seconds)), tmp_path / OUTBOX_FILE)
    for number in range(ROWS_MAX + 1):
        outbox.push(canaries, _row(str(number)))
    waiting = outbox.pending(canaries)
    assert len(waiting) == ROWS_MAX
    assert waiting[0]["id"] == "1"


async def test_a_file_that_cannot_be_written_fails_no_put(tmp_path: Path) -> None:
    link = make_database(tmp_path)
    (tmp_path / OUTBOX_FILE).mkdir()
    (tmp_path / OUTBOX_FILE).rmdir()
    async with opened(link) as store:
        await store.outbox.load()
        (tmp_path / OUTBOX_FILE).mkdir()
        with fence(link):
            await store.outbox.put(canaries, _row("a"))
        (tmp_path / OUTBOX_FILE).rmdir()
        await store.outbox.put(canaries, _row("b"))
    assert _written(link) == ["a", "b"]
