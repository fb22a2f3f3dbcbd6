"""What the surfaces need of the rooms below, each as small as it is used here; entrypoints hand the real ones in."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel

from att.kernel.errors import AttError
from att.kernel.operation import Caller, Context, Operation


class JobRef(BaseModel):
    """Where to follow a job that was started."""

    job_id: str
    operation: str
    state: str


@dataclass(frozen=True)
class JobView:
    """A job as MCP's progress needs it; `result` and `error` are set when it has ended."""

    job_id: str
    state: str
    ended: bool
    step: str | None = None
    percent: float | None = None
    result: dict[str, Any] | None = None
    error: AttError | None = None


class Authenticator(Protocol):
    """Turns a credential into its caller; NotSignedIn when it is none."""

    async def bearer(self, token: str) -> Caller: ...

    async def session(self, cookie: str) -> Caller: ...


class Jobs(Protocol):
    """Long work: started here, run elsewhere."""

    async def start(self, operation: Operation, request: BaseModel, context: Context) -> JobRef: ...

    def watch(self, job_id: str) -> AsyncIterator[JobView]:
        """Yield the job now and at each change, last when it has ended."""


class Audit(Protocol):
    """The record of who did what."""

    async def record(self, operation: Operation, request: BaseModel | None, context: Context, outcome: str) -> None:
        """Append one record; `outcome` is `ok` or the code of the error. Must not wait for a fence."""
