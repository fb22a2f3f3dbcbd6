"""What crosses the wire of runs: the question, the answer, the recorded steps."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from att.runtime.frames import FrameKind
from att.runtime.schema import AppRequest

MESSAGE_CHARS_MAX = 200_000
ANSWER_CHARS_MAX = 1_000_000
ASK_SECONDS = 120.0
ASK_SECONDS_MAX = 900.0


class TraceState(StrEnum):
    """INTERRUPTED: the platform stopped while the app worked; what was recorded until then is there."""

    RUNNING = "running"
    ANSWERED = "answered"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    INTERRUPTED = "interrupted"


class Trace(BaseModel):
    """One recorded run. `truncated` says that it had more steps than are kept."""

    id: str
    project_id: str
    task_id: str
    state: TraceState
    message: str
    answer: str | None = None
    problem: str | None = None
    steps: int
    bytes: int
    truncated: bool = False
    caller: str
    request_id: str
    started: datetime
    ended: datetime | None = None


class TraceStep(BaseModel):
    """One thing that the app said, as it came: a raw step, a piece of the answer, an error."""

    cursor: str
    time: datetime
    kind: FrameKind
    value: Any


class TracePage(BaseModel):
    """A page of traces, newest first; `next_cursor` is null on the last one."""

    traces: list[Trace]
    next_cursor: str | None


class AskAnswer(BaseModel):
    """What the app answered, and under which id its steps are kept."""

    project_id: str
    answer: str
    trace_id: str
    steps: int
    seconds: float


class Ask(AppRequest):
    """What to say to the app: a message, or the input that its workflow takes."""

    message: str | None = Field(default=None, min_length=1, max_length=MESSAGE_CHARS_MAX, description="what to say")
    input: dict[str, Any] | None = Field(
        default=None, description="the workflow's input as JSON, for one that takes more than a message"
    )
    timeout_seconds: float = Field(
        default=ASK_SECONDS, gt=0, le=ASK_SECONDS_MAX, description="how long the app may take to answer"
    )


class TraceList(AppRequest):
    """Which traces to list, newest first."""

    cursor: str | None = Field(default=None, max_length=32, description="`next_cursor` of the page before")
    limit: int = Field(default=50, ge=1, le=200, description="traces a page")


class TraceRead(BaseModel):
    """Which steps of which trace."""

    model_config = ConfigDict(extra="forbid")

    trace_id: str = Field(max_length=64, description="the id of the trace")
    cursor: str | None = Field(default=None, max_length=32, description="read on after this step")
    limit: int = Field(default=500, ge=1, le=10_000, description="steps at most, unless `follow`")
    follow: bool = Field(default=False, description="wait for more steps until the run has ended")
