"""What `attctl time` shows."""

from pydantic import BaseModel, Field


class TimeShown(BaseModel):
    """The machine's clock and what sets it."""

    now: str
    time_zone: str
    source: str = Field(description="What sets the clock, or `none`")
    synchronised: bool = Field(description="Whether the network has set the clock since boot")
    server: str | None
    servers: list[str] = Field(description="Servers that may be asked")
    stratum: int | None
    offset_seconds: float | None = Field(description="How far the clock was off when the server was last asked")
    jitter_seconds: float | None
    poll_seconds: float | None
    last_sync: str | None
    jump_seconds: float | None = Field(description="By how much somebody set the clock since boot")
    hardware_clock: str | None
    warnings: list[str]
