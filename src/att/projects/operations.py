"""What of projects is public."""

from att.kernel.operation import Context, Effect, Kind, Operation, Progress, Retry, Role, Route
from att.projects import schema
from att.projects.arriving import Arriving
from att.projects.ports import Outgoing
from att.projects.registry import Templates
from att.projects.service import Projects, shown
from att.projects.variables import Variables


async def _create(context: Context, request: schema.ProjectCreate) -> schema.Project:
    return shown(await context.get(Arriving).create(context.caller, request))


async def _import(context: Context, request: schema.ProjectImport) -> schema.Project:
    return shown(await context.get(Arriving).take_in(context.caller, _progress(context), request))


async def _clone(context: Context, request: schema.ProjectClone) -> schema.Project:
    return shown(await context.get(Arriving).clone(context.caller, _progress(context), request))


async def _export(context: Context, request: schema.ProjectExport) -> schema.Exported:
    place = await context.get(Projects).place(request.project_id)
    # A Protocol as a key of the services: only the surface that keeps uploads can be it.
    outgoing = context.get(Outgoing)  # type: ignore[type-abstract]
    progress = _progress(context)
    return await context.get(Arriving).export(context.caller, progress, outgoing, place, history=request.history)


async def _list(context: Context, request: schema.ProjectList) -> schema.ProjectPage:
    return await context.get(Projects).list(request.status)


async def _status(context: Context, request: schema.ProjectShow) -> schema.ProjectState:
    return await context.get(Projects).show(request.project_id)


async def _delete(context: Context, request: schema.ProjectDelete) -> schema.Deleted:
    return await context.get(Projects).delete(request.project_id)


async def _templates(context: Context, _: schema.Nothing) -> schema.TemplatePage:
    found = context.get(Templates).all()
    fields = ("id", "name", "version", "summary")
    return schema.TemplatePage(
        templates=[schema.Template(**{name: getattr(one, name) for name in fields}) for one in found]
    )


async def _variables(context: Context, request: schema.ProjectShow) -> schema.VariablePage:
    row = await context.get(Projects).found(request.project_id)
    return schema.VariablePage(variables=await context.get(Variables).all(row.id))


async def _set_variable(context: Context, request: schema.VariableSet) -> schema.Variable:
    row = await context.get(Projects).found(request.project_id)
    value = request.value.get_secret_value()
    return await context.get(Variables).set(row.id, request.name, value, secret=request.secret)


async def _remove_variable(context: Context, request: schema.VariableRemove) -> schema.VariablePage:
    row = await context.get(Projects).found(request.project_id)
    await context.get(Variables).remove(row.id, request.name)
    return schema.VariablePage(variables=await context.get(Variables).all(row.id))


async def _credentials(context: Context, _: schema.Nothing) -> schema.CredentialPage:
    return schema.CredentialPage(credentials=await context.get(Variables).credentials())


async def _set_credential(context: Context, request: schema.CredentialSet) -> schema.Credential:
    return await context.get(Variables).set_credential(context.caller, request)


async def _remove_credential(context: Context, request: schema.CredentialRemove) -> schema.CredentialPage:
    await context.get(Variables).remove_credential(request.name)
    return await _credentials(context, schema.Nothing())


def _progress(context: Context) -> Progress:
    assert context.progress is not None  # noqa: S101 - every JOB handler has one
    return context.progress


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="att.project.create",
        summary="Create a project from a template",
        request=schema.ProjectCreate,
        result=schema.Project,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", "/projects", status=201),
        handler=_create,
        retry=Retry.PROBE,
        example="'My bot' --template chatbot",
    ),
    Operation(
        name="att.project.import",
        summary="Make a project of the files of a tar or zip archive",
        request=schema.ProjectImport,
        result=schema.Project,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", "/projects/import", status=202),
        handler=_import,
        kind=Kind.JOB,
        retry=Retry.KEYED,
        example="my-bot.tar.gz --name 'My bot' --wait",
    ),
    Operation(
        name="att.project.clone",
        summary="Make a project of a git repository",
        request=schema.ProjectClone,
        result=schema.Project,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("POST", "/projects/clone", status=202),
        handler=_clone,
        kind=Kind.JOB,
        retry=Retry.KEYED,
        example="https://example.org/team/bot.git --credential team --wait",
    ),
    Operation(
        name="att.project.export",
        summary="Pack a project's files into an archive",
        request=schema.ProjectExport,
        result=schema.Exported,
        effect=Effect.READ,
        role=Role.DEVELOPER,
        route=Route("POST", "/projects/{project_id}/export", status=202),
        handler=_export,
        kind=Kind.JOB,
        example="my-bot --wait",
    ),
    Operation(
        name="att.project.list",
        summary="List all projects",
        request=schema.ProjectList,
        result=schema.ProjectPage,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/projects"),
        handler=_list,
    ),
    Operation(
        name="att.project.status",
        summary="Show a project and how it is",
        request=schema.ProjectShow,
        result=schema.ProjectState,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/projects/{project_id}"),
        handler=_status,
        example="my-bot",
    ),
    Operation(
        name="att.project.delete",
        summary="Stop a project and remove it with its files, repository and secrets",
        request=schema.ProjectDelete,
        result=schema.Deleted,
        effect=Effect.DESTROY,
        needs_room=False,
        role=Role.DEVELOPER,
        route=Route("DELETE", "/projects/{project_id}"),
        handler=_delete,
        retry=Retry.PROBE,
        example="my-bot",
    ),
    Operation(
        name="att.project.templates",
        summary="List the templates for new projects",
        request=schema.Nothing,
        result=schema.TemplatePage,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/templates"),
        handler=_templates,
    ),
    Operation(
        name="att.project.variables.list",
        summary="List a project's variables; secret values are never shown",
        request=schema.ProjectShow,
        result=schema.VariablePage,
        effect=Effect.READ,
        role=Role.DEVELOPER,
        route=Route("GET", "/projects/{project_id}/variables"),
        handler=_variables,
        example="my-bot",
    ),
    Operation(
        name="att.project.variables.set",
        summary="Set a variable or secret for a project's apps, tests and tasks",
        request=schema.VariableSet,
        result=schema.Variable,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("PUT", "/projects/{project_id}/variables/{name}"),
        handler=_set_variable,
        example="my-bot API_KEY key.txt",
    ),
    Operation(
        name="att.project.variables.remove",
        summary="Remove a variable or secret of a project",
        request=schema.VariableRemove,
        result=schema.VariablePage,
        effect=Effect.CHANGE,
        needs_room=False,
        role=Role.DEVELOPER,
        route=Route("DELETE", "/projects/{project_id}/variables/{name}"),
        handler=_remove_variable,
        retry=Retry.PROBE,
        example="my-bot API_KEY",
    ),
    Operation(
        name="att.project.credentials.list",
        summary="List stored credentials for other hosts' repositories, without their secrets",
        request=schema.Nothing,
        result=schema.CredentialPage,
        effect=Effect.READ,
        role=Role.DEVELOPER,
        route=Route("GET", "/credentials"),
        handler=_credentials,
    ),
    Operation(
        name="att.project.credentials.set",
        summary="Store a credential for the repositories of one host",
        request=schema.CredentialSet,
        result=schema.Credential,
        effect=Effect.CHANGE,
        role=Role.DEVELOPER,
        route=Route("PUT", "/credentials/{name}"),
        handler=_set_credential,
        example="team token.txt --host github.com",
    ),
    Operation(
        name="att.project.credentials.remove",
        summary="Remove a stored credential",
        request=schema.CredentialRemove,
        result=schema.CredentialPage,
        effect=Effect.CHANGE,
        needs_room=False,
        role=Role.DEVELOPER,
        route=Route("DELETE", "/credentials/{name}"),
        handler=_remove_credential,
        retry=Retry.PROBE,
        example="team",
    ),
)
