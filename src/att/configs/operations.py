"""What of NAT configs is public."""

from att.configs.schema import (
    Components,
    ComponentsRequest,
    ConfigRequest,
    ConfigText,
    Graph,
    ValidateRequest,
    Validation,
)
from att.configs.service import Configs
from att.kernel.operation import Context, Effect, Operation, Role, Route


async def _components(context: Context, request: ComponentsRequest) -> Components:
    return await context.get(Configs).components(request)


async def _read(context: Context, request: ConfigRequest) -> ConfigText:
    return await context.get(Configs).read(request.project_id, request.path)


async def _validate(context: Context, request: ValidateRequest) -> Validation:
    return await context.get(Configs).validate(request.project_id, request.path, request.text)


async def _graph(context: Context, request: ConfigRequest) -> Graph:
    return await context.get(Configs).graph(request.project_id, request.path)


OPERATIONS = (
    Operation(
        name="att.nat.components",
        summary="List the NAT components that configs may use, with their fields when asked",
        request=ComponentsRequest,
        result=Components,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/nat/components"),
        handler=_components,
        example="--kind llm_provider",
    ),
    Operation(
        name="att.nat.config",
        summary="Read a project's NAT config",
        request=ConfigRequest,
        result=ConfigText,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/projects/{project_id}/nat/config"),
        handler=_read,
        example="my-chatbot",
    ),
    Operation(
        name="att.nat.validate",
        summary="Check a NAT config: each problem with file, line, column and field; exit 1 when it is invalid",
        request=ValidateRequest,
        result=Validation,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("POST", "/projects/{project_id}/nat/validate"),
        handler=_validate,
        example="my-chatbot",
        exit_code=lambda result: 0 if result.valid else 1,
    ),
    Operation(
        name="att.nat.graph",
        summary="Show which components a NAT config makes, and which refers to which",
        request=ConfigRequest,
        result=Graph,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/projects/{project_id}/nat/graph"),
        handler=_graph,
        example="my-chatbot",
    ),
)
