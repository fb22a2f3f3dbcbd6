"""One tool call: arguments in, structured answer out, errors as tool errors, jobs followed, destruction asked about."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, cast

import anyio
import mcp_types as types
import structlog
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError, NoBackChannelError
from pydantic import BaseModel

from att.jobs.schema import Job, JobRef, JobState
from att.kernel.errors import AttError, ConfirmationRequired, Refused
from att.kernel.operation import Effect, Kind, Operation
from att.surfaces.draining import Draining
from att.surfaces.expose import Call, Exposure
from att.surfaces.mcp.tools import CONFIRMATION_FIELD, FOLLOW_FIELD
from att.surfaces.problem import Problem, problem, text, unexpected

log = structlog.get_logger(__name__)

Context = ServerRequestContext[Any, Any]
WAIT_SECONDS = 50.0
LOOK_SECONDS = 0.3
STREAM_ITEMS_MAX = 500
ELICIT_SECONDS = 600.0
_QUESTION = "confirm"
_ASK = {
    "type": "object",
    "properties": {"confirm": {"type": "boolean", "title": "Do it", "default": False}},
    "required": ["confirm"],
}


@dataclass(frozen=True)
class Caller:
    """Runs tool calls over `exposure`; `wait_seconds` bounds how long a job is followed."""

    exposure: Exposure
    draining: Draining
    wait_seconds: float = WAIT_SECONDS

    async def call(
        self, context: Context, call: Call, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        """Return the answer of the call; every error of ours is a tool error with its problem document."""
        try:
            return await self._call(context, call, params)
        except AttError as error:
            return failed(problem(error, call.request_id))
        except MCPError:
            raise
        except Exception:
            log.exception("unforeseen", operation=call.operation.name)
            return failed(problem(unexpected(), call.request_id))

    async def _call(
        self, context: Context, call: Call, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        values = dict(call.values)
        call = replace(call, confirmation_id=values.pop(CONFIRMATION_FIELD, None), values=values)
        if call.operation.effect is Effect.DESTROY and call.confirmation_id is None:
            asked = await self._ask(context, call, params)
            if isinstance(asked, types.InputRequiredResult):
                return asked
            call = asked
        if call.operation.kind is Kind.STREAM:
            return succeeded(await self.page(call))
        answer = await self.exposure.run(call)
        if isinstance(answer, JobRef):
            return await self._follow(context, call.operation, answer, call.request_id)
        return succeeded(answer.model_dump(mode="json"))

    async def _ask(
        self, context: Context, call: Call, params: types.CallToolRequestParams
    ) -> Call | types.InputRequiredResult:
        """Have a person asked where the client can; the call comes back unchanged where it cannot."""
        capabilities = context.session.client_capabilities
        if capabilities is None or capabilities.elicitation is None:
            return call
        answered = (params.input_responses or {}).get(_QUESTION)
        if answered is not None:
            _require_yes(answered, call.operation)
            return replace(call, confirmation_id=params.request_state or "")
        message = f"{call.operation.summary}? ({call.operation.name} {json.dumps(call.values, default=str)[:400]})"
        if not context.session.can_send_request:
            return self._question(call, message)
        try:
            with anyio.fail_after(ELICIT_SECONDS):
                result = await context.session.elicit_form(message, cast("Any", _ASK), context.request_id)
        except (NoBackChannelError, TimeoutError):
            return call
        _require_yes(result, call.operation)
        return replace(call, confirmed=True)

    def _question(self, call: Call, message: str) -> Call | types.InputRequiredResult:
        """Return the question as an answer: the client asks and calls again (2026-07-28)."""
        try:
            self.exposure.admit(call)
        except ConfirmationRequired as required:
            ask = types.ElicitRequest(
                params=types.ElicitRequestFormParams(message=message, requested_schema=cast("Any", _ASK))
            )
            state = str(required.data[CONFIRMATION_FIELD])
            return types.InputRequiredResult(input_requests={_QUESTION: ask}, request_state=state)
        return call

    async def page(self, call: Call) -> dict[str, Any]:
        """Return what a stream has up to its limit; never wait for more."""
        values = {**call.values, FOLLOW_FIELD: False}
        limit = int(values.get("limit", STREAM_ITEMS_MAX))
        values["limit"] = min(limit, STREAM_ITEMS_MAX)
        items: list[dict[str, Any]] = []
        async with aclosing(cast("Any", self.exposure.stream(replace(call, values=values)).items)) as stream:
            async for item in cast("AsyncIterator[BaseModel]", stream):
                items.append(item.model_dump(mode="json"))
                if len(items) >= values["limit"]:
                    break
        cursor = items[-1]["cursor"] if items else values.get("cursor")
        return {"items": items, "next_cursor": cursor}

    async def _follow(
        self, context: Context, operation: Operation, reference: JobRef, request_id: str
    ) -> types.CallToolResult:
        """Report a job's progress for a while when the client asked for it, then say where it is."""
        job: Job | None = None
        if context.meta is not None and "progress_token" in context.meta:
            with anyio.move_on_after(self.wait_seconds):
                job = await self._until_ended(context, reference.job_id)
        if job is None or not job.state.final:
            return succeeded(reference.model_dump(mode="json"))
        if job.state is JobState.SUCCEEDED:
            ended = {"job_id": job.id, "operation": operation.name, "state": job.state.value, "result": job.result}
            return succeeded(ended)
        return failed(_job_problem(job, request_id))

    async def _until_ended(self, context: Context, job_id: str) -> Job:
        beat, said = 0, ""
        job = await self.exposure.jobs.show(job_id)
        while True:
            line = job.step if job.percent is None else f"{job.step} {job.percent:.0f} %"
            if line != said or job.state.final:
                beat, said = beat + 1, line
                await context.session.report_progress(float(beat), None, f"{job.state.value}: {line}")
            if job.state.final or self.draining.begun:
                return job
            job = await self.exposure.jobs.ended(job_id, LOOK_SECONDS)


def succeeded(content: dict[str, Any]) -> types.CallToolResult:
    """Return a good answer, structured and as text."""
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=json.dumps(content, ensure_ascii=False))],
        structured_content=content,
    )


def failed(found: Problem) -> types.CallToolResult:
    """Return a tool error: the sentence and hint as text, the problem document as structure."""
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text(found))],
        structured_content=found.model_dump(mode="json", exclude_none=True),
        is_error=True,
    )


def _require_yes(answer: object, operation: Operation) -> None:
    if isinstance(answer, types.ElicitResult) and answer.action == "accept" and (answer.content or {}).get("confirm"):
        return
    raise Refused("declined", f"cannot do {operation.name}: the answer to the question was no")


def _job_problem(job: Job, request_id: str) -> Problem:
    found = job.problem
    code = found.code if found is not None else "job_cancelled"
    status = found.status if found is not None else 409
    return Problem(
        type=f"urn:att:error:{code}",
        title="Conflict" if found is None else "Failed",
        status=status,
        detail=found.detail if found is not None else "cannot give a result: the job was cancelled",
        code=code,
        hint=found.hint if found is not None else "start it again",
        field=found.field if found is not None else None,
        request_id=request_id,
        data={"job_id": job.id, "state": job.state.value, **(found.data if found is not None else {})},
    )
