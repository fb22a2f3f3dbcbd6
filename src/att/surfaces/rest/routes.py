"""One REST route per operation, made from its definition alone."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from fastapi import FastAPI, Request, Response
from starlette.responses import JSONResponse

from att.kernel.operation import Kind, Operation
from att.surfaces.expose import Call, Exposure
from att.surfaces.ports import Authenticator
from att.surfaces.rest.bodies import CONFIRMATION_QUERY, values_of
from att.surfaces.rest.requests import caller_of, peer_of, request_id_of
from att.surfaces.rest.streams import StreamResponse, Streams, last_cursor

PREFIX = "/api/v1"
EVENTS_PATH = f"{PREFIX}/events"
CONFIRMATION_HEADER = "X-Confirmation-Id"
KEY_HEADER = "Idempotency-Key"
KEY_CHARS_MAX = 128

Endpoint = Callable[[Request], Awaitable[Response]]


def add_operation(
    app: FastAPI, operation: Operation, exposure: Exposure, authenticator: Authenticator, streams: Streams
) -> None:
    """Add the route of `operation` to `app`; its documentation is `rest.openapi`'s."""

    async def call_of(request: Request) -> Call:
        caller = await caller_of(request, authenticator, operation.role)
        return Call(
            operation=operation,
            values=await values_of(operation, request),
            caller=caller,
            request_id=request_id_of(request),
            surface="rest",
            peer=peer_of(request),
            confirmation_id=_confirmation(request),
            key=request.headers.get(KEY_HEADER, "")[:KEY_CHARS_MAX] or None,
        )

    async def answer(request: Request) -> Response:
        result = await exposure.run(await call_of(request))
        if operation.kind is Kind.JOB:
            location = f"{PREFIX}/jobs/{result.model_dump()['job_id']}"
            return JSONResponse(result.model_dump(mode="json"), 202, {"Location": location})
        return JSONResponse(result.model_dump(mode="json"), operation.route.status)

    async def stream(request: Request) -> Response:
        call = await call_of(request)
        resumed = last_cursor(request)
        if resumed is not None:
            call = _with_cursor(call, resumed)
        items, follows = exposure.stream(call)
        return StreamResponse(request, items, streams, follows=follows)

    endpoint: Endpoint = stream if operation.kind is Kind.STREAM else answer
    app.add_api_route(
        PREFIX + operation.route.path,
        endpoint,
        methods=[operation.route.method],
        name=operation.name,
        include_in_schema=False,
        response_model=None,
    )


def _confirmation(request: Request) -> str | None:
    return request.headers.get(CONFIRMATION_HEADER) or request.query_params.get(CONFIRMATION_QUERY)


def _with_cursor(call: Call, cursor: str) -> Call:
    return replace(call, values={**call.values, "cursor": cursor})
