"""The event and its types: the plan's, and those of the platform."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel


class EventType(StrEnum):
    """What happened. GAP is never published: a subscriber that lost events to retention is told by it."""

    PROJECT_CREATED = "project.created"
    PROJECT_CHANGED = "project.changed"
    PROJECT_DELETED = "project.deleted"
    CODE_CHANGED = "code.changed"
    TEST_RUN = "test.run"
    TEST_PASSED = "test.passed"
    TEST_FAILED = "test.failed"
    BUILD_STARTED = "build.started"
    BUILD_COMPLETED = "build.completed"
    DEPLOY_STARTED = "deploy.started"
    DEPLOY_COMPLETED = "deploy.completed"
    GIT_COMMIT = "git.commit"
    GIT_PR_CREATED = "git.pr.created"
    GIT_PR_MERGED = "git.pr.merged"
    ERROR = "error"
    APP_STARTED = "app.started"
    APP_STOPPED = "app.stopped"
    APP_FAILED = "app.failed"
    JOB_QUEUED = "job.queued"
    JOB_STARTED = "job.started"
    JOB_PROGRESS = "job.progress"
    JOB_SUCCEEDED = "job.succeeded"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"
    BOOTSTRAP_STEP = "bootstrap.step"
    BOOTSTRAP_ENDED = "bootstrap.ended"
    UPGRADE_STATE = "upgrade.state"
    UPGRADE_PROGRESS = "upgrade.progress"
    TOKEN_CREATED = "token.created"  # noqa: S105 - the name of an event
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - the name of an event
    AUTH_CLAIMED = "auth.claimed"
    AUTH_SIGNED_IN = "auth.signed_in"
    AUTH_SIGNED_OUT = "auth.signed_out"
    AUTH_REFUSED = "auth.refused"
    DISK_LEVEL = "disk.level"
    GAP = "gap"


class ATTEvent(BaseModel):
    """One event. `project_id` is empty for what concerns the platform; hand `cursor` back to read on after it."""

    id: str
    project_id: str
    event_type: EventType
    payload: dict[str, Any]
    timestamp: datetime
    cursor: str
