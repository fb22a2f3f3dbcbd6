"""What of jobs is public. `attctl job watch` is the log with `--follow`."""

from collections.abc import AsyncIterator

from att.jobs.schema import Job, JobListRequest, JobLogRequest, JobPage, JobShowRequest, JobWaitRequest, LogLine
from att.jobs.service import Jobs
from att.kernel.operation import Context, Effect, Kind, Operation, Role, Route


async def _list(context: Context, request: JobListRequest) -> JobPage:
    return await context.get(Jobs).list(request)


async def _show(context: Context, request: JobWaitRequest) -> Job:
    return await context.get(Jobs).ended(request.job_id, request.wait_seconds)


async def _log(context: Context, request: JobLogRequest) -> AsyncIterator[LogLine]:
    lines = context.get(Jobs).log(request.job_id, cursor=request.cursor, limit=request.limit, follow=request.follow)
    async for line in lines:
        yield line


async def _cancel(context: Context, request: JobShowRequest) -> Job:
    return await context.get(Jobs).cancel(request.job_id, context.caller)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="att.job.list",
        summary="List jobs, newest first",
        request=JobListRequest,
        result=JobPage,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/jobs"),
        handler=_list,
        example="--state running",
    ),
    Operation(
        name="att.job.show",
        summary="Show a job: its state, step, result or problem; wait for its end when asked to",
        request=JobWaitRequest,
        result=Job,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/jobs/{job_id}"),
        handler=_show,
        example="job_4t0q9zv7m3c8x1ka",
    ),
    Operation(
        name="att.job.log",
        summary="Read a job's log by cursor, or follow it until the job has ended",
        request=JobLogRequest,
        result=LogLine,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/jobs/{job_id}/log"),
        handler=_log,
        kind=Kind.STREAM,
        example="job_4t0q9zv7m3c8x1ka --follow",
    ),
    Operation(
        name="att.job.cancel",
        summary="Ask a job to stop: one's own, or as operator anybody's",
        request=JobShowRequest,
        result=Job,
        effect=Effect.CHANGE,
        needs_room=False,
        role=Role.VIEWER,
        route=Route("POST", "/jobs/{job_id}/cancel"),
        handler=_cancel,
        example="job_4t0q9zv7m3c8x1ka",
    ),
)
