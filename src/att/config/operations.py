"""The config operations."""

from att.config.schema import ConfigApplied, ConfigDiff, ConfigShown, ConfigShowRequest, ConfigText, ConfigValid
from att.config.service import ConfigService
from att.kernel.operation import Context, Effect, Operation, Role, Route


async def show(context: Context, request: ConfigShowRequest) -> ConfigShown:
    """Show the settings that hold."""
    return await context.get(ConfigService).show(request.section)


async def validate(context: Context, request: ConfigText) -> ConfigValid:
    """Check a settings file."""
    return context.get(ConfigService).validate(request.text)


async def diff(context: Context, request: ConfigText) -> ConfigDiff:
    """Compare a proposed file."""
    return await context.get(ConfigService).diff(request.text)


async def apply(context: Context, request: ConfigText) -> ConfigApplied:
    """Replace the settings file."""
    return await context.get(ConfigService).apply(request.text, context.caller.door)


OPERATIONS = (
    Operation(
        name="att.config.show",
        summary="Show every setting with its value and who set it",
        request=ConfigShowRequest,
        result=ConfigShown,
        effect=Effect.READ,
        role=Role.OPERATOR,
        route=Route("GET", "/config"),
        handler=show,
        example="--section disk",
        local=True,
    ),
    Operation(
        name="att.config.validate",
        summary="Check a settings file against the schema; exit 2 when it is not valid",
        request=ConfigText,
        result=ConfigValid,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("POST", "/config/validate"),
        handler=validate,
        example="att.yaml",
        local=True,
    ),
    Operation(
        name="att.config.diff",
        summary="Compare a proposed settings file with the one in force; exit 1 when they differ",
        request=ConfigText,
        result=ConfigDiff,
        effect=Effect.READ,
        role=Role.OPERATOR,
        route=Route("POST", "/config/diff"),
        handler=diff,
        example="att.yaml",
        local=True,
        exit_code=lambda result: int(result.changed),
    ),
    Operation(
        name="att.config.apply",
        summary="Validate a settings file and put it in force; the former is kept as att.yaml.previous",
        request=ConfigText,
        result=ConfigApplied,
        effect=Effect.CHANGE,
        needs_room=False,
        role=Role.ADMIN,
        route=Route("PUT", "/config"),
        handler=apply,
        example="att.yaml",
        local=True,
    ),
)
