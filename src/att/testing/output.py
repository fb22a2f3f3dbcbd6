"""Copies what a test run writes into the log of its job, in batches, and remembers how far it came."""

import time
from collections.abc import AsyncIterator

from att.kernel.operation import Progress

BATCH_SECONDS = 0.5
BATCH_BYTES = 64 * 1024


async def follow_into(progress: Progress, output: AsyncIterator[bytes], offset: int) -> None:
    """Log whole lines as they come; a resumed job goes on at the byte that was remembered with the last of them."""
    pending, logged_at = bytearray(), time.monotonic()
    async for part in output:
        pending += part
        whole = pending.rfind(b"\n") + 1
        if whole and (time.monotonic() - logged_at >= BATCH_SECONDS or len(pending) >= BATCH_BYTES):
            offset = await _log(progress, bytes(pending[:whole]), offset)
            del pending[:whole]
            logged_at = time.monotonic()
    if pending:
        await _log(progress, bytes(pending), offset)


async def _log(progress: Progress, data: bytes, offset: int) -> int:
    offset += len(data)
    await progress.log(data.decode("utf-8", "replace"), offset=offset)
    return offset
