"""The one definition of a public action, from which REST, MCP, attctl, audit and the console's client are made.

A room lists its operations in `operations.py` as `OPERATIONS: tuple[Operation, ...]`; `att.surfaces.table` collects
them. Nothing here touches a framework.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Protocol, cast

from pydantic import BaseModel


class Effect(StrEnum):
    """What a call does to the world: `destroy` asks for confirmation on every surface."""

    READ = "read"
    CHANGE = "change"
    DESTROY = "destroy"


class Role(IntEnum):
    """Who may call, each role includes those below it. ANYONE is for health and sign-in alone."""

    ANYONE = 0
    VIEWER = 1
    DEVELOPER = 2
    OPERATOR = 3
    ADMIN = 4


class Kind(StrEnum):
    """CALL answers now; JOB answers with a job id; STREAM is read by cursor; CONTENT takes an uploaded file."""

    CALL = "call"
    JOB = "job"
    STREAM = "stream"
    CONTENT = "content"


class Retry(StrEnum):
    """How a repeated call behaves: IDEMPOTENT may simply run again, KEYED needs the same key, PROBE looks first."""

    IDEMPOTENT = "idempotent"
    KEYED = "keyed"
    PROBE = "probe"


@dataclass(frozen=True)
class Route:
    """Where an operation lives under `/api/v1`: method and path template, e.g. `POST`, `/tokens/{token_id}`."""

    method: str
    path: str
    status: int = 200


@dataclass(frozen=True)
class Caller:
    """Who calls: `door` is `api` (token or cookie over the appliance port), `ssh` (local operator) or `dev`."""

    id: str
    name: str
    role: Role
    kind: str = "person"
    door: str = "api"
    token_id: str | None = None


class Progress(Protocol):
    """What a JOB handler reports through; all of it is persisted before the call returns."""

    @property
    def job_id(self) -> str: ...

    async def step(self, name: str, *, percent: float | None = None, deadline: float | None = None) -> None:
        """Say which step runs now; `percent` 0–100 where the length is known, `deadline` in seconds from now."""

    async def log(self, line: str, **remember: Any) -> None:
        """Append a line to the job's log, or each of a text, and persist values with it: both, or neither."""

    async def state(self) -> dict[str, Any]:
        """The values remembered by `remember`, of this run or of one before a restart: what makes a job resumable."""

    async def remember(self, **values: Any) -> None:
        """Persist values that a resumed run of this job needs."""

    async def cancelled(self) -> bool:
        """Whether somebody asked this job to stop."""


@dataclass(frozen=True)
class Context:
    """What a handler gets beside its request. `services` maps a type to the instance the entrypoint wired."""

    caller: Caller
    request_id: str
    services: dict[type, Any] = field(default_factory=dict)
    progress: Progress | None = None
    peer: str = ""

    def get[S](self, service: type[S]) -> S:
        """Return the wired service of that type; KeyError names a wiring mistake of the entrypoint."""
        found: S = self.services[service]
        return found


Handler = Callable[[Context, Any], Awaitable[Any]] | Callable[[Context, Any], AsyncIterator[Any]]


@dataclass(frozen=True)
class Operation:
    """One public action.

    `name` is the plan's (`att.git.pr.merge`); the CLI is the name with spaces, without `att`. Path parameters of
    `route` are fields of `request`; for GET and DELETE the other fields are the query, else the JSON body.
    A CALL or CONTENT handler returns `result`; a JOB handler returns `result` when the job is done (callers get a
    `JobRef` at once) and must be safe to run again from the start; a STREAM handler is an async generator of `result`
    items, its request carries `cursor: str | None`, `limit: int` and `follow: bool`, and each item has a `cursor`.
    A CONTENT request has a field `upload: str`: an id of `POST /api/v1/uploads`, a path in the CLI.
    """

    name: str
    summary: str
    request: type[BaseModel]
    result: type[BaseModel]
    effect: Effect
    role: Role
    route: Route
    handler: Handler
    kind: Kind = Kind.CALL
    retry: Retry = Retry.IDEMPOTENT
    example: str = ""
    """Arguments after `attctl <name>` of one working call, shown in the help."""
    local: bool = False
    """attctl runs the handler in its own process: it needs only files, the upgrade engine and stage0, never the API."""
    machine: bool = False
    """Needs the appliance: answers `appliance_only` in `make dev`."""
    people_only: bool = False
    """Refused to tokens of kind agent."""
    needs_room: bool = True
    """Refused while the disk is so full that ATT only reads. False for what frees room, stops something, or leads out.
    """
    exclusive: str | None = None
    """JOBs of one such name run one after the other."""
    cancel_seconds: float | None = None
    """How long a JOB's handler that was asked to stop may take to undo what it did; None: a few seconds."""
    exit_code: Callable[[Any], int] | None = None
    """Maps a result to attctl's exit code where 0 is not the only good answer (a difference, a degraded state)."""

    def answer(self, context: Context, request: Any) -> Awaitable[Any]:
        """Begin a CALL, CONTENT or JOB; awaiting it gives the result."""
        return cast("Awaitable[Any]", self.handler(context, request))

    def items(self, context: Context, request: Any) -> AsyncIterator[Any]:
        """Begin a STREAM."""
        return cast("AsyncIterator[Any]", self.handler(context, request))

    @property
    def words(self) -> tuple[str, ...]:
        """The attctl command: `att.git.pr.merge` → ("git", "pr", "merge")."""
        return tuple(self.name.split(".")[1:])

    @property
    def underscored(self) -> str:
        """The name for LLM APIs that forbid dots."""
        return self.name.replace(".", "_")
