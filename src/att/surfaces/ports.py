"""What the surfaces need of the rooms below, each as small as it is used here; entrypoints hand the real ones in."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from pydantic import BaseModel

from att.events.schema import ATTEvent
from att.identity.schema import SignedIn
from att.jobs.schema import Job, JobRef
from att.kernel.operation import Caller, Operation


class Gate(Protocol):
    """The door of everything that writes."""

    async def __call__(self, *, needs_room: bool = True) -> None:
        """Wait until a write may begin.

        Unavailable("write_fenced") when it may not, at once while the process stops; where it `needs_room`,
        Unavailable("disk_full", "disk_inodes" or "disk_read_only") while there is none.
        """


class Authenticator(Protocol):
    """Turns a credential into its caller; NotSignedIn when it is none."""

    async def authenticate(self, *, bearer: str | None = None, cookie: str | None = None) -> Caller: ...


class SignIn(Protocol):
    """The claim, sessions, and who calls."""

    async def authenticate(self, *, bearer: str | None = None, cookie: str | None = None) -> Caller: ...

    async def claimed(self) -> bool: ...

    async def claim(self, code: str, name: str, password: str, *, peer: str) -> SignedIn: ...

    async def sign_in(
        self, *, name: str | None = None, password: str | None = None, token: str | None = None, peer: str
    ) -> SignedIn: ...

    async def sign_out(self, cookie: str) -> None: ...


class Jobs(Protocol):
    """Long work: started here, run elsewhere."""

    async def submit(
        self,
        operation: Operation,
        request: Mapping[str, Any],
        caller: Caller,
        request_id: str,
        *,
        key: str | None = None,
        exclusive: str | None = None,
    ) -> JobRef: ...

    async def show(self, job_id: str) -> Job: ...

    async def ended(self, job_id: str, seconds: float) -> Job:
        """Return the job once it has ended, or as it is after `seconds` or when the process stops."""


class Audit(Protocol):
    """The record of who did what; it never makes a call fail."""

    async def record(
        self,
        caller: Caller | None,
        operation: str,
        request: BaseModel | Mapping[str, Any],
        outcome: str,
        request_id: str,
        *,
        peer: str = "",
    ) -> None: ...


class Events(Protocol):
    """The event bus."""

    def subscribe(self, cursor: str | None = None) -> AsyncIterator[ATTEvent]: ...
