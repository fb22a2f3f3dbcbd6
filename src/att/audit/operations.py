"""What of the audit is public."""

from att.audit.schema import AuditListRequest, AuditPage
from att.audit.service import Audit
from att.kernel.operation import Context, Effect, Operation, Role, Route


async def _list(context: Context, request: AuditListRequest) -> AuditPage:
    return await context.get(Audit).list(request)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="att.audit.list",
        summary="List who did what, newest first",
        request=AuditListRequest,
        result=AuditPage,
        effect=Effect.READ,
        role=Role.OPERATOR,
        route=Route("GET", "/audit"),
        handler=_list,
        example="--operation att.token. --limit 20",
    ),
)
