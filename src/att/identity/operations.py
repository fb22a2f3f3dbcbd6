"""What of identity is public as operations; signing in and the claim are routes of their own."""

from att.identity.schema import (
    SessionsPurge,
    SessionsPurged,
    Token,
    TokenCreate,
    TokenCreated,
    TokenList,
    TokenPage,
    TokenRevoke,
)
from att.identity.service import Identity
from att.kernel.operation import Context, Effect, Operation, Retry, Role, Route


async def _create(context: Context, request: TokenCreate) -> TokenCreated:
    return await context.get(Identity).create_token(context.caller, request)


async def _list(context: Context, request: TokenList) -> TokenPage:
    return await context.get(Identity).list_tokens(context.caller, all_states=request.all)


async def _revoke(context: Context, request: TokenRevoke) -> Token:
    return await context.get(Identity).revoke_token(context.caller, request.token_id)


async def _purge(context: Context, request: SessionsPurge) -> SessionsPurged:  # noqa: ARG001 - the shape of every handler
    return await context.get(Identity).purge_sessions(context.caller)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="att.token.create",
        summary="Make an API token; its secret is shown this once",
        request=TokenCreate,
        result=TokenCreated,
        effect=Effect.CHANGE,
        role=Role.VIEWER,
        route=Route("POST", "/tokens", status=201),
        handler=_create,
        retry=Retry.PROBE,
        example="--name ci --role developer --kind agent",
    ),
    Operation(
        name="att.token.list",
        summary="List API tokens: one's own, for an admin everybody's",
        request=TokenList,
        result=TokenPage,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/tokens"),
        handler=_list,
    ),
    Operation(
        name="att.token.revoke",
        summary="Revoke an API token and end its sessions",
        request=TokenRevoke,
        result=Token,
        effect=Effect.DESTROY,
        needs_room=False,
        role=Role.VIEWER,
        route=Route("DELETE", "/tokens/{token_id}"),
        handler=_revoke,
        example="tok_4t0q9zv7m3c8x1ka",
    ),
    Operation(
        name="att.sessions.purge",
        summary="Sign everybody out; API tokens stay good",
        request=SessionsPurge,
        result=SessionsPurged,
        effect=Effect.DESTROY,
        needs_room=False,
        role=Role.ADMIN,
        route=Route("DELETE", "/sessions"),
        handler=_purge,
        people_only=True,
        example="--yes",
    ),
)
