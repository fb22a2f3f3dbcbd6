"""The status operation."""

from att.diagnostics.decision import exit_code
from att.diagnostics.schema import Status, StatusRequest
from att.diagnostics.service import StatusService
from att.kernel.operation import Context, Effect, Operation, Role, Route


async def status(context: Context, request: StatusRequest) -> Status:  # noqa: ARG001 - the shape of every handler
    """Say how the appliance is."""
    return await context.get(StatusService).status()


OPERATIONS = (
    Operation(
        name="att.status",
        summary="Say how the appliance is: exit 0 ok, 3 degraded, 4 error",
        request=StatusRequest,
        result=Status,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/status"),
        handler=status,
        example="--json",
        local=True,
        exit_code=lambda result: exit_code(result.status),
    ),
)
