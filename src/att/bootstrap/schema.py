"""What crosses the wire of cycles: what somebody wants changed, and how far that is."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from att.bootstrap.decision import CycleOutcome, Step
from att.forge.schema import NUMBER_MAX, TEXT_CHARS_MAX, TITLE_CHARS_MAX
from att.jobs.schema import JobProblem, JobState
from att.kernel.errors import InvalidInput
from att.upgrade.approvals.standing import Standing, Status
from att.upgrade.schema import ReleaseIds

PATCH_CHARS_MAX = 4 * 1024 * 1024
CONTENT_CHARS_MAX = 1024 * 1024
EDITS_MAX = 500
PATH_CHARS_MAX = 1_024


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AfterMerge(StrEnum):
    """What follows the merge: the release that is built of it, or nothing."""

    BUILD = "build"
    NONE = "none"


class FileEdit(_Strict):
    """A file's whole new content; without one the file is removed."""

    path: str = Field(min_length=1, max_length=PATH_CHARS_MAX, description="path in the repository")
    content: str | None = Field(default=None, max_length=CONTENT_CHARS_MAX, description="the content; null removes it")
    executable: bool | None = Field(default=None, description="set or take the right to execute; else it stays")


class BootstrapRun(_Strict):
    """A change of ATT itself: a patch or edits of files, and what becomes of it."""

    title: str = Field(min_length=1, max_length=TITLE_CHARS_MAX, description="what it does, in a line")
    message: str = Field(default="", max_length=TEXT_CHARS_MAX, description="more about it; of commit and pull request")
    patch: str | None = Field(
        default=None,
        min_length=1,
        max_length=PATCH_CHARS_MAX,
        description="a unified diff against main's tip",
        json_schema_extra={"cli": "file"},
    )
    edits: list[FileEdit] = Field(default_factory=list, max_length=EDITS_MAX, description="or files, each whole")
    release: AfterMerge = Field(default=AfterMerge.BUILD, description="`none` merges and releases nothing")
    revert: bool = Field(default=False, description="begin with the revert that main is held for")

    def demand_one_change(self) -> None:
        """Raise InvalidInput unless there is exactly one way to say what changes, or a revert and at most one."""
        ways = (self.patch is not None) + bool(self.edits)
        if ways > 1 or (ways == 0 and not self.revert):
            raise InvalidInput("invalid_input", "cannot begin: give a patch or edits, one of them", field="patch")


class BootstrapNumber(_Strict):
    """Which pull request of project att."""

    number: int = Field(ge=1, le=NUMBER_MAX, description="its number")


class BootstrapPropose(BootstrapNumber):
    """Which pull request operators shall look at, and what would become of it."""

    release: AfterMerge = Field(default=AfterMerge.BUILD, description="`none` allows what only an image can bring")


class CycleShow(_Strict):
    """Which cycle."""

    job_id: Annotated[str, StringConstraints(max_length=64)] = Field(description="the id of its job")


class CycleList(_Strict):
    """Which cycles, newest first."""

    cursor: str | None = Field(default=None, max_length=32, description="`next_cursor` of the page before")
    limit: int = Field(default=20, ge=1, le=100, description="a page")


class BootstrapStatusRequest(_Strict):
    """Nothing to choose."""


class StepTaken(BaseModel):
    """One step of a cycle: when, and what speaks for it (a test run, a diff, checks, what the gate said)."""

    step: Step
    began: datetime
    ended: datetime | None = None
    seconds: float | None = None
    evidence: dict[str, Any] = Field(default_factory=dict)


class _Course(BaseModel):
    job_id: str
    title: str
    state: JobState
    step: str = Field(description="what it does now")
    outcome: CycleOutcome | None = None
    branch: str = ""
    head: str | None = Field(default=None, description="the commit that is tested, approved and merged")
    number: int | None = Field(default=None, description="of the pull request")
    merge_commit: str | None = None
    transaction: str | None = Field(default=None, description="of the upgrade engine")
    problem: JobProblem | None = None
    created: datetime
    finished: datetime | None = None
    steps: list[StepTaken] = Field(default_factory=list)


class BootstrapCycle(ReleaseIds, _Course):
    """One change of ATT by itself."""


class CyclePage(BaseModel):
    """A page of cycles; `next_cursor` is null on the last one."""

    cycles: list[BootstrapCycle]
    next_cursor: str | None


class Yes(BaseModel):
    """One approval; `protected` counts the protected paths that it names."""

    by: str
    door: str
    at: datetime
    protected: int


class ProposalShown(BaseModel):
    """A pull request as the engine sees it; `missing` is the code of what still stands in its way, with why."""

    number: int
    commit: str
    tree: str = Field(description="digest of the whole tree")
    base: str = Field(description="the running release's commit that it was proposed against")
    releases: bool
    subject: str
    protected: int = Field(description="how many protected paths it changes")
    dropped: int = Field(description="how many tests it collects no more")
    at: datetime
    approvals: list[Yes]
    denied_by: str | None
    missing: str | None
    missing_detail: str | None


class ReleaseBegun(BaseModel):
    """What came of one cycle's release, as the engine remembers it."""

    job_id: str
    number: int
    commit: str
    transaction: str
    verdict: str | None
    at: datetime


class _Standing(BaseModel):
    paused_by: str | None = Field(description="the operator who paused changes of ATT itself")
    held: int | None = Field(description="the pull request whose revert main waits for")
    approval: Literal["required", "auto"] = Field(description="the setting upgrade.approval")
    operators: int = Field(description="how many people could approve")
    base: str = Field(description="the running release's commit")
    proposals: list[ProposalShown]
    releases: list[ReleaseBegun]
    problems: list[str] = Field(description="files of the engine that cannot be read")


class BootstrapStatus(ReleaseIds, _Standing):
    """What is proposed, approved, paused, held and released, as the engine says; and which release is which."""


def proposal_shown(one: Standing) -> ProposalShown:
    """Return the engine's view of a pull request."""
    return ProposalShown(
        **one.model_dump(include=set(ProposalShown.model_fields) - {"approvals"}),
        approvals=[Yes(**said.model_dump()) for said in one.approvals],
        denied_by=one.denied.by if one.denied else None,
        missing=one.problem.code if one.problem else None,
        missing_detail=one.problem.detail if one.problem else None,
    )


def status_shown(found: Status, ids: ReleaseIds) -> BootstrapStatus:
    """Return the engine's view of everything."""
    return BootstrapStatus(
        paused_by=found.paused.by if found.paused else None,
        held=found.held.number if found.held else None,
        approval=found.setting,
        operators=found.operators,
        base=found.base,
        proposals=[proposal_shown(one) for one in found.proposals],
        releases=[
            ReleaseBegun(job_id=one.job, **one.model_dump(include=set(ReleaseBegun.model_fields)))
            for one in found.cycles
        ],
        problems=found.problems,
        **ids.model_dump(),
    )
