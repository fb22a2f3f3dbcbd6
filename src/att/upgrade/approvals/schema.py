"""What crosses disk or wire of approvals: a change as the engine computed it, and what people said of it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
PATHS_MAX = 20_000


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Change(_Strict):
    """A commit that wants to become the running release, against the one that runs."""

    commit: Commit
    tree: Digest = Field(description="Digest of the whole tree, see att.upgrade.approvals.tree")
    protected: tuple[str, ...] = Field(default=(), max_length=PATHS_MAX, description="Protected paths that it changes")
    image: tuple[str, ...] = Field(default=(), max_length=PATHS_MAX, description="Paths that only an image brings")
    dropped: tuple[str, ...] = Field(
        default=(), max_length=PATHS_MAX, description="Tests that the running release collects and it does not"
    )
    releases: bool = Field(default=True, description="Whether it is to be built and installed")


class Approval(_Strict):
    """Somebody's yes to one commit with one tree; `protected` are the protected paths that it names."""

    commit: Commit
    tree: Digest
    by: str = Field(min_length=1, max_length=128)
    door: Literal["ssh", "api", "dev"]
    kind: Literal["person", "agent"]
    protected: tuple[str, ...] = Field(default=(), max_length=PATHS_MAX)
    at: datetime


class Built(_Strict):
    """What was merged: a commit with its parents and tree as the engine recomputed them."""

    commit: Commit
    parents: tuple[Commit, ...]
    tree: Digest


class Held(_Strict):
    """The merge that was rolled back: nothing is released on top of it until its revert is merged."""

    commit: Commit
    number: int = Field(ge=1, description="The pull request that was rolled back")
