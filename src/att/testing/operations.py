"""What of test runs is public."""

from typing import cast

from att.kernel.operation import Context, Effect, Kind, Operation, Progress, Retry, Role, Route
from att.testing.schema import HistoryRequest, Outcome, ResultsRequest, RunPage, RunRequest, TestRun
from att.testing.service import Testing


async def _run(context: Context, request: RunRequest) -> TestRun:
    return await context.get(Testing).run(request, cast("Progress", context.progress))


async def _results(context: Context, request: ResultsRequest) -> TestRun:
    return await context.get(Testing).results(request)


async def _history(context: Context, request: HistoryRequest) -> RunPage:
    return await context.get(Testing).history(request)


def exit_code(run: TestRun) -> int:
    """Return attctl's exit code of a run: 1 when tests did not pass, or the coverage is below its threshold."""
    good = run.outcome in (Outcome.PASSED, Outcome.EMPTY, Outcome.RUNNING)
    return int(not good or (run.report.coverage is not None and run.report.coverage.below_threshold))


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="att.test.run",
        summary="Run a project's tests: all, a suite, a file, a function, by markers",
        request=RunRequest,
        result=TestRun,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", "/projects/{project_id}/test/run", status=202),
        handler=_run,
        kind=Kind.JOB,
        retry=Retry.KEYED,
        example="my-app --suite unit --wait",
        exit_code=exit_code,
    ),
    Operation(
        name="att.test.results",
        summary="Show what a run of a project's tests found, the latest without an id",
        request=ResultsRequest,
        result=TestRun,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/projects/{project_id}/test/results"),
        handler=_results,
        example="my-app",
        exit_code=exit_code,
    ),
    Operation(
        name="att.test.history",
        summary="List the runs of a project's tests, newest first",
        request=HistoryRequest,
        result=RunPage,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/projects/{project_id}/test/history"),
        handler=_history,
        example="my-app",
    ),
)
