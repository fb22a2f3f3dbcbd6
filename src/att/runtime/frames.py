"""Reads what an app says while it works (`/v1/workflow/full`): pure, bytes in, frames out.

Each frame is a line `name: JSON`: `data` carries pieces of the answer, `intermediate_data` the raw steps. That is no
legal event stream (the name is a field there), and an error is a bare JSON object, so the lines are read by hand.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

LINE_BYTES_MAX = 8 * 1024 * 1024
_ERROR_FIELDS = {"code", "message"}
_DONE = "[DONE]"


class FrameKind(StrEnum):
    """What a frame carries. OTHER is kept as it came, so that a newer NAT loses nothing."""

    DATA = "data"
    STEP = "step"
    ERROR = "error"
    OTHER = "other"


@dataclass(frozen=True)
class Frame:
    """One frame; `value` is its JSON, or its text where it is none."""

    kind: FrameKind
    value: Any


class Frames:
    """Takes bytes as they come, however they are cut."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._dropping = False

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that are complete now."""
        self._pending += data
        *lines, rest = bytes(self._pending).split(b"\n")
        self._pending = bytearray(rest)
        found = []
        for line in lines:
            if not self._dropping:
                found.append(frame_of(line))
            self._dropping = False
        if len(self._pending) > LINE_BYTES_MAX:
            self._pending.clear()
            if not self._dropping:
                found.append(_too_long())
            self._dropping = True
        return [frame for frame in found if frame is not None]

    def close(self) -> list[Frame]:
        """Return what the end of the stream completes."""
        frame = None if self._dropping else frame_of(bytes(self._pending))
        self._pending.clear()
        return [] if frame is None else [frame]


def frame_of(line: bytes) -> Frame | None:
    """Return the frame of one line; None for an empty one, a comment, and the mark of the end."""
    text = line.decode("utf-8", "replace").strip()
    if not text or text.startswith(":"):
        return None
    if text.startswith("{"):
        value = _parsed(text)
        is_error = isinstance(value, dict) and value.keys() >= _ERROR_FIELDS
        return Frame(FrameKind.ERROR if is_error else FrameKind.OTHER, value)
    name, _, rest = text.partition(":")
    rest = rest.strip()
    if name == "data":
        return None if rest == _DONE else _data(_parsed(rest))
    if name == "intermediate_data":
        return Frame(FrameKind.STEP, _parsed(rest))
    return Frame(FrameKind.OTHER, {name[:64]: _parsed(rest)})


def text_of(frame: Frame) -> str:
    """Return the piece of the answer that a frame carries, nothing for other frames.

    Pieces are deltas: put together they are the answer. A value that is no text is shown as JSON.
    """
    if frame.kind is not FrameKind.DATA:
        return ""
    value = frame.value.get("value", frame.value) if isinstance(frame.value, dict) else frame.value
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def problem_of(frame: Frame) -> str:
    """Return what an error frame says went wrong."""
    value = frame.value if isinstance(frame.value, dict) else {}
    details = value.get("details")
    told = str(value.get("message") or "the workflow failed without a word")
    return f"{details}: {told}" if isinstance(details, str) and details not in ("", "default") else told


def _data(value: Any) -> Frame:
    is_error = isinstance(value, dict) and "value" not in value and value.keys() >= _ERROR_FIELDS
    return Frame(FrameKind.ERROR if is_error else FrameKind.DATA, value)


def _too_long() -> Frame:
    return Frame(FrameKind.OTHER, {"dropped": f"a line longer than {LINE_BYTES_MAX} bytes"})


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
