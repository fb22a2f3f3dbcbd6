"""What crosses the wire: audit records and the question for them."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _written_out(value: Any) -> Any:
    """Refuse a number for a moment, which pydantic would take as seconds since 1970."""
    if isinstance(value, str) and "-" not in value[1:]:
        raise ValueError("write it as 2026-01-31T12:00:00Z")
    return value


Moment = Annotated[datetime, BeforeValidator(_written_out)]


class AuditRecord(BaseModel):
    """One action. `target` is the request without its secrets; `outcome` is `ok` or the error's code."""

    id: str
    time: datetime
    caller: str
    caller_name: str
    caller_kind: str
    door: str
    peer: str
    operation: str
    target: dict[str, Any]
    outcome: str
    request_id: str


class AuditListRequest(BaseModel):
    """Which records, newest first."""

    model_config = ConfigDict(extra="forbid")

    caller: str | None = Field(default=None, description="only this caller's id or name")
    operation: str | None = Field(default=None, description="only this operation, or a prefix that ends in a dot")
    outcome: str | None = Field(default=None, description="only this outcome: `ok` or an error code")
    request_id: str | None = Field(default=None, description="only this request")
    since: Moment | None = Field(default=None, description="not before")
    until: Moment | None = Field(default=None, description="before")
    cursor: str | None = Field(default=None, description="`next_cursor` of the page before")
    limit: int = Field(default=50, ge=1, le=500, description="records a page")


class AuditPage(BaseModel):
    """A page of records; `next_cursor` is null on the last one."""

    records: list[AuditRecord]
    next_cursor: str | None
