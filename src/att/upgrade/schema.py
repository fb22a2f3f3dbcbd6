"""What crosses the engine's socket and the public surfaces."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Verdict = Literal["running", "committed", "rolled_back", "failed_safe", "refused"]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Failure(BaseModel):
    """What ended a transaction, or would: `class` is deploy_failure, watchdog_failure, health_failure or refused."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    code: str
    detail: str
    hint: str = ""
    failure_class: str = Field(default="refused", alias="class")


class Passage(BaseModel):
    """One record of the journal: `intent` before the effects that lead to a state, `done` after them.

    `rollback_policy` is neither: it says, in `note`, whether the policy lets a rollback happen, and why.
    """

    state: str
    phase: str
    at: datetime
    cursor: int = Field(default=0, description="Rises; where to go on watching")
    note: str = ""


class ReleaseIds(BaseModel):
    """Which release is which, and who said so; null where that source does not know."""

    requested_release_id: str | None = Field(default=None, description="The release that was asked for")
    previous_release_id: str | None = Field(default=None, description="What was deployed before")
    rollback_release_id: str | None = Field(default=None, description="Where a rollback would go to now")
    deployed_release_id: str | None = Field(default=None, description="What is deployed now")
    rollback_target_release_id: str | None = Field(
        default=None, description="The release that a rollback of this transaction was decided about"
    )
    release_metadata_source: Literal["journal", "registry", "service", "git"] | None = Field(
        default=None, description="Which release source answered"
    )

    def release_ids(self) -> dict[str, str | None]:
        """Return these fields alone, for events."""
        return {name: getattr(self, name) for name in ReleaseIds.model_fields}


class RollbackPolicy(BaseModel):
    """What the policy said of a rollback of this transaction; null where none was wanted."""

    rollback_policy_status: Literal["allow", "deny", "ask"] | None = None
    rollback_policy_reason: str | None = None
    rollback_target_valid: bool | None = None


class _Course(BaseModel):
    id: str
    kind: str = Field(description="upgrade, rollback or repair")
    state: str
    phase: str
    verdict: Verdict
    source: str = Field(description="The release it began on")
    target: str = Field(description="The release it goes to; empty before the bundle is read")
    schema_class: str | None = Field(default=None, description="none, additive or breaking")
    started: datetime
    finished: datetime | None = None
    deadline: datetime | None = Field(default=None, description="When the watchdog would act")
    percent: float | None = None
    notes: str | None = Field(default=None, description="What goes on within the state")
    failure: Failure | None = None
    passages: list[Passage] = Field(default_factory=list)
    by: str = ""
    attempt: int = 1
    baseline_failing: list[str] = Field(default_factory=list)
    log: str | None = Field(default=None, description="File name of the rollback log in the log directory")
    start_seconds: float | None = Field(default=None, description="How long the new release took to its readiness")


# pydantic orders fields by the bases from the last to the first: people read the id before everything else.
class Transaction(RollbackPolicy, ReleaseIds, _Course):
    """One upgrade, rollback or repair."""


class TransactionPage(BaseModel):
    """Past and present transactions, newest first."""

    transactions: list[Transaction]


class PlanRequest(_Request):
    """The bundle to look at."""

    upload: str = Field(description="An upload's id; a path in attctl")
    force: bool = Field(default=False, description="Look past an earlier rollback of this version")


class PlanCheck(BaseModel):
    """One thing that the upgrade demands."""

    name: str
    status: Literal["ok", "failed"]
    detail: str = ""


class Plan(BaseModel):
    """What an upgrade with this bundle would do; `refusal` says why it would not be taken."""

    version: str
    digest: str
    current: str
    kind: Literal["upgrade", "repair"]
    schema_version: int
    schema_class: str
    build_time: datetime
    commit: str
    size_bytes: int
    signed_by: list[str]
    local: bool = Field(description="Signed by this appliance's own key alone")
    refusal: Failure | None = None
    checks: list[PlanCheck]


class ApplyRequest(_Request):
    """The bundle to install."""

    upload: str = Field(description="An upload's id; a path in attctl")
    force: bool = Field(default=False, description="Try again a version that was rolled back before")
    despite_baseline: bool = Field(default=False, description="Replace a running release that is not healthy")


class RollbackRequest(_Request):
    """Where to go back to."""

    to: str | None = Field(default=None, description="A retained release; the previous one where left out")
    override: bool = Field(default=False, description="Go back where the rollback policy asks for an explicit yes")


class RepairRequest(_Request):
    """Nothing to choose."""


class Repaired(BaseModel):
    """What a repair found."""

    healthy: bool
    release: str
    detail: str = ""
    problems: list[str] = Field(default_factory=list, description="Files that differ from the release's metadata")


class ShowRequest(_Request):
    """Which transaction."""

    transaction: str = Field(description="Its id, or `newest`")


class HistoryRequest(_Request):
    """How many, newest first."""

    limit: int = Field(default=20, ge=1, le=200)


class ReleaseListRequest(_Request):
    """Nothing to choose."""


class Release(BaseModel):
    """One release on disk."""

    version: str
    current: bool
    previous: bool
    build_time: datetime | None = None
    commit: str | None = None
    size_bytes: int = 0
    schema_version: int | None = None
    problems: list[str] = Field(default_factory=list)


class ReleasePage(BaseModel):
    """The retained releases, newest first, and the versions that were rolled back."""

    releases: list[Release]
    bad: list[dict[str, Any]] = Field(default_factory=list)
