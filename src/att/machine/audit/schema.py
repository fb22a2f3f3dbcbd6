"""What `attctl audit verify` tells."""

from pydantic import BaseModel, Field


class Place(BaseModel):
    """A line of the log."""

    file: str
    line: int
    at: str = Field(description="The time that stands in it")


class AuditVerified(BaseModel):
    """Whether the audit log is as it was written."""

    whole: bool
    broken: Place | None = Field(description="The first line that was not written after what stands before it now")
    since: Place | None = Field(description="The last line before it that is in order: what changed lies between them")
    breaks: int
    head_found: bool | None = Field(description="Whether the log still holds the head that was asked for")
    files: int
    lines: int
    unchained: int = Field(description="Lines that a power cut tore or an older release wrote")
    from_the_start: bool = Field(description="False when older files are gone: so many are kept")
    head: str = Field(description="Keep it elsewhere and give it with --head: the log must still hold it then")
