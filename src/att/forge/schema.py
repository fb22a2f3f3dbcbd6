"""What crosses disk or wire: pull requests, what is said and checked of them, policies."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

TITLE_CHARS_MAX = 300
TEXT_CHARS_MAX = 65_536
NUMBER_MAX = 2**31


class PullState(StrEnum):
    """MERGING is between the decision to merge and its proof; the last two are final."""

    OPEN = "open"
    MERGING = "merging"
    MERGED = "merged"
    CLOSED = "closed"

    @property
    def live(self) -> bool:
        """Whether it may still be merged."""
        return self in (PullState.OPEN, PullState.MERGING)


class CheckState(StrEnum):
    """ERROR is a check that could not run; it counts as not passed."""

    QUEUED = "queued"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"

    @property
    def final(self) -> bool:
        """Whether it has ended."""
        return self not in (CheckState.QUEUED, CheckState.RUNNING)


class Approval(BaseModel):
    """Somebody's yes to one commit; `current` when the head is still that commit."""

    approver: str
    approver_id: str
    commit: str
    current: bool
    time: datetime


class Comment(BaseModel):
    """One remark, on the whole or on a line of a file."""

    id: str
    author: str
    author_id: str
    body: str
    path: str | None
    line: int | None
    commit: str
    time: datetime


class Check(BaseModel):
    """One run of one check on one commit."""

    id: str
    name: str
    number: int = Field(description="the pull request's number")
    commit: str
    required: bool
    state: CheckState
    code: int | None
    detail: str
    created: datetime
    started: datetime | None
    ended: datetime | None


class ChangedFile(BaseModel):
    """What happens to one file."""

    path: str
    old_path: str | None = None
    added: int
    deleted: int
    binary: bool


class PullRequest(BaseModel):
    """A wish to merge `head` into `base`."""

    id: str
    project_id: str
    number: int
    url: str
    title: str
    body: str
    head: str
    base: str
    state: PullState
    author: str
    author_id: str
    head_commit: str
    base_commit: str
    merge_commit: str | None
    merged_by: str | None
    created: datetime
    updated: datetime
    ended: datetime | None


class PullDetails(PullRequest):
    """A pull request with all that decides about its merge; `blocked` is why it cannot be merged now, by code."""

    commits: int
    files: list[ChangedFile]
    conflicts: list[str]
    approvals: list[Approval]
    approvals_required: int
    checks: list[Check]
    blocked: str | None
    blocked_detail: str | None
    diff: str | None = None


class Policy(BaseModel):
    """The rules of one project's forge."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    protected: tuple[str, ...] = Field(
        default=("main",), max_length=50, description="branches that change by pull request alone"
    )
    approvals: int = Field(default=1, ge=0, le=10, description="approvals of the head that a merge needs")
    author_may_approve: bool = Field(default=True, description="whether the author's own approval counts")


def url_of(project_id: str, number: int) -> str:
    """Return the path of a pull request in the API."""
    return f"/api/v1/projects/{project_id}/git/pr/{number}"


class Remote(BaseModel):
    """Another host's repository, with the stored credential that reads it."""

    name: str
    url: str
    credential: str | None
