"""The secrets operation."""

from att.kernel.operation import Context, Effect, Operation, Role, Route
from att.secrets.schema import SecretsCheckRequest, SecretsReport
from att.secrets.service import SecretsService


async def check(context: Context, request: SecretsCheckRequest) -> SecretsReport:  # noqa: ARG001 - the shape of every handler
    """Check the secret files."""
    return await context.get(SecretsService).check()


OPERATIONS = (
    Operation(
        name="att.secrets.check",
        summary="Check owner, mode and kind of every secret file; exit 1 when one is open",
        request=SecretsCheckRequest,
        result=SecretsReport,
        effect=Effect.READ,
        role=Role.OPERATOR,
        route=Route("GET", "/secrets/check"),
        handler=check,
        example="--json",
        local=True,
        exit_code=lambda result: int(not result.ok),
    ),
)
