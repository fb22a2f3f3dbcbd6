"""What crosses the wire of pull requests and runs."""

from pydantic import BaseModel, Field

from att.forge.checks_file import CHECKS_MAX
from att.forge.schema import (
    NUMBER_MAX,
    TEXT_CHARS_MAX,
    TITLE_CHARS_MAX,
    Check,
    Comment,
    Policy,
    PullRequest,
    PullState,
    Remote,
)
from att.git.schema import PATH_CHARS_MAX, REF_CHARS_MAX, Request


class PullCreate(Request):
    """What shall be merged, and why."""

    title: str = Field(min_length=1, max_length=TITLE_CHARS_MAX, description="what it does, in a line")
    head: str | None = Field(
        default=None,
        min_length=1,
        max_length=REF_CHARS_MAX,
        description="the branch to merge, pushed before; the one that is checked out",
    )
    base: str | None = Field(default=None, max_length=REF_CHARS_MAX, description="into which; the default branch")
    body: str = Field(default="", max_length=TEXT_CHARS_MAX, description="more about it")


class PullList(Request):
    """Which pull requests, the newest first."""

    state: PullState | None = Field(default=None, description="only those in this state")
    before: int | None = Field(default=None, ge=1, le=NUMBER_MAX, description="`next_before` of the page before")
    limit: int = Field(default=50, ge=1, le=200, description="a page")


class PullPage(BaseModel):
    """A page; `next_before` is null on the last one."""

    pull_requests: list[PullRequest]
    next_before: int | None


class PullNumber(Request):
    """Which pull request."""

    number: int = Field(ge=1, le=NUMBER_MAX, description="its number")


class PullRerun(PullNumber):
    """Which checks of which pull request."""

    checks: list[str] = Field(
        default_factory=list, max_length=CHECKS_MAX, description="names of checks; all of them unless given"
    )


class PullShow(PullNumber):
    """Which pull request."""

    diff: bool = Field(default=False, description="with the unified diff")


class PullComment(PullNumber):
    """A remark, on the whole or on a line."""

    body: str = Field(min_length=1, max_length=TEXT_CHARS_MAX, description="the remark")
    path: str | None = Field(default=None, max_length=PATH_CHARS_MAX, description="on this file")
    line: int | None = Field(default=None, ge=1, le=10_000_000, description="on this line of it")


class PullMerge(PullNumber):
    """Which pull request, and what its commit says."""

    message: str | None = Field(default=None, min_length=1, max_length=TEXT_CHARS_MAX, description="of the merge")


class CommentPage(BaseModel):
    """All remarks, the oldest first."""

    comments: list[Comment]


class CheckPage(BaseModel):
    """The last run of each check on the head as it is now."""

    checks: list[Check]


class ActionsRequest(Request):
    """Which runs, or the log of one."""

    run_id: str | None = Field(default=None, max_length=64, description="show this run and its log")
    branch: str | None = Field(default=None, max_length=REF_CHARS_MAX, description="only runs for this head branch")
    cursor: int = Field(default=0, ge=0, le=2**53, description="read the log on from here: `next_cursor`")
    limit: int = Field(default=50, ge=1, le=200, description="runs at most")
    log_bytes: int = Field(default=65_536, ge=1, le=1_048_576, description="of the log at most")


class Actions(BaseModel):
    """Runs, the newest first; with `run_id` that one alone, with `log` from `cursor` up to `next_cursor`."""

    runs: list[Check]
    log: str | None = None
    next_cursor: int | None = None


class PolicyRequest(Request):
    """Which project."""


class PolicySet(Request):
    """The rules of the project's forge; what is left out takes its default."""

    protected: list[str] = Field(
        default_factory=lambda: ["main"], max_length=50, description="branches that change by pull request alone"
    )
    approvals: int = Field(default=1, ge=0, le=10, description="approvals of the head that a merge needs")
    author_may_approve: bool = Field(default=True, description="whether the author's own approval counts")

    def policy(self) -> Policy:
        """Return the rules."""
        return Policy(
            protected=tuple(self.protected), approvals=self.approvals, author_may_approve=self.author_may_approve
        )


class RemotePage(BaseModel):
    """The remotes, by name."""

    remotes: list[Remote]
