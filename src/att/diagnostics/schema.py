"""What `att.status` takes and gives."""

from typing import Any, Literal

from pydantic import BaseModel, Field

Level = Literal["ok", "degraded", "error"]


class StatusRequest(BaseModel):
    """Nothing to say."""


class Check(BaseModel):
    """One thing that was looked at; `detail` says what was seen."""

    name: str
    status: Level
    detail: str


class UnitState(BaseModel):
    """One systemd unit of the appliance."""

    name: str
    active: str = Field(description="systemd's ActiveState")
    sub: str = Field(description="systemd's SubState")
    load: str = Field(description="systemd's LoadState")


class DiskUse(BaseModel):
    """One file system."""

    path: str
    used_percent: float
    free_mb: int
    inodes_percent: float
    read_only: bool


class Status(BaseModel):
    """The appliance in one word, why, and what was seen."""

    status: Level
    reasons: list[str] = Field(description="What is not ok, worst first; empty when all is")
    release: str | None = Field(description="The release that runs, as the upgrade engine or the API says")
    previous: str | None = Field(description="The rollback target")
    upgrade: dict[str, Any] | None = Field(description="The upgrade that runs now: transaction and state")
    checks: list[Check]
    units: list[UnitState]
    disks: list[DiskUse]
