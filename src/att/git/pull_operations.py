"""Pull requests and runs of checks as operations; the forge behind them may be another host's."""

from att.forge.ports import PullRequests, Runs
from att.forge.schema import Approval, Comment, PullDetails, PullRequest
from att.git import pull_schema as schema
from att.git.service import Git
from att.kernel.operation import Context, Effect, Operation, Retry, Role, Route
from att.projects.ports import Places
from att.workspace.place import Place

_PR = "/projects/{project_id}/git/pr"
_ONE = f"{_PR}/{{number}}"


async def _place(context: Context, project: str) -> Place:
    places: Places = context.services[Places]
    return await places.place(project)


def _pulls(context: Context) -> PullRequests:
    found: PullRequests = context.services[PullRequests]
    return found


def _runs(context: Context) -> Runs:
    found: Runs = context.services[Runs]
    return found


async def _create(context: Context, request: schema.PullCreate) -> PullRequest:
    values = request.model_dump(exclude={"project_id", "head"})
    head = request.head or await context.get(Git).checked_out(request.project_id)
    place = await _place(context, request.project_id)
    return await _pulls(context).create(place, context.caller, head=head, **values)


async def _list(context: Context, request: schema.PullList) -> schema.PullPage:
    place = await _place(context, request.project_id)
    found = await _pulls(context).page(place, state=request.state, limit=request.limit + 1, before=request.before)
    shown = found[: request.limit]
    return schema.PullPage(pull_requests=shown, next_before=shown[-1].number if len(found) > request.limit else None)


async def _show(context: Context, request: schema.PullShow) -> PullDetails:
    place = await _place(context, request.project_id)
    return await _pulls(context).show(place, request.number, diff=request.diff)


async def _comment(context: Context, request: schema.PullComment) -> Comment:
    place = await _place(context, request.project_id)
    return await _pulls(context).comment(
        place, context.caller, request.number, body=request.body, path=request.path, line=request.line
    )


async def _review(context: Context, request: schema.PullNumber) -> schema.CommentPage:
    place = await _place(context, request.project_id)
    return schema.CommentPage(comments=await _pulls(context).comments(place, request.number))


async def _approve(context: Context, request: schema.PullNumber) -> Approval:
    place = await _place(context, request.project_id)
    return await _pulls(context).approve(place, context.caller, request.number)


async def _merge(context: Context, request: schema.PullMerge) -> PullRequest:
    place = await _place(context, request.project_id)
    return await _pulls(context).merge(place, context.caller, request.number, message=request.message)


async def _close(context: Context, request: schema.PullNumber) -> PullRequest:
    return await _pulls(context).close(await _place(context, request.project_id), request.number)


async def _checks(context: Context, request: schema.PullNumber) -> schema.CheckPage:
    place = await _place(context, request.project_id)
    return schema.CheckPage(checks=await _pulls(context).checks(place, request.number))


async def _rerun(context: Context, request: schema.PullRerun) -> schema.CheckPage:
    place = await _place(context, request.project_id)
    return schema.CheckPage(checks=await _pulls(context).rerun(place, request.number, request.checks))


async def _actions(context: Context, request: schema.ActionsRequest) -> schema.Actions:
    place, runs = await _place(context, request.project_id), _runs(context)
    if request.run_id is None:
        return schema.Actions(runs=await runs.runs(place, branch=request.branch, limit=request.limit))
    run, log, end = await runs.run_log(place, request.run_id, offset=request.cursor, limit=request.log_bytes)
    return schema.Actions(runs=[run], log=log.decode("utf-8", errors="replace"), next_cursor=end)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="att.git.pr.create",
        summary="Open a pull request",
        request=schema.PullCreate,
        result=PullRequest,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", _PR, 201),
        handler=_create,
        retry=Retry.PROBE,
        example='weather --title "Ask for the town"',
    ),
    Operation(
        name="att.git.pr.list",
        summary="List pull requests, newest first",
        request=schema.PullList,
        result=schema.PullPage,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", _PR),
        handler=_list,
        example="weather --state open",
    ),
    Operation(
        name="att.git.pr.show",
        summary="Show a pull request: its files, checks, approvals, and what still blocks it",
        request=schema.PullShow,
        result=PullDetails,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", _ONE),
        handler=_show,
        example="weather 1",
    ),
    Operation(
        name="att.git.pr.comment",
        summary="Remark on a pull request or on a line of it",
        request=schema.PullComment,
        result=Comment,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", f"{_ONE}/comments", 201),
        handler=_comment,
        retry=Retry.PROBE,
        example='weather 1 --body "Which town if none is named?"',
    ),
    Operation(
        name="att.git.pr.review",
        summary="Read the remarks on a pull request",
        request=schema.PullNumber,
        result=schema.CommentPage,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", f"{_ONE}/comments"),
        handler=_review,
        example="weather 1",
    ),
    Operation(
        name="att.git.pr.approve",
        summary="Approve a pull request as it is now",
        request=schema.PullNumber,
        result=Approval,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", f"{_ONE}/approval"),
        handler=_approve,
        people_only=True,
        example="weather 1",
    ),
    Operation(
        name="att.git.pr.merge",
        summary="Merge a pull request whose checks passed and which is approved",
        request=schema.PullMerge,
        result=PullRequest,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", f"{_ONE}/merge"),
        handler=_merge,
        example="weather 1",
    ),
    Operation(
        name="att.git.pr.close",
        summary="Close a pull request without merging it",
        request=schema.PullNumber,
        result=PullRequest,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", f"{_ONE}/close"),
        handler=_close,
        example="weather 1",
    ),
    Operation(
        name="att.git.pr.checks",
        summary="Show the checks of a pull request as it is now",
        request=schema.PullNumber,
        result=schema.CheckPage,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", f"{_ONE}/checks"),
        handler=_checks,
        example="weather 1",
    ),
    Operation(
        name="att.git.pr.rerun",
        summary="Run the checks of a pull request again",
        request=schema.PullRerun,
        result=schema.CheckPage,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", f"{_ONE}/checks"),
        handler=_rerun,
        retry=Retry.PROBE,
        example="weather 1",
    ),
    Operation(
        name="att.git.actions",
        summary="List runs of checks, or read the log of one",
        request=schema.ActionsRequest,
        result=schema.Actions,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/projects/{project_id}/git/actions"),
        handler=_actions,
        example="weather --run-id run_4t0q9zv7m3c8x1ka",
    ),
)
