"""What crosses disk or wire of approvals: a change as the engine computed it, and what people said of it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Number = Annotated[int, Field(ge=1, le=1_000_000_000)]
Job = Annotated[str, StringConstraints(pattern=r"^job_[0-9a-z]{1,40}$")]
PATHS_MAX = 5_000
SHOWN_MAX = 1_000
APPROVALS_MAX = 16
SUBJECT_CHARS_MAX = 200
REASON_CHARS_MAX = 500


class _Stored(BaseModel):
    """What a newer release wrote beside it is passed over: the files outlive every rollback."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Change(_Stored):
    """A commit that wants to become the running release, against the one that runs."""

    commit: Commit
    tree: Digest = Field(description="Digest of the whole tree, see att.upgrade.approvals.tree")
    protected: tuple[str, ...] = Field(default=(), max_length=PATHS_MAX, description="Protected paths that it changes")
    image: tuple[str, ...] = Field(default=(), max_length=PATHS_MAX, description="Paths that only an image brings")
    dropped: tuple[str, ...] = Field(
        default=(), max_length=PATHS_MAX, description="Tests that the running release collects and it does not"
    )
    releases: bool = Field(default=True, description="Whether it is to be built and installed")


class Approval(_Stored):
    """Somebody's yes to one commit with one tree; `protected` are the protected paths that it names."""

    commit: Commit
    tree: Digest
    by: str = Field(min_length=1, max_length=128)
    door: Literal["ssh", "api", "dev"]
    kind: Literal["person", "agent"]
    protected: tuple[str, ...] = Field(default=(), max_length=PATHS_MAX)
    at: datetime


class Built(_Stored):
    """What was merged: a commit with its parents and tree as the engine recomputed them."""

    commit: Commit
    parents: tuple[Commit, ...]
    tree: Digest


class Held(_Stored):
    """The merge that was rolled back: nothing is released on top of it until its revert is merged."""

    commit: Commit
    number: Number = Field(description="The pull request that was rolled back")


class Difference(_Stored):
    """Which files a change adds, changes and removes: all are counted, the first `SHOWN_MAX` of each kind named."""

    added: tuple[str, ...] = Field(default=(), max_length=SHOWN_MAX)
    changed: tuple[str, ...] = Field(default=(), max_length=SHOWN_MAX)
    removed: tuple[str, ...] = Field(default=(), max_length=SHOWN_MAX)
    added_count: int = Field(default=0, ge=0)
    changed_count: int = Field(default=0, ge=0)
    removed_count: int = Field(default=0, ge=0)


class Proposal(_Stored):
    """A change as a pull request brings it, everything but `subject` and the dropped tests computed by the engine."""

    number: Number
    base: Commit = Field(description="The running release's commit, which the change is told against")
    change: Change
    difference: Difference
    subject: str = Field(default="", max_length=SUBJECT_CHARS_MAX, description="As the API told it: not to be trusted")
    by: str = Field(min_length=1, max_length=128)
    at: datetime


class Record(_Stored):
    """A proposal with what people said of it; one file."""

    proposal: Proposal
    approvals: tuple[Approval, ...] = Field(default=(), max_length=APPROVALS_MAX)


class Denial(_Stored):
    """An operator's no to a tree, in whichever commit and pull request it comes again."""

    number: Number
    commit: Commit
    tree: Digest
    by: str = Field(min_length=1, max_length=128)
    at: datetime
    reason: str = Field(default="", max_length=REASON_CHARS_MAX)


class Denials(_Stored):
    """All that are remembered, oldest first."""

    denials: tuple[Denial, ...]


class Paused(_Stored):
    """Nothing is released while this is there."""

    by: str = Field(min_length=1, max_length=128)
    at: datetime
    reason: str = Field(default="", max_length=REASON_CHARS_MAX)


class Cycle(_Stored):
    """What came of one job's release; `transaction` is empty until the upgrade has begun."""

    job: Job
    number: Number
    commit: Commit = Field(description="The merge that is released")
    frees: bool = Field(default=False, description="Whether it contains the merge that was held, and its revert")
    transaction: str = Field(default="", max_length=64)
    verdict: Literal["committed", "rolled_back", "failed_safe", "refused"] | None = None
    at: datetime


class Provenance(_Stored):
    """Where a release that the appliance made of itself comes from; travels in the bundle as provenance.json."""

    number: Number = Field(description="The pull request")
    commit: Commit = Field(description="The merge that was built")
    head: Commit = Field(description="The commit that was approved")
    tree: Digest
    base: Commit = Field(description="The commit of the release that built it")
    approval: Literal["required", "auto"] = Field(description="The setting under which it was released")
    approvals: tuple[Approval, ...] = ()
    dropped: tuple[str, ...] = Field(default=(), description="Tests that it collects no more")
    checks: tuple[str, ...] = Field(default=(), description="The checks that passed, as the API told them")
    job: Job
    at: datetime
