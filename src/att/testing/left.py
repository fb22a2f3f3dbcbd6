"""Reads what a test run left in the `out` folder of its task: the project's, so no link is followed, all is bounded."""

import os
import stat

from anyio.to_thread import run_sync

from att.kernel.errors import NotFound
from att.workspace.place import Place
from att.workspace.shim.records import OUT
from att.workspace.verbs.beneath import folder, opened

_READING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
_BLOCK_BYTES = 1024 * 1024


class LeftFiles:
    """Implements `Reports` where the API can read the project's folder."""

    async def read(self, place: Place, task_id: str, name: str, bytes_max: int) -> bytes | None:
        """Return a file of the task's `out` folder; None when there is none, or when it is larger than that."""
        return await run_sync(_read, place, task_id, name, bytes_max)


def _read(place: Place, task_id: str, name: str, bytes_max: int) -> bytes | None:
    parts = (place.tasks.name, task_id, OUT, name)
    try:
        with folder(place.folder) as top, opened(top, parts, _READING, follow=False) as fd:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_size > bytes_max:
                return None
            data = bytearray()
            while block := os.read(fd, _BLOCK_BYTES):
                data += block
                if len(data) > bytes_max:
                    return None
            return bytes(data)
    except (OSError, NotFound):
        return None
