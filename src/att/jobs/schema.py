"""What crosses the wire: jobs, their problems, their log lines."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

WAIT_SECONDS_MAX = 25.0


class JobState(StrEnum):
    """QUEUED and RUNNING jobs go on after a restart; the other three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


class JobRef(BaseModel):
    """What a caller gets at once: follow it with `att.job.show` and `att.job.log`."""

    job_id: str
    operation: str
    state: JobState


class JobProblem(BaseModel):
    """Why a job failed, in the words of the error tree; surfaces turn it into their own form."""

    code: str
    detail: str
    hint: str = ""
    field: str | None = None
    status: int = 500
    exit_code: int = 4
    data: dict[str, Any] = Field(default_factory=dict)


class Job(BaseModel):
    """One job. `percent` is 0–100 where the length is known; `deadline` is when the present step must be done."""

    id: str
    operation: str
    state: JobState
    step: str = ""
    percent: float | None = None
    deadline: datetime | None = None
    caller: str
    request_id: str
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    cancel_requested: bool = False
    attempts: int = 0
    result: Any = None
    problem: JobProblem | None = None


class LogLine(BaseModel):
    """One line of a job's log; hand `cursor` back to read on after it."""

    cursor: str
    time: datetime
    text: str


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class JobListRequest(_Strict):
    """Which jobs to list, newest first."""

    state: JobState | None = Field(default=None, description="only jobs in this state")
    operation: str | None = Field(default=None, description="only jobs of this operation")
    cursor: str | None = Field(default=None, description="`next_cursor` of the page before")
    limit: int = Field(default=50, ge=1, le=200, description="jobs a page")


class JobPage(BaseModel):
    """A page of jobs; `next_cursor` is null on the last one."""

    jobs: list[Job]
    next_cursor: str | None


class JobShowRequest(_Strict):
    """Which job."""

    job_id: str = Field(description="the id of the job")


class JobWaitRequest(JobShowRequest):
    """Which job, and whether to wait for it."""

    wait_seconds: float = Field(
        default=0.0, ge=0, le=WAIT_SECONDS_MAX, description="answer when the job has ended, at the latest after these"
    )


class JobLogRequest(_Strict):
    """Which lines of which job's log."""

    job_id: str = Field(description="the id of the job")
    cursor: str | None = Field(default=None, description="read on after this line")
    limit: int = Field(default=1000, ge=1, le=10_000, description="lines at most, unless `follow`")
    follow: bool = Field(default=False, description="wait for more lines until the job has ended")
