"""What of recorded runs is public."""

from collections.abc import AsyncIterator

from att.kernel.operation import Context, Effect, Kind, Operation, Role, Route
from att.projects.ports import Places
from att.runtime.trace_schema import TraceList, TracePage, TraceRead, TraceStep
from att.runtime.traces import Traces


async def _list(context: Context, request: TraceList) -> TracePage:
    place = await context.get(Places).place(request.project_id)  # type: ignore[type-abstract]  # keyed by its port
    return await context.get(Traces).list(place.project_id, cursor=request.cursor, limit=request.limit)


async def _read(context: Context, request: TraceRead) -> AsyncIterator[TraceStep]:
    steps = context.get(Traces).read(
        request.trace_id, cursor=request.cursor, limit=request.limit, follow=request.follow
    )
    async for step in steps:
        yield step


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="att.trace.list",
        summary="List the recorded runs of a project's app, newest first",
        request=TraceList,
        result=TracePage,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/projects/{project_id}/traces"),
        handler=_list,
        example="my-app",
    ),
    Operation(
        name="att.trace.read",
        summary="Read the steps of a recorded run by cursor, or follow it until it has ended",
        request=TraceRead,
        result=TraceStep,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/traces/{trace_id}"),
        handler=_read,
        kind=Kind.STREAM,
        example="trace_4t0q9zv7m3c8x1ka --follow",
    ),
)
