"""What of a project's git is public."""

from att.forge.ports import Policies
from att.forge.remotes import Remotes
from att.forge.schema import Policy, Remote
from att.git import pull_operations, schema
from att.git.pull_schema import PolicyRequest, PolicySet, RemotePage
from att.git.service import Git
from att.kernel.errors import Failed
from att.kernel.operation import Context, Effect, Kind, Operation, Progress, Retry, Role, Route
from att.projects.ports import Places
from att.workspace.place import Place

_GIT = "/projects/{project_id}/git"


def _progress(context: Context) -> Progress:
    if context.progress is None:
        raise Failed("internal", "cannot do this outside a job")
    return context.progress


async def _status(context: Context, request: schema.StatusRequest) -> schema.Status:
    return await context.get(Git).status(request.project_id)


async def _add(context: Context, request: schema.AddRequest) -> schema.Status:
    return await context.get(Git).add(request.project_id, paths=request.paths, everything=request.all)


async def _commit(context: Context, request: schema.CommitRequest) -> schema.Committed:
    return await context.get(Git).commit(context.caller, request, context.request_id)


async def _branch(context: Context, request: schema.BranchRequest) -> schema.Switched:
    return await context.get(Git).branch(request)


async def _branches(context: Context, request: schema.StatusRequest) -> schema.BranchPage:
    return await context.get(Git).branches(request.project_id)


async def _merge(context: Context, request: schema.MergeRequest) -> schema.Merged:
    return await context.get(Git).merge(context.caller, request)


async def _log(context: Context, request: schema.LogRequest) -> schema.CommitPage:
    return await context.get(Git).log(request)


async def _diff(context: Context, request: schema.DiffRequest) -> schema.Diff:
    return await context.get(Git).diff(request)


async def _blame(context: Context, request: schema.BlameRequest) -> schema.Blame:
    return await context.get(Git).blame(request)


async def _push(context: Context, request: schema.PushRequest) -> schema.Pushed:
    return await context.get(Git).push(request, _progress(context))


async def _fetch(context: Context, request: schema.FetchRequest) -> schema.Fetched:
    return await context.get(Git).fetch(request, _progress(context))


async def _place(context: Context, project: str) -> Place:
    places: Places = context.services[Places]
    return await places.place(project)


def _policies(context: Context) -> Policies:
    found: Policies = context.services[Policies]
    return found


async def _remote_set(context: Context, request: schema.RemoteRequest) -> Remote:
    place = await _place(context, request.project_id)
    return await context.get(Remotes).set(place, request.name, request.address, request.credential)


async def _remote_list(context: Context, request: schema.RemoteListRequest) -> RemotePage:
    place = await _place(context, request.project_id)
    return RemotePage(remotes=await context.get(Remotes).all(place))


async def _remote_remove(context: Context, request: schema.RemoteNameRequest) -> Remote:
    place = await _place(context, request.project_id)
    return await context.get(Remotes).remove(place, request.name)


async def _policy_show(context: Context, request: PolicyRequest) -> Policy:
    place = await _place(context, request.project_id)
    return await _policies(context).policy(place.project_id)


async def _policy_set(context: Context, request: PolicySet) -> Policy:
    place = await _place(context, request.project_id)
    return await _policies(context).set_policy(place.project_id, request.policy())


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="att.git.status",
        summary="Show the branch and the changed files of a project",
        request=schema.StatusRequest,
        result=schema.Status,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", f"{_GIT}/status"),
        handler=_status,
        example="weather",
    ),
    Operation(
        name="att.git.add",
        summary="Stage changed files for the next commit",
        request=schema.AddRequest,
        result=schema.Status,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", f"{_GIT}/add"),
        handler=_add,
        example="weather --paths src/weather/tools.py",
    ),
    Operation(
        name="att.git.commit",
        summary="Stage and commit changes",
        request=schema.CommitRequest,
        result=schema.Committed,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", f"{_GIT}/commit"),
        handler=_commit,
        retry=Retry.PROBE,
        example='weather --all --message "Ask for the town"',
    ),
    Operation(
        name="att.git.branch",
        summary="Make a branch and switch to it, or switch to one",
        request=schema.BranchRequest,
        result=schema.Switched,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", f"{_GIT}/branch"),
        handler=_branch,
        retry=Retry.PROBE,
        example="weather towns",
    ),
    Operation(
        name="att.git.branches",
        summary="List the branches of a project",
        request=schema.StatusRequest,
        result=schema.BranchPage,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", f"{_GIT}/branches"),
        handler=_branches,
        example="weather",
    ),
    Operation(
        name="att.git.merge",
        summary="Merge a branch into the one that is checked out",
        request=schema.MergeRequest,
        result=schema.Merged,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", f"{_GIT}/merge"),
        handler=_merge,
        example="weather origin/main",
    ),
    Operation(
        name="att.git.log",
        summary="List commits, newest first",
        request=schema.LogRequest,
        result=schema.CommitPage,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", f"{_GIT}/log"),
        handler=_log,
        example="weather --limit 5",
    ),
    Operation(
        name="att.git.diff",
        summary="Compare branches, commits and the files as they are",
        request=schema.DiffRequest,
        result=schema.Diff,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", f"{_GIT}/diff"),
        handler=_diff,
        example="weather --base main --head towns",
    ),
    Operation(
        name="att.git.blame",
        summary="Say which commit wrote each line of a file",
        request=schema.BlameRequest,
        result=schema.Blame,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", f"{_GIT}/blame"),
        handler=_blame,
        example="weather README.md",
    ),
    Operation(
        name="att.git.push",
        summary="Push a branch to the forge or to another host",
        request=schema.PushRequest,
        result=schema.Pushed,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", f"{_GIT}/push"),
        handler=_push,
        kind=Kind.JOB,
        retry=Retry.PROBE,
        example="weather --wait",
    ),
    Operation(
        name="att.git.fetch",
        summary="Fetch branches from the forge or from another host",
        request=schema.FetchRequest,
        result=schema.Fetched,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", f"{_GIT}/fetch"),
        handler=_fetch,
        kind=Kind.JOB,
        example="weather --wait",
    ),
    Operation(
        name="att.git.remote.set",
        summary="Give a name to a repository on another host",
        request=schema.RemoteRequest,
        result=Remote,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", f"{_GIT}/remotes"),
        handler=_remote_set,
        example="weather upstream --address https://example.org/weather.git",
    ),
    Operation(
        name="att.git.remote.list",
        summary="List the repositories on other hosts that have a name here",
        request=schema.RemoteListRequest,
        result=RemotePage,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", f"{_GIT}/remotes"),
        handler=_remote_list,
        example="weather",
    ),
    Operation(
        name="att.git.remote.remove",
        summary="Forget the name of a repository on another host",
        request=schema.RemoteNameRequest,
        result=Remote,
        effect=Effect.CHANGE,
        needs_room=False,
        role=Role.DEVELOPER,
        route=Route("DELETE", f"{_GIT}/remotes/{{name}}"),
        handler=_remote_remove,
        example="weather upstream",
    ),
    Operation(
        name="att.git.policy.show",
        summary="Show what the forge demands before a merge",
        request=PolicyRequest,
        result=Policy,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", f"{_GIT}/policy"),
        handler=_policy_show,
        example="weather",
    ),
    Operation(
        name="att.git.policy.set",
        summary="Set what the forge demands before a merge",
        request=PolicySet,
        result=Policy,
        effect=Effect.CHANGE,
        role=Role.OPERATOR,
        route=Route("PUT", f"{_GIT}/policy"),
        handler=_policy_set,
        people_only=True,
        example="weather --approvals 2",
    ),
    *pull_operations.OPERATIONS,
)
