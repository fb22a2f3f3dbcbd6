"""Reads the log of an app by cursor: a task and a byte in its log, so that nothing is lost or read twice.

The parts are whole lines where there are any; put together they are the log. An app's log keeps its newest bytes, and
a part says how many before it are gone.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable

import anyio

from att.kernel.errors import InvalidInput, NotFound
from att.runtime.schema import LogPart
from att.workspace.place import Place
from att.workspace.ports import Sandboxes

PART_BYTES = 64 * 1024
TAIL_BYTES_MAX = 4 * 1024 * 1024
POLL_SECONDS = 0.5
_CURSOR = re.compile(r"(?:(?P<task>task_[0-9a-z]{1,40}):)?(?P<offset>[0-9]{1,18})")

Wanted = Callable[[], Awaitable[tuple[str, bool] | None]]
"""Returns the id of the app's present task and whether the app is wanted; None when there never was one."""


async def read_logs(
    sandboxes: Sandboxes, place: Place, wanted: Wanted, *, cursor: str | None, limit: int, follow: bool
) -> AsyncIterator[LogPart]:
    """Yield parts from `cursor` on; None begins with the last `limit` lines. Follows the app through its restarts."""
    named, offset = parse(cursor)
    present = await wanted()
    if present is None:
        return
    task_id = named or present[0]
    if cursor is None:
        offset = await _tail(sandboxes, place, task_id, limit)
    left = None if follow else limit
    while True:
        missing = False
        try:
            async for part in _parts(sandboxes, place, task_id, offset, follow=follow, lines=left):
                left = None if left is None else left - max(1, part.text.count("\n"))
                yield part
                if left is not None and left <= 0:
                    return
        except NotFound:
            missing = True  # not started yet, or its folder was removed with its log
        later = await _next(wanted, task_id, follow=follow, missing=missing)
        if later is None:
            return
        if later != task_id:
            task_id, offset = later, 0


def parse(cursor: str | None) -> tuple[str | None, int]:
    """Return task and byte of a cursor; InvalidInput for one that is none of this API."""
    if cursor is None:
        return None, 0
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise InvalidInput("invalid_input", "cannot read on: the cursor is none of this API", field="cursor")
    return found["task"], int(found["offset"])


def split(data: bytes, *, final: bool) -> int:
    """Return how many bytes of `data` make a part now: whole lines, else whole characters of a very long one."""
    if final:
        return len(data)
    end = data.rfind(b"\n") + 1
    if end or len(data) < PART_BYTES:
        return end
    return len(data) - _broken(data)


def _broken(data: bytes) -> int:
    """Return how many bytes at the end begin a character that is not complete."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        length = 2 if byte >> 5 == 0b110 else 3 if byte >> 4 == 0b1110 else 4 if byte >> 3 == 0b11110 else 1
        return back if length > back else 0
    return 0


def first_lines(text: bytes, lines: int) -> bytes:
    """Return the first `lines` lines of `text`."""
    end = -1
    for _ in range(lines):
        end = text.find(b"\n", end + 1)
        if end < 0:
            return text
    return text[: end + 1]


def last_lines(text: bytes, lines: int) -> int:
    """Return where the last `lines` lines of `text` begin."""
    start = len(text) - 1 if text.endswith(b"\n") else len(text)
    for _ in range(lines):
        start = text.rfind(b"\n", 0, max(start, 0))
        if start < 0:
            return 0
    return start + 1


async def _parts(
    sandboxes: Sandboxes, place: Place, task_id: str, offset: int, *, follow: bool, lines: int | None
) -> AsyncIterator[LogPart]:
    pending, missing = b"", 0
    async for block in sandboxes.read_blocks(place, task_id, offset, follow=follow):
        if gap := block.offset - offset - len(pending):
            if pending:
                yield _part(task_id, offset + len(pending), pending, missing)
            offset, pending, missing = block.offset, b"", gap
        pending += block.data
        while size := split(pending[:PART_BYTES], final=False):
            taken = pending[:size] if lines is None else first_lines(pending[:size], lines)
            offset, pending = offset + len(taken), pending[len(taken) :]
            yield _part(task_id, offset, taken, missing)
            missing = 0
            if lines is not None:
                lines -= taken.count(b"\n") or 1
                if lines <= 0:
                    return
    if pending:
        yield _part(task_id, offset + len(pending), pending, missing)


async def _tail(sandboxes: Sandboxes, place: Place, task_id: str, lines: int) -> int:
    try:
        size = (await sandboxes.state(place, task_id)).log_bytes
    except NotFound:
        return 0
    start = max(0, size - TAIL_BYTES_MAX)
    found = bytearray()
    async for chunk in sandboxes.read_log(place, task_id, start):
        found += chunk
        if len(found) >= size - start:
            break
    return start + last_lines(bytes(found[: size - start]), lines)


async def _next(wanted: Wanted, task_id: str, *, follow: bool, missing: bool) -> str | None:
    """Return the task that came after `task_id`; with `follow` wait for it as long as the app is wanted.

    A task that is `missing` may be about to start: it is returned itself after a moment.
    """
    while True:
        present = await wanted()
        if present is None:
            return None
        if present[0] != task_id:
            return present[0]
        if not (follow and present[1]):
            return None
        await anyio.sleep(POLL_SECONDS)
        if missing:
            return task_id


def _part(task_id: str, offset: int, data: bytes, missing: int) -> LogPart:
    return LogPart(cursor=f"{task_id}:{offset}", text=data.decode("utf-8", "replace"), missing_bytes=missing)
