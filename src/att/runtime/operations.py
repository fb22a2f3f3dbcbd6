"""What of apps is public."""

from collections.abc import AsyncIterator
from typing import cast

from att.kernel.operation import Context, Effect, Kind, Operation, Progress, Retry, Role, Route
from att.runtime.asking import Asking
from att.runtime.schema import AppRequest, AppRestart, AppStart, AppStatus, AppStop, Health, LogPart, LogRequest
from att.runtime.service import Runtime
from att.runtime.starting import Starter
from att.runtime.trace_schema import Ask, AskAnswer


async def _start(context: Context, request: AppStart) -> AppStatus:
    return await context.get(Starter).start(request, cast("Progress", context.progress))


async def _restart(context: Context, request: AppRestart) -> AppStatus:
    return await context.get(Starter).restart(request, cast("Progress", context.progress))


async def _stop(context: Context, request: AppStop) -> AppStatus:
    return await context.get(Runtime).stop(request)


async def _status(context: Context, request: AppRequest) -> AppStatus:
    return await context.get(Runtime).status(request.project_id)


async def _health(context: Context, request: AppRequest) -> Health:
    return await context.get(Runtime).health(request.project_id)


async def _logs(context: Context, request: LogRequest) -> AsyncIterator[LogPart]:
    async for part in context.get(Runtime).logs(request):
        yield part


async def _ask(context: Context, request: Ask) -> AskAnswer:
    return await context.get(Asking).ask(request, context.caller, context.request_id)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="att.runtime.start",
        summary="Start a project's app and wait until it is healthy",
        request=AppStart,
        result=AppStatus,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", "/projects/{project_id}/runtime/start", status=202),
        handler=_start,
        kind=Kind.JOB,
        retry=Retry.KEYED,
        example="my-app --wait",
    ),
    Operation(
        name="att.runtime.stop",
        summary="Stop a project's app with everything it started: gracefully, then by force",
        request=AppStop,
        result=AppStatus,
        effect=Effect.CHANGE,
        needs_room=False,
        role=Role.DEVELOPER,
        route=Route("POST", "/projects/{project_id}/runtime/stop"),
        handler=_stop,
        retry=Retry.PROBE,
        example="my-app",
    ),
    Operation(
        name="att.runtime.restart",
        summary="Stop a project's app if it runs and start it with the same settings",
        request=AppRestart,
        result=AppStatus,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", "/projects/{project_id}/runtime/restart", status=202),
        handler=_restart,
        kind=Kind.JOB,
        retry=Retry.KEYED,
        example="my-app --wait",
    ),
    Operation(
        name="att.runtime.status",
        summary="Show a project's app: whether it runs, since when, how it ended",
        request=AppRequest,
        result=AppStatus,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/projects/{project_id}/runtime/status"),
        handler=_status,
        example="my-app",
    ),
    Operation(
        name="att.runtime.health",
        summary="Ask a project's app for its health",
        request=AppRequest,
        result=Health,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/projects/{project_id}/runtime/health"),
        handler=_health,
        example="my-app",
        exit_code=lambda result: int(not result.healthy),
    ),
    Operation(
        name="att.runtime.logs",
        summary="Read the log of a project's app by cursor, or follow it over its restarts",
        request=LogRequest,
        result=LogPart,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/projects/{project_id}/runtime/logs"),
        handler=_logs,
        kind=Kind.STREAM,
        example="my-app --follow",
    ),
    Operation(
        name="att.runtime.ask",
        summary="Say something to a project's running app, record its steps, and return its answer",
        request=Ask,
        result=AskAnswer,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", "/projects/{project_id}/runtime/ask"),
        handler=_ask,
        retry=Retry.PROBE,
        example='my-app --message "What time is it?"',
    ),
)
