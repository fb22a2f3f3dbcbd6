"""What a backup says of itself, and what the commands give back."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Manifest(_Frozen):
    """The first member: who made the backup, when, and what a restore needs to know before it begins."""

    format: Literal[1] = 1
    product: str = Field(description="What the appliance calls itself compatible with")
    appliance: str = Field(max_length=64, description="Its name, and the begin of its key's id")
    made: datetime
    release: str = Field(max_length=128, description="The version that ran")
    schema_version: int = Field(ge=1)
    min_reader: int = Field(ge=1)
    bytes: int = Field(ge=0, description="About how much it holds, for the progress of who reads it")


class Statement(_Frozen):
    """The last member: signed with the appliance's key, and sealed with the recovery key.

    The seal tells who knows the recovery key from who only knows its public half; the signature tells the appliance.
    """

    digest: str = Field(pattern="^[0-9a-f]{64}$", description="Of all members before this one")
    key: str = Field(pattern="^[0-9a-f]{64}$", description="The appliance's public key, raw")
    signature: str = Field(pattern="^[0-9a-f]{128}$")
    seal: str = Field(pattern="^[0-9a-f]{64}$")


class Part(BaseModel):
    """How much of one kind a backup holds."""

    name: str
    files: int
    bytes: int


class Shown(BaseModel):
    """One backup as its manifest tells it; `problem` says why it could not be opened."""

    file: str
    bytes: int
    appliance: str | None = None
    made: datetime | None = None
    release: str | None = None
    schema_version: int | None = None
    problem: str | None = None


class Verified(Shown):
    """A backup that was read to its end; every byte is as it was written."""

    signed_by: str = Field(description="Id of the key of the appliance that made it")
    parts: list[Part]


class Created(BaseModel):
    """A backup that was written and synced."""

    file: str
    bytes: int
    appliance: str
    parts: list[Part]
    left_out: int = Field(description="Files that went away or changed their kind while they were read")
    removed: list[str] = Field(description="Earlier backups that backup.keep does not keep")


class Skipped(BaseModel):
    """A scheduled backup that was not due; `reason` says why."""

    created: Literal[False] = False
    reason: str


class Restored(BaseModel):
    """What a restore did."""

    file: str
    appliance: str
    made: datetime
    release: str
    schema_version: int
    parts: list[Part]
    fingerprint: str = Field(description="SHA-256 of the TLS certificate that the appliance port shows now")


class Resumed(BaseModel):
    """What became of a restore that was interrupted."""

    outcome: Literal["nothing", "reverted", "finished", "proving"] = Field(
        description="Proving: it is in its place, and goes back by itself unless it runs"
    )
    problem: str | None = Field(None, description="Why what was in its place went back")


class Last(BaseModel):
    """What the status tells of backups, in a file that everybody may read."""

    at: datetime | None = Field(None, description="When a scheduled backup was last tried")
    good: datetime | None = Field(None, description="When one was last made")
    problem: str = Field("", description="Why the last one failed, empty when it did not")
    key_shown: bool = Field(False, description="Whether a person ever had the recovery key: without it no file opens")
