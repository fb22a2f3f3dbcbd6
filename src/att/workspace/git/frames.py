"""What a git stream carries from the sandbox: git's own bytes in frames, at the end one frame with how git ended.

The other way, from the forge to git, the bytes are bare.
"""

import json
import struct
from collections.abc import Iterator
from typing import Any

from att.kernel.errors import Failed

DATA, END, RESULT = 0, 1, 2
FRAME_BYTES_MAX = 262_144
_HEAD = struct.Struct("!BI")


def frame(kind: int, payload: bytes = b"") -> bytes:
    """Return one frame."""
    return _HEAD.pack(kind, len(payload)) + payload


def result(value: Any) -> bytes:
    """Return the last frame."""
    return frame(RESULT, json.dumps(value).encode()[:FRAME_BYTES_MAX])


class Frames:
    """Takes a stream apart, however it was cut into chunks; Failed(agent_broken) for what is no frame."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def feed(self, chunk: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the frames that are whole now."""
        self._kept += chunk
        while len(self._kept) >= _HEAD.size:
            kind, size = _HEAD.unpack_from(self._kept)
            if kind not in (DATA, END, RESULT) or size > FRAME_BYTES_MAX:
                raise Failed("git_failed", "cannot go on with git: its stream from the project is damaged")
            end = _HEAD.size + size
            if len(self._kept) < end:
                return
            payload = bytes(self._kept[_HEAD.size : end])
            del self._kept[:end]
            yield kind, payload
