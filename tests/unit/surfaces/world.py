"""A small platform of fake rooms around the real surfaces: one operation of each kind, callers of each role."""

import errno
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from att.config.settings import Api
from att.events.schema import ATTEvent, EventType
from att.identity.schema import SignedIn
from att.jobs.schema import Job, JobProblem, JobRef, JobState
from att.kernel.errors import InvalidInput, NotFound, NotSignedIn
from att.kernel.operation import Caller, Context, Effect, Kind, Operation, Role, Route
from att.store.canary import CanaryRow
from att.surfaces.draining import Draining
from att.surfaces.expose import Exposure
from att.surfaces.mcp.endpoint import McpEndpoint, well_known
from att.surfaces.metrics import Metrics
from att.surfaces.ports import Gate
from att.surfaces.rest.app import Lifespan, Wiring, create_app
from att.surfaces.rest.console import console_roots
from att.surfaces.rest.health import ProcessState, Readiness, Ready
from att.surfaces.rest.streams import Streams
from att.surfaces.uploads import Uploads

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LATER = datetime(2099, 1, 1, tzinfo=UTC).timestamp()
CALLERS = {
    "viewer-token": Caller("u1", "vera", Role.VIEWER, token_id="t1"),
    "developer-token": Caller("u2", "dora", Role.DEVELOPER, token_id="t2"),
    "agent-token": Caller("u3", "bot", Role.ADMIN, kind="agent", token_id="t3"),
    "admin-token": Caller("u4", "ada", Role.ADMIN, token_id="t4"),
    "gate-token": Caller("gate", "gate", Role.ANYONE, kind="gate"),
}


class ThingRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    thing_id: str


class ThingQuery(BaseModel):
    word: str | None = None
    tags: list[str] = Field(default_factory=list)
    limit: int = Field(default=10, ge=1, le=100)


class ThingCreate(BaseModel):
    name: str = Field(min_length=1, max_length=20)
    size: int = Field(default=1, ge=1, le=1000)


class ThingBuild(BaseModel):
    thing_id: str
    fast: bool = False


class ThingLoad(BaseModel):
    upload: str


class ThingLog(BaseModel):
    thing_id: str
    cursor: str | None = None
    limit: int = Field(default=100, ge=1, le=1000)
    follow: bool = False


class Thing(BaseModel):
    id: str
    name: str
    made: datetime = NOW


class ThingPage(BaseModel):
    things: list[Thing]
    asked: dict[str, Any]


class LogItem(BaseModel):
    cursor: str
    text: str


async def list_things(_: Context, request: ThingQuery) -> ThingPage:
    return ThingPage(things=[], asked=request.model_dump())


async def create(context: Context, request: ThingCreate) -> Thing:
    context.get(list).append(request.name)
    return Thing(id="thing_1", name=request.name)


async def show(_: Context, request: ThingRequest) -> Thing:
    if request.thing_id != "thing_1":
        raise NotFound("not_found", f"cannot find the thing {request.thing_id}", field="thing_id")
    return Thing(id=request.thing_id, name="one")


async def delete(context: Context, request: ThingRequest) -> Thing:
    context.get(list).append("deleted " + request.thing_id)
    return Thing(id=request.thing_id, name="gone")


async def build(_: Context, request: ThingBuild) -> Thing:
    return Thing(id=request.thing_id, name="built")


async def load(_: Context, request: ThingLoad) -> Thing:
    content = await anyio.Path(request.upload).read_bytes()
    return Thing(id="thing_2", name=content.decode())


async def log(context: Context, request: ThingLog) -> AsyncIterator[LogItem]:
    if request.thing_id == "late":
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
    if request.thing_id != "thing_1":
        raise NotFound("not_found", "cannot find the thing")
    for number in range(int(request.cursor or 0) + 1, 6):
        yield LogItem(cursor=str(number), text=f"line {number}")
    if request.follow:
        await context.get(Draining).wait()


async def break_down(_: Context, request: ThingQuery) -> Thing:
    if request.word == "full":
        raise OSError(errno.ENOSPC, "No space left on device")
    raise RuntimeError("secret of the inside")


def _operation(name: str, route: Route, request: Any, result: Any, handler: Any, **more: Any) -> Operation:
    more = {"effect": Effect.READ, "role": Role.VIEWER, **more}
    return Operation(f"att.thing.{name}", f"Do {name} a thing", request, result, more.pop("effect"), more.pop("role"),
                     route, handler, **more)  # fmt: skip


CHANGE, DESTROY, DEVELOPER = Effect.CHANGE, Effect.DESTROY, Role.DEVELOPER
THING = "/things/{thing_id}"
TABLE = (
    _operation("list", Route("GET", "/things"), ThingQuery, ThingPage, list_things),
    _operation("create", Route("POST", "/things", 201), ThingCreate, Thing, create, effect=CHANGE, role=DEVELOPER),
    _operation("show", Route("GET", THING), ThingRequest, Thing, show),
    _operation(
        "delete", Route("DELETE", THING), ThingRequest, Thing, delete, effect=DESTROY, role=DEVELOPER, needs_room=False
    ),
    _operation(
        "build",
        Route("POST", THING + "/build"),
        ThingBuild,
        Thing,
        build,
        effect=CHANGE,
        kind=Kind.JOB,
        exclusive="builds",
    ),
    _operation("load", Route("POST", "/things/load"), ThingLoad, Thing, load, effect=CHANGE, kind=Kind.CONTENT),
    _operation("log", Route("GET", THING + "/log"), ThingLog, LogItem, log, kind=Kind.STREAM),
    _operation("breakdown", Route("GET", "/breakdown"), ThingQuery, Thing, break_down),
    _operation("sign", Route("POST", THING + "/sign"), ThingRequest, Thing, show, effect=CHANGE, people_only=True),
    _operation("reboot", Route("POST", "/reboot"), ThingQuery, Thing, list_things, effect=CHANGE, machine=True),
)


class FakeIdentity:
    def __init__(self) -> None:
        self.is_claimed = False

    async def authenticate(self, *, bearer: str | None = None, cookie: str | None = None) -> Caller:
        caller = CALLERS.get((bearer or cookie or "").removeprefix("cookie-of-"))
        if caller is None:
            raise NotSignedIn("not_signed_in", "cannot tell who you are")
        return caller

    async def claimed(self) -> bool:
        return self.is_claimed

    async def claim(self, code: str, name: str, password: str, *, peer: str) -> SignedIn:
        if code != "ABCD-EFGH":
            raise InvalidInput("claim_code_wrong", "cannot claim: the code is wrong", field="code")
        self.is_claimed = True
        return SignedIn("cookie-of-admin-token", LATER, 3600.0, CALLERS["admin-token"])

    async def sign_in(
        self, *, name: str | None = None, password: str | None = None, token: str | None = None, peer: str
    ) -> SignedIn:
        if token not in CALLERS:
            raise NotSignedIn("sign_in_wrong", "cannot sign in")
        return SignedIn(f"cookie-of-{token}", LATER, 3600.0, CALLERS[token])

    async def sign_out(self, cookie: str) -> None:
        return None


@dataclass
class FakeJobs:
    """Jobs that end when the test says so."""

    jobs: dict[str, Job] = field(default_factory=dict)
    keys: dict[str, JobRef] = field(default_factory=dict)
    exclusive: list[str | None] = field(default_factory=list)
    ends_with: JobState | None = None

    async def submit(
        self,
        operation: Operation,
        request: Mapping[str, Any],
        caller: Caller,
        request_id: str,
        *,
        key: str | None = None,
        exclusive: str | None = None,
    ) -> JobRef:
        self.exclusive.append(exclusive)
        if key in self.keys:
            return self.keys[key]
        job_id = f"job_{len(self.jobs)}"
        self.jobs[job_id] = Job(
            id=job_id,
            operation=operation.name,
            state=JobState.QUEUED,
            caller=caller.id,
            request_id=request_id,
            created=NOW,
        )
        reference = JobRef(job_id=job_id, operation=operation.name, state=JobState.QUEUED)
        if key is not None:
            self.keys[key] = reference
        return reference

    async def ended(self, job_id: str, seconds: float) -> Job:
        return await self.show(job_id)

    async def show(self, job_id: str) -> Job:
        job = self.jobs[job_id]
        if self.ends_with is None or job.state is self.ends_with:
            return job
        if job.state is JobState.QUEUED:
            after: dict[str, Any] = {"state": JobState.RUNNING, "step": "compile", "percent": 50.0}
        else:
            after = {"state": self.ends_with, "step": "done", "percent": 100.0}
            if self.ends_with is JobState.SUCCEEDED:
                after["result"] = {"id": "thing_1", "name": "built", "made": NOW.isoformat()}
            else:
                after["problem"] = JobProblem(code="disk_full", detail="cannot build: no room", hint="free some")
        self.jobs[job_id] = job.model_copy(update=after)
        return self.jobs[job_id]


@dataclass
class FakeAudit:
    records: list[tuple[str, str, str]] = field(default_factory=list)

    async def record(
        self, caller: Caller | None, operation: str, request: Any, outcome: str, request_id: str, *, peer: str = ""
    ) -> None:
        self.records.append((caller.name if caller else "", operation, outcome))


class FakeEvents:
    def __init__(self) -> None:
        self.kept = [event(number) for number in range(1, 4)]

    async def subscribe(self, cursor: str | None = None) -> AsyncIterator[ATTEvent]:
        if cursor is not None and not cursor.isdigit():
            raise InvalidInput("invalid_input", "cannot read the cursor", field="cursor")
        for one in self.kept:
            if cursor is not None and int(one.cursor) > int(cursor):
                yield one
        await anyio.sleep_forever()


class FakeCanary:
    def __init__(self) -> None:
        self.rows: dict[str, CanaryRow] = {}

    async def put(self, value: str) -> CanaryRow:
        row = CanaryRow(id=f"can_{len(self.rows)}", value=value)
        self.rows[row.id] = row
        return row

    async def get(self, canary_id: str) -> CanaryRow:
        if canary_id not in self.rows:
            raise NotFound("not_found", "cannot find the canary")
        return self.rows[canary_id]


def event(number: int) -> ATTEvent:
    return ATTEvent(
        id=f"ev_{number}",
        project_id="",
        event_type=EventType.JOB_PROGRESS,
        payload={},
        timestamp=NOW,
        cursor=str(number),
    )


async def _open_gate(*, needs_room: bool = True) -> None:
    del needs_room


class World:
    """The surfaces over fakes."""

    def __init__(
        self,
        tmp_path: Path,
        *,
        gate: Gate = _open_gate,
        appliance: bool = True,
        lifespan: Lifespan | None = None,
        settings: Api | None = None,
    ) -> None:
        self.tmp_path = tmp_path
        self.identity, self.jobs, self.audit = FakeIdentity(), FakeJobs(), FakeAudit()
        self.events, self.canary, self.done = FakeEvents(), FakeCanary(), list[str]()
        self.draining, self.metrics = Draining(), Metrics("1.2.3")
        self.settings = settings or Api()
        self.problems: list[NotFound] = []
        self.uploads = Uploads(tmp_path / "uploads", bytes_max=1000, quota_bytes=3000, free_bytes_min=0)
        self.streams = Streams(self.draining, self.metrics, heartbeat_seconds=0.05)
        self.exposure = Exposure(
            self.jobs,
            self.audit,
            gate,
            self.metrics,
            services={list: self.done, Draining: self.draining},
            uploads=self.uploads,
            appliance=appliance,
        )
        self.readiness = Readiness("1.2.3", {"database": self._probe}, self.draining)
        self.mcp = McpEndpoint(TABLE, self.exposure, self.identity, self.draining, lambda: self.settings, "1.2.3")
        self.console = tmp_path / "releases" / "1.2.3" / "console"
        self.app: FastAPI = create_app(
            Wiring(
                table=TABLE,
                exposure=self.exposure,
                identity=self.identity,
                events=self.events,
                canary=self.canary,
                uploads=self.uploads,
                readiness=self.readiness,
                state=self._state,
                streams=self.streams,
                settings=lambda: self.settings,
                console=console_roots(self.console, tmp_path / "releases"),
                mcp=self.mcp,
                well_known=lambda request: well_known(request, TABLE),
            ),
            lifespan,
        )

    async def _probe(self) -> str:
        if self.problems:
            raise self.problems[0]
        return "schema 1"

    def _state(self, ready: Ready) -> ProcessState:
        return ProcessState(**ready.model_dump(), uptime_seconds=1.0, draining=False, streams_open=0)
