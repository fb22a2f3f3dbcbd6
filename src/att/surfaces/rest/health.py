"""Whether this process lives, is ready, and what it is made of; the canary of the health gate; its figures."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, PlainTextResponse

from att.kernel.errors import AttError
from att.kernel.operation import Role
from att.store.canary import CanaryRow, CanaryValue
from att.surfaces.draining import Draining
from att.surfaces.expose import require_role
from att.surfaces.metrics import Metrics
from att.surfaces.ports import Authenticator
from att.surfaces.rest.bodies import documented, read_model
from att.surfaces.rest.openapi import problem_responses
from att.surfaces.rest.requests import caller_of

GATE_KIND = "gate"
METRICS_TYPE = "text/plain; version=1.0.0; charset=utf-8"

Probe = Callable[[], Awaitable[str]]
"""Returns one line about what it looked at, or raises the AttError that says what is wrong."""


class Live(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class ReadyCheck(BaseModel):
    """One check of readiness."""

    status: Literal["ok", "failed"]
    detail: str


class Ready(BaseModel):
    """Whether the process can do its work, and as which release."""

    status: Literal["ok", "unavailable"]
    release: str
    checks: dict[str, ReadyCheck]


class ProcessState(Ready):
    """What an admin may see of the process."""

    uptime_seconds: float
    draining: bool
    streams_open: int
    details: dict[str, str] = Field(default_factory=dict)


class Canary(Protocol):
    """A row written and read by the health gate."""

    async def put(self, value: str) -> CanaryRow: ...

    async def get(self, canary_id: str) -> CanaryRow: ...


class Readiness:
    """Asks the probes; all must be well."""

    def __init__(self, release: str, probes: Mapping[str, Probe], draining: Draining) -> None:
        self.release = release
        self.draining = draining
        self._probes = dict(probes)

    async def report(self) -> Ready:
        """Return every check and their sum."""
        checks = {name: await _check(probe) for name, probe in self._probes.items()}
        if self.draining.begun:
            checks["process"] = ReadyCheck(status="failed", detail="the process is stopping")
        well = all(check.status == "ok" for check in checks.values())
        return Ready(status="ok" if well else "unavailable", release=self.release, checks=checks)


async def _check(probe: Probe) -> ReadyCheck:
    try:
        return ReadyCheck(status="ok", detail=await probe())
    except AttError as error:
        return ReadyCheck(status="failed", detail=f"{error.detail} ({error.code})")


def health_routes(
    readiness: Readiness,
    canary: Canary,
    authenticator: Authenticator,
    metrics: Metrics,
    state: Callable[[Ready], ProcessState],
) -> APIRouter:
    """Return the health routes; who may ask what is written beside each."""
    router = APIRouter(tags=["health"])

    admin = _demand(authenticator, Role.ADMIN, gate=True)
    operator = _demand(authenticator, Role.OPERATOR, gate=False)

    @router.get("/healthz", response_model=Live, openapi_extra={"security": []})
    async def healthz() -> Live:
        """Say that the process answers (anyone)."""
        return Live()

    @router.get("/readyz", response_model=Ready, responses={503: {"model": Ready}}, openapi_extra={"security": []})
    async def readyz() -> Response:
        """Say whether the process can do its work, and as which release (anyone)."""
        report = await readiness.report()
        return JSONResponse(report.model_dump(mode="json"), 200 if report.status == "ok" else 503)

    @router.get("/api/v1/health", response_model=Ready, openapi_extra={"security": []})
    async def health() -> Ready:
        """Report the checks of readiness, always with status 200 (anyone)."""
        return await readiness.report()

    @router.get("/state_health", response_model=ProcessState, responses=problem_responses(401, 403), dependencies=admin)
    async def state_health() -> ProcessState:
        """Report the state of the process (admin)."""
        return state(await readiness.report())

    @router.get(
        "/metrics",
        response_class=PlainTextResponse,
        responses=problem_responses(401, 403),
        dependencies=operator,
    )
    async def prometheus() -> Response:
        """Return the figures of the process in Prometheus' text form (operator)."""
        return Response(metrics.text(), media_type=METRICS_TYPE)

    _add_canary(router, canary, admin)
    return router


def _add_canary(router: APIRouter, canary: Canary, admin: list[Any]) -> None:
    @router.post(
        "/api/v1/health/canary",
        response_model=CanaryRow,
        responses=problem_responses(400, 401, 403, 413, 415, 422, 503),
        openapi_extra=documented(CanaryValue),
        dependencies=admin,
    )
    async def put_canary(request: Request) -> CanaryRow:
        """Write a row that can be read back (the health gate's token, or admin)."""
        value = await read_model(request, CanaryValue)
        return await canary.put(value.value)

    @router.get(
        "/api/v1/health/canary/{canary_id}",
        response_model=CanaryRow,
        responses=problem_responses(401, 403, 404, 503),
        dependencies=admin,
    )
    async def get_canary(canary_id: str) -> CanaryRow:
        """Read the row (the health gate's token, or admin)."""
        return await canary.get(canary_id)


def _demand(authenticator: Authenticator, role: Role, *, gate: bool) -> list[Any]:
    """Return FastAPI dependencies that let in `role` and above, with `gate` also the health gate."""

    async def require(request: Request) -> None:
        caller = await caller_of(request, authenticator, role)
        if not (gate and caller.kind == GATE_KIND):
            require_role(caller, role, f"call {request.url.path}")

    return [Depends(require)]
