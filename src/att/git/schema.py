"""What crosses the wire of a worktree's git."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

REF_CHARS_MAX = 250
PATH_CHARS_MAX = 4_096
PATHS_MAX = 10_000
MESSAGE_CHARS_MAX = 65_536
ARGUMENT: dict[str, Any] = {"cli": "argument"}


class Request(BaseModel):
    """Every request names its project."""

    model_config = ConfigDict(extra="forbid")

    project_id: str = Field(max_length=128, description="id or slug of the project")


class StatusRequest(Request):
    """Which project."""


class FileStatus(BaseModel):
    """One changed file: what is staged of it (`index`) and what is not (`worktree`)."""

    path: str
    old_path: str | None
    index: str
    worktree: str
    conflicted: bool


class Status(BaseModel):
    """What is checked out and what is changed; `commit` is null before the first one, `branch` when none is."""

    branch: str | None
    commit: str | None
    upstream: str | None
    ahead: int
    behind: int
    clean: bool
    merging: bool
    files: list[FileStatus]
    truncated: bool


class AddRequest(Request):
    """What to stage."""

    paths: list[str] = Field(default_factory=list, max_length=PATHS_MAX, description="files or folders")
    all: bool = Field(default=False, description="everything that is changed")


class CommitRequest(Request):
    """What to commit: what is staged, after staging `paths` or `all`."""

    message: str = Field(max_length=MESSAGE_CHARS_MAX, description="what the commit says")
    paths: list[str] = Field(default_factory=list, max_length=PATHS_MAX, description="stage these first")
    all: bool = Field(default=False, description="stage everything that is changed first")


class Commit(BaseModel):
    """One commit."""

    commit: str
    parents: list[str]
    author: str
    email: str
    time: datetime
    committer: str
    committed: datetime
    message: str


class Committed(Commit):
    """A commit just made, on `branch`, and the files it changed."""

    branch: str | None
    files: list[str]


class Merged(Committed):
    """What a merge made; `changed` is false when there was nothing to merge."""

    changed: bool


class BranchRequest(Request):
    """Make a branch and switch to it, or switch to one that is there."""

    name: str = Field(
        min_length=1, max_length=REF_CHARS_MAX, description="name of the branch", json_schema_extra=ARGUMENT
    )
    start: str | None = Field(default=None, max_length=REF_CHARS_MAX, description="branch or commit to start at: HEAD")
    existing: bool = Field(default=False, description="switch to the branch, which must be there")
    switch: bool = Field(default=True, description="switch to the new branch")


class Branch(BaseModel):
    """A branch; `remote` ones are what the forge or another host had at the last fetch."""

    name: str
    commit: str
    current: bool
    remote: bool
    upstream: str | None
    time: str
    subject: str


class BranchPage(BaseModel):
    """All branches, the newest commit first."""

    current: str | None
    branches: list[Branch]


class Switched(BaseModel):
    """What is checked out now."""

    name: str
    commit: str | None
    current: str | None


class MergeRequest(Request):
    """What to merge into the branch that is checked out."""

    ref: str = Field(
        min_length=1, max_length=REF_CHARS_MAX, description="branch or commit to merge", json_schema_extra=ARGUMENT
    )
    message: str | None = Field(default=None, max_length=MESSAGE_CHARS_MAX, description="what the merge commit says")
    keep_conflicts: bool = Field(default=False, description="leave conflicts in the files, to be solved and committed")


class LogRequest(Request):
    """Which commits, newest first."""

    ref: str | None = Field(default=None, max_length=REF_CHARS_MAX, description="branch or commit; HEAD")
    path: str | None = Field(default=None, max_length=PATH_CHARS_MAX, description="only commits that changed this")
    limit: int = Field(default=50, ge=1, le=1_000, description="commits at most")
    skip: int = Field(default=0, ge=0, le=1_000_000, description="leave these many out at the beginning")


class CommitPage(BaseModel):
    """Commits, the newest first."""

    commits: list[Commit]


class DiffRequest(Request):
    """What to compare: nothing named, what is not committed with the last commit."""

    base: str | None = Field(default=None, max_length=REF_CHARS_MAX, description="branch or commit to compare from")
    head: str | None = Field(default=None, max_length=REF_CHARS_MAX, description="and to; the files as they are")
    merge_base: bool = Field(default=False, description="from where the two parted, as a pull request does")
    staged: bool = Field(default=False, description="only what is staged")
    paths: list[str] = Field(default_factory=list, max_length=1_000, description="only these files or folders")
    context: int = Field(default=3, ge=0, le=100, description="unchanged lines around a change")


class DiffFile(BaseModel):
    """What happens to one file."""

    path: str
    old_path: str | None
    added: int
    deleted: int
    binary: bool


class Diff(BaseModel):
    """A unified diff; `truncated` when it passed the limit."""

    diff: str
    files: list[DiffFile]
    truncated: bool


class BlameRequest(Request):
    """Which lines of which file."""

    path: str = Field(min_length=1, max_length=PATH_CHARS_MAX, description="the file", json_schema_extra=ARGUMENT)
    ref: str | None = Field(default=None, max_length=REF_CHARS_MAX, description="branch or commit; HEAD")
    first: int = Field(default=1, ge=1, le=10_000_000, description="first line")
    limit: int = Field(default=1_000, ge=1, le=5_000, description="lines at most")


class BlameLine(BaseModel):
    """One line and the commit that wrote it; `time` in seconds since 1970."""

    line: int
    commit: str
    author: str
    time: int
    summary: str
    text: str


class Blame(BaseModel):
    """The lines as they are at `commit`."""

    commit: str
    lines: list[BlameLine]


class PushRequest(Request):
    """Which branch goes where."""

    branch: str | None = Field(default=None, max_length=REF_CHARS_MAX, description="the one that is checked out")
    remote: str = Field(default="origin", max_length=64, description="origin is the forge; others: att.git.remote.set")
    force: bool = Field(default=False, description="replace the branch there, if nobody changed it meanwhile")


class Pushed(BaseModel):
    """What a push did; `changed` is false when all of it was there."""

    remote: str
    branch: str
    commit: str
    changed: bool


class FetchRequest(Request):
    """From where."""

    remote: str = Field(default="origin", max_length=64, description="origin is the forge; others: att.git.remote.set")
    prune: bool = Field(default=False, description="forget branches that are gone there")


class Fetched(BaseModel):
    """What a fetch brought, in git's words."""

    remote: str
    updates: list[str]


class RemoteRequest(Request):
    """Another host's repository."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="how it is called here", json_schema_extra=ARGUMENT
    )
    address: str = Field(max_length=2_000, description="its https address")
    credential: str | None = Field(default=None, max_length=64, description="stored credential for it")


class RemoteNameRequest(Request):
    """Which remote."""

    name: str = Field(max_length=64, description="how it is called here")


class RemoteListRequest(Request):
    """Which project."""


def author_of(caller_id: str, name: str) -> dict[str, Any]:
    """Return who a commit says made it."""
    return {"name": name, "email": f"{caller_id}@att.invalid"}
