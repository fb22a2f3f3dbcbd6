"""The routes of signing in: the claim of the first admin, sessions by cookie, who am I."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.responses import JSONResponse, Response

from att.identity.schema import COOKIE, SignedIn
from att.kernel.errors import AttError, InvalidInput
from att.kernel.operation import Caller, Role
from att.surfaces.expose import require_role
from att.surfaces.ports import Audit, SignIn
from att.surfaces.rest.bodies import documented, read_model
from att.surfaces.rest.openapi import problem_responses
from att.surfaces.rest.requests import caller_of, peer_of, request_id_of, require_same_origin

_PROBLEMS = problem_responses(400, 401, 403, 409, 413, 415, 422, 429, 503)
Name = Annotated[str, Field(min_length=1, max_length=64)]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=1024)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class ClaimRequest(_Strict):
    """Makes the first admin: the code of the serial console, or the first token of cloud-init."""

    code: Secret
    name: Name
    password: Secret


class SignInRequest(_Strict):
    """A name and its password, or an API token."""

    name: Name | None = None
    password: Secret | None = None
    token: Secret | None = None


class Me(BaseModel):
    """Who is signed in, and what they may do."""

    id: str
    name: str
    role: str
    kind: str
    door: str
    expires: datetime | None = None


class SignInState(BaseModel):
    """Whether the first admin exists."""

    claimed: bool


class SignedOut(BaseModel):
    """The session is over."""

    signed_out: bool = True


_ANYONE: dict[str, Any] = {"security": []}


def signin_routes(identity: SignIn, audit: Audit) -> APIRouter:
    """Return the routes under /api/v1/auth."""
    router = APIRouter(prefix="/api/v1/auth", tags=["auth"])
    _add_beginnings(router, identity, audit)

    @router.post("/sign-out", response_model=SignedOut, responses=problem_responses(403, 503), openapi_extra=_ANYONE)
    async def sign_out(request: Request) -> Response:
        """End the session of the cookie."""
        cookie = request.cookies.get(COOKIE)
        if cookie:
            require_same_origin(request)
            await identity.sign_out(cookie)
            await _record(audit, request, "att.auth.sign_out", None, None, "ok")
        response = JSONResponse(SignedOut().model_dump(mode="json"))
        response.delete_cookie(COOKIE, path="/", secure=_over_tls(request), httponly=True, samesite="strict")
        return response

    @router.get("/state", response_model=SignInState, responses=problem_responses(503), openapi_extra=_ANYONE)
    async def state() -> SignInState:
        """Say whether the appliance is claimed."""
        return SignInState(claimed=await identity.claimed())

    @router.get("/me", response_model=Me, response_model_exclude_none=True, responses=problem_responses(401))
    async def me(request: Request) -> Me:
        """Say who is signed in."""
        caller = await caller_of(request, identity, Role.VIEWER)
        require_role(caller, Role.VIEWER, "say who you are")
        return _me(caller, None)

    return router


def _add_beginnings(router: APIRouter, identity: SignIn, audit: Audit) -> None:
    @router.post("/claim", response_model=Me, responses=_PROBLEMS, openapi_extra=documented(ClaimRequest, **_ANYONE))
    async def claim(request: Request) -> Response:
        """Make the first admin and sign in; possible once for ever."""
        body = await read_model(request, ClaimRequest)
        try:
            signed_in = await identity.claim(
                body.code.get_secret_value(), body.name, body.password.get_secret_value(), peer=peer_of(request)
            )
        except AttError as error:
            await _record(audit, request, "att.auth.claim", body.name, None, error.code)
            raise
        await _record(audit, request, "att.auth.claim", body.name, signed_in.caller, "ok")
        return _with_cookie(request, signed_in)

    @router.post("/sign-in", response_model=Me, responses=_PROBLEMS, openapi_extra=documented(SignInRequest, **_ANYONE))
    async def sign_in(request: Request) -> Response:
        """Exchange a name and password, or an API token, for a cookie."""
        body = await read_model(request, SignInRequest)
        if (body.token is None) == (body.name is None or body.password is None):
            raise InvalidInput("invalid_input", "cannot sign in: give name and password, or a token", field="name")
        try:
            signed_in = await identity.sign_in(
                name=body.name, password=_plain(body.password), token=_plain(body.token), peer=peer_of(request)
            )
        except AttError as error:
            await _record(audit, request, "att.auth.sign_in", body.name, None, error.code)
            raise
        await _record(audit, request, "att.auth.sign_in", body.name, signed_in.caller, "ok")
        return _with_cookie(request, signed_in)


async def _record(
    audit: Audit, request: Request, operation: str, name: str | None, caller: Caller | None, outcome: str
) -> None:
    target = {} if name is None else {"name": name}
    await audit.record(caller, operation, target, outcome, request_id_of(request), peer=peer_of(request))


def _me(caller: Caller, expires: float | None) -> Me:
    until = None if expires is None else datetime.fromtimestamp(expires, UTC)
    role = caller.role.name.lower()
    return Me(id=caller.id, name=caller.name, role=role, kind=caller.kind, door=caller.door, expires=until)


def _with_cookie(request: Request, signed_in: SignedIn) -> Response:
    response = JSONResponse(_me(signed_in.caller, signed_in.expires).model_dump(mode="json"))
    response.set_cookie(
        COOKIE,
        signed_in.secret,
        # Not until when: the browser's clock and this machine's may be years apart.
        max_age=int(signed_in.seconds),
        path="/",
        secure=_over_tls(request),
        httponly=True,
        samesite="strict",
    )
    return response


def _over_tls(request: Request) -> bool:
    """Whether the browser came over TLS: always behind the front (a unix socket), never on the loopback listener."""
    return request.client is None or not request.client.host or request.url.scheme == "https"


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
