from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.runtime.world import World, world

from att.kernel.errors import AttError
from att.runtime.logs import PART_BYTES, first_lines, last_lines, parse, split
from att.runtime.schema import AppStop, LogPart, LogRequest


async def _read(at: World, **options: object) -> list[LogPart]:
    return [part async for part in at.runtime.logs(LogRequest.model_validate({"project_id": "one", **options}))]


def _text(parts: list[LogPart]) -> str:
    return "".join(part.text for part in parts)


@pytest.mark.anyio
async def test_without_a_cursor_the_last_lines_are_read(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start()
        at.sandboxes.last.write(b"".join(b"line %d\n" % n for n in range(100)))
        assert _text(await _read(at, limit=3)) == "line 97\nline 98\nline 99\n"


@pytest.mark.anyio
async def test_parts_read_by_cursor_put_together_are_the_log(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start()
        log = b"".join(b"%d " % n + "ä€😀".encode() * (n % 50) + b"\n" for n in range(4000))
        at.sandboxes.last.write(log)
        cursor, read = "0", ""
        while parts := await _read(at, cursor=cursor, limit=700):
            read += _text(parts)
            cursor = parts[-1].cursor
        assert read.encode() == log


@pytest.mark.anyio
async def test_who_comes_too_late_is_told_how_much_is_gone_and_reads_on_with_right_cursors(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start()
        at.sandboxes.last.write(b"first\nsecond\nthird\n")
        at.sandboxes.last.lost_bytes = len(b"first\n")
        parts = await _read(at, cursor="0", limit=1)
        assert [(part.text, part.missing_bytes) for part in parts] == [("second\n", 6)]
        later = await _read(at, cursor=parts[-1].cursor)
        assert [(part.text, part.missing_bytes) for part in later] == [("third\n", 0)]


@pytest.mark.anyio
async def test_a_limit_counts_lines(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start()
        at.sandboxes.last.write(b"a\nb\nc\nd")
        assert _text(await _read(at, cursor="0", limit=2)) == "a\nb\n"
        assert _text(await _read(at, cursor="0", limit=200)) == "a\nb\nc\nd"


@pytest.mark.anyio
async def test_following_yields_lines_as_they_come_until_the_app_is_stopped(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start()
        got: list[LogPart] = []

        async def follow() -> None:
            got.extend([part async for part in at.runtime.logs(LogRequest(project_id="one", cursor="0", follow=True))])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow)
            for n in range(5):
                at.sandboxes.last.write(b"line %d\n" % n)
                await anyio.lowlevel.checkpoint()
            at.sandboxes.last.write(b"no end")
            await at.runtime.stop(AppStop(project_id="one"))
        assert _text(got) == "".join(f"line {n}\n" for n in range(5)) + "no end"


@pytest.mark.anyio
async def test_following_goes_on_with_the_app_that_was_started_again(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start()
        got: list[LogPart] = []

        async def follow() -> None:
            got.extend([part async for part in at.runtime.logs(LogRequest(project_id="one", cursor="0", follow=True))])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow)
            at.sandboxes.last.write(b"first life\n")
            at.sandboxes.last.end(1, at=at.clock.now)
            await at.reconciler.round()
            at.clock.advance(2)
            await at.reconciler.round()
            at.sandboxes.last.write(b"second life\n")
            await at.runtime.stop(AppStop(project_id="one"))
        assert _text(got) == "first life\nsecond life\n"


@pytest.mark.anyio
async def test_a_cursor_of_an_earlier_app_reads_on_through_its_log(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start()
        at.sandboxes.last.write(b"old 1\nold 2\n")
        first = await _read(at, cursor="0", limit=1)
        await at.runtime.stop(AppStop(project_id="one"))
        await at.start()
        at.sandboxes.last.write(b"new\n")
        assert _text(await _read(at, cursor=first[-1].cursor)) == "old 2\nnew\n"


@pytest.mark.anyio
async def test_a_cursor_whose_log_is_gone_goes_on_with_the_present_one(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await at.start()
        at.sandboxes.last.write(b"here\n")
        assert _text(await _read(at, cursor="task_0000000000000000:17")) == "here\n"


@pytest.mark.parametrize("cursor", ["", "x", "-1", "task_a:", "task_A:1", "1" * 19, "../etc:1", "１"])
def test_a_cursor_that_is_none_is_refused(cursor: str) -> None:
    with pytest.raises(AttError) as told:
        parse(cursor)
    assert (told.value.code, told.value.field) == ("invalid_input", "cursor")


@given(st.binary(max_size=300), st.booleans())
def test_a_part_ends_at_a_line_where_there_is_one(data: bytes, final: bool) -> None:
    size = split(data, final=final)
    assert final or data[:size].endswith(b"\n") or size == 0
    assert not final or size == len(data)


@given(st.text(alphabet="aä€😀", min_size=1, max_size=9), st.integers(0, 3))
def test_a_very_long_line_is_cut_between_characters(text: str, more: int) -> None:
    data = (text * PART_BYTES).encode()[: PART_BYTES + more]
    assert data[: split(data, final=False)].decode() == data.decode(errors="ignore")


@given(st.lists(st.binary(max_size=5).map(lambda line: line.replace(b"\n", b"")), max_size=20), st.integers(1, 25))
def test_the_first_and_the_last_lines_are_counted_right(lines: list[bytes], count: int) -> None:
    text = b"".join(line + b"\n" for line in lines)
    assert first_lines(text, count) == b"".join(line + b"\n" for line in lines[:count])
    assert text[last_lines(text, count) :] == b"".join(line + b"\n" for line in lines[-count:])
