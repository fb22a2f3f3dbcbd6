"""What crosses the wire: apps, their health, their logs."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from att.workspace.schema import Ending

PORT_MIN, PORT_MAX = 1024, 65_535
START_SECONDS = 120.0
START_SECONDS_MAX = 600.0
GRACE_SECONDS = 5.0
GRACE_SECONDS_MAX = 30.0
LOG_LINES_MAX = 10_000


class Policy(StrEnum):
    """Whether an app that ended by itself is started again: after a failure, or whatever its exit code was."""

    NEVER = "never"
    ON_FAILURE = "on_failure"
    ALWAYS = "always"


class AppState(StrEnum):
    """WAITING: it ended and is started again in a moment. FAILED: it ended by itself and is left alone."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    UNHEALTHY = "unhealthy"
    WAITING = "waiting"
    FAILED = "failed"


class Fault(BaseModel):
    """Why an app failed: one sentence, and what its log said of it, if anything."""

    message: str
    traceback: str = ""


class AppStatus(BaseModel):
    """One project's app. `task_id` names its task and log; `restarts` counts those since it was last started."""

    project_id: str
    state: AppState
    task_id: str | None = None
    config: str | None = None
    port: int | None = None
    policy: Policy = Policy.ON_FAILURE
    autostart: bool = True
    started: datetime | None = None
    ended: datetime | None = None
    ending: Ending | None = None
    exit_code: int | None = None
    restarts: int = 0
    next_start: datetime | None = None
    healthy: bool = False
    log_bytes: int = 0
    log_dropped_bytes: int = 0
    fault: Fault | None = None


class Health(BaseModel):
    """What the app answered when it was asked for its health; `seconds` is how long that took."""

    project_id: str
    healthy: bool
    detail: str
    status: int | None = None
    seconds: float | None = None


class LogPart(BaseModel):
    """A part of the log, whole lines where there are any; hand `cursor` back to read on after it."""

    cursor: str
    text: str
    missing_bytes: int = Field(
        default=0, description="how many bytes before this part were asked for and are kept no longer"
    )


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AppRequest(_Strict):
    """Which project's app."""

    project_id: str = Field(description="the project's id or slug")


class AppStart(AppRequest):
    """How to start the app; what is left out stays as at the last start."""

    config: str | None = Field(default=None, max_length=512, description="the NAT config, relative to the project")
    port: int | None = Field(
        default=None, ge=PORT_MIN, le=PORT_MAX, description="pin the app's port; else one is chosen and kept"
    )
    policy: Policy | None = Field(default=None, description="when to start it again after it ended by itself")
    autostart: bool | None = Field(default=None, description="start it again after the machine did")
    start_seconds: float = Field(
        default=START_SECONDS, gt=0, le=START_SECONDS_MAX, description="how long it may take to become healthy"
    )


class AppRestart(AppRequest):
    """How to restart the app: with the settings of its last start."""

    grace_seconds: float = Field(
        default=GRACE_SECONDS, ge=0, le=GRACE_SECONDS_MAX, description="how long it may take to end before it is killed"
    )
    start_seconds: float = Field(
        default=START_SECONDS, gt=0, le=START_SECONDS_MAX, description="how long it may take to become healthy"
    )


class AppStop(AppRequest):
    """How to stop the app."""

    grace_seconds: float = Field(
        default=GRACE_SECONDS, ge=0, le=GRACE_SECONDS_MAX, description="how long it may take to end before it is killed"
    )


class LogRequest(AppRequest):
    """Which lines of the app's log: without a cursor the last ones, with the cursor 0 from the beginning."""

    cursor: str | None = Field(default=None, max_length=64, description="read on after this part")
    limit: int = Field(default=200, ge=1, le=LOG_LINES_MAX, description="lines at most, unless `follow`")
    follow: bool = Field(default=False, description="wait for more until the app has ended")
