"""One call of one operation, the same on every surface: authorise, parse, confirm, pass the gate, run, audit."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from att.effects.room import refusal_of
from att.kernel.errors import AttError, Conflict, Forbidden, InvalidInput, NotSignedIn
from att.kernel.operation import Caller, Context, Effect, Kind, Operation, Role
from att.surfaces.confirmations import Confirmations
from att.surfaces.metrics import Metrics
from att.surfaces.ports import Audit, Gate, Jobs
from att.surfaces.problem import invalid
from att.surfaces.uploads import Uploads

UPLOAD_FIELD = "upload"
"""Callers over the network put an upload's id into this field; the handler gets the path of the uploaded file."""
NOBODY = Caller(id="nobody", name="nobody", role=Role.ANYONE, kind="person")


@dataclass(frozen=True)
class Call:
    """What a surface knows of one call.

    `confirmed` says that a person was asked and said yes (MCP elicitation); `key` makes a repeated start of a job
    answer with the same job.
    """

    operation: Operation
    values: Mapping[str, Any]
    caller: Caller
    request_id: str
    surface: str
    peer: str = ""
    confirmation_id: str | None = None
    confirmed: bool = False
    key: str | None = None


class Stream(NamedTuple):
    """The items of a STREAM; one that `follows` may be quiet for long."""

    items: AsyncIterator[BaseModel]
    follows: bool


@dataclass(frozen=True)
class Exposure:
    """Runs calls. `appliance` is False in `make dev`: operations that need the machine are refused there."""

    jobs: Jobs
    audit: Audit
    gate: Gate
    metrics: Metrics
    confirmations: Confirmations = field(default_factory=Confirmations)
    services: dict[type, Any] = field(default_factory=dict)
    uploads: Uploads | None = None
    appliance: bool = True

    async def run(self, call: Call) -> BaseModel:
        """Return the result of a CALL or CONTENT, the JobRef of a JOB; raises the error for the caller."""
        request: BaseModel | None = None
        started, outcome = time.perf_counter(), "internal"
        try:
            request = self.admit(call)
            if call.operation.effect is not Effect.READ:
                await self.gate(needs_room=call.operation.needs_room)
            result = await self._dispatch(call, request)
            outcome = "ok"
        except AttError as error:
            outcome = error.code
            raise
        except OSError as error:
            refusal = refusal_of(error, f"do {call.operation.name}")
            if refusal is None:
                raise
            outcome = refusal.code
            raise refusal from error
        finally:
            self.metrics.observe(call.operation.name, call.surface, outcome, time.perf_counter() - started)
            if call.operation.effect is not Effect.READ and outcome != "confirmation_required":
                await self._record(call, request, outcome)
        return result

    def stream(self, call: Call) -> Stream:
        """Return the items of a STREAM; what is wrong with the call is raised here, before the first item."""
        request = self.admit(call)
        self.metrics.observe(call.operation.name, call.surface, "ok", 0.0)
        items: AsyncIterator[BaseModel] = call.operation.items(_context(self, call), request)
        return Stream(items, follows=bool(request.model_dump(include={"follow"})["follow"]))

    def admit(self, call: Call) -> BaseModel:
        """Return the parsed request of a caller who may make this call, confirmed where it destroys."""
        authorise(call.operation, call.caller, appliance=self.appliance)
        request = parse(call.operation, call.values)
        if self.uploads is not None and UPLOAD_FIELD in call.operation.request.model_fields:
            path = self.uploads.path(getattr(request, UPLOAD_FIELD), call.caller)
            request = request.model_copy(update={UPLOAD_FIELD: str(path)})
        if call.operation.effect is Effect.DESTROY and not call.confirmed:
            values = request.model_dump(mode="json")
            if call.confirmation_id is None:
                raise self.confirmations.demand(call.operation, values, call.caller)
            self.confirmations.take(call.confirmation_id, call.operation, values, call.caller)
        return request

    async def _dispatch(self, call: Call, request: BaseModel) -> BaseModel:
        if call.operation.kind is Kind.JOB:
            values = request.model_dump(mode="json")
            return await self.jobs.submit(
                call.operation,
                values,
                call.caller,
                call.request_id,
                key=call.key,
                exclusive=call.operation.exclusive,
            )
        result: BaseModel = await call.operation.answer(_context(self, call), request)
        return result

    async def _record(self, call: Call, request: BaseModel | None, outcome: str) -> None:
        caller = None if call.caller.role is Role.ANYONE else call.caller
        target = request if request is not None else dict(call.values)
        await self.audit.record(caller, call.operation.name, target, outcome, call.request_id, peer=call.peer)


def _context(exposure: Exposure, call: Call) -> Context:
    return Context(caller=call.caller, request_id=call.request_id, services=exposure.services, peer=call.peer)


def authorise(operation: Operation, caller: Caller, *, appliance: bool) -> None:
    """Raise when `caller` may not call `operation` here."""
    require_role(caller, operation.role, f"do {operation.name}")
    if operation.people_only and caller.kind == "agent":
        raise Forbidden("people_only", f"cannot do {operation.name}: it is for people")
    if operation.machine and not appliance:
        raise Conflict("appliance_only", f"cannot do {operation.name}: there is no appliance here")


def require_role(caller: Caller, role: Role, what: str) -> None:
    """Raise when `caller` has less than `role`; `what` completes the sentence "cannot …"."""
    if role is not Role.ANYONE and caller.role is Role.ANYONE:
        raise NotSignedIn("not_signed_in", f"cannot {what}: nobody is signed in")
    if caller.role < role:
        raise Forbidden(
            "not_allowed",
            f"cannot {what}: it needs the role {role.name.lower()}",
            data={"role": role.name.lower(), "have": caller.role.name.lower()},
        )


def parse(operation: Operation, values: Mapping[str, Any]) -> BaseModel:
    """Return the request model of `values`, which are JSON's: a field it does not have, and a value of another type
    than the schema says, is refused, not ignored or converted.
    """
    fields = operation.request.model_fields
    known = {*fields, *(found.alias for found in fields.values() if found.alias)}
    for name in values:
        if name not in known:
            raise InvalidInput(
                "invalid_input", f"cannot take {name[:64]}: {operation.name} has no such field", field=name[:64]
            )
    try:
        given = {name: _whole(value) for name, value in values.items()}
        return operation.request.model_validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        raise invalid(error) from error


def _whole(value: Any) -> Any:
    """Return 5 for 5.0: to JSON Schema both are integers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
