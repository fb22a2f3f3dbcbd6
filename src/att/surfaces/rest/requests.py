"""What every HTTP request carries beside its body: request id, peer, credential, origin."""

import re
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from att.identity.schema import COOKIE
from att.kernel.errors import Forbidden, NotSignedIn
from att.kernel.ids import new_id
from att.kernel.operation import Caller, Role
from att.surfaces.expose import NOBODY
from att.surfaces.ports import Authenticator

REQUEST_ID_HEADER = "X-Request-ID"
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def request_id_from(header: str | None) -> str:
    """Return the caller's own id when it has the right form, else a new one."""
    return header if header is not None and _REQUEST_ID.match(header) else new_id("req")


def request_id_of(connection: HTTPConnection) -> str:
    """Return the id that the envelope gave this request."""
    return str(connection.state.request_id)


def peer_of(connection: HTTPConnection) -> str:
    """Return the address of the client; the front's word for it where the front is in between (a unix socket)."""
    if connection.client is not None and connection.client.host:
        return connection.client.host
    return connection.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()


def bearer_of(connection: HTTPConnection) -> str | None:
    """Return the token of the Authorization header, None without one; NotSignedIn for another scheme."""
    header = connection.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotSignedIn("not_signed_in", "cannot read the Authorization header: it is not `Bearer <token>`")
    return token.strip()


async def caller_of(connection: HTTPConnection, authenticator: Authenticator, role: Role) -> Caller:
    """Return who makes this request; NOBODY without a credential where `role` is ANYONE, else NotSignedIn."""
    bearer, cookie = bearer_of(connection), connection.cookies.get(COOKIE)
    if bearer is None and not cookie:
        if role is Role.ANYONE:
            return NOBODY
        raise NotSignedIn("not_signed_in", "cannot answer: there is no credential in the request")
    if bearer is None:
        require_same_origin(connection)
    return await authenticator.authenticate(bearer=bearer, cookie=cookie if bearer is None else None)


def require_same_origin(connection: HTTPConnection) -> None:
    """Refuse a write by cookie, or a WebSocket, that another site's page makes in a person's browser."""
    websocket = connection.scope["type"] == "websocket"
    if not websocket and connection.scope["method"] in _SAFE_METHODS:
        return
    origin = connection.headers.get("origin")
    if origin is None:
        if not websocket and connection.headers.get("sec-fetch-site") in {"same-origin", "none"}:
            return
        raise Forbidden("origin_wrong", "cannot take a cookie here: the request has no Origin header")
    if origin_host(origin) != connection.headers.get("host", "").lower():
        raise Forbidden("origin_wrong", "cannot take a cookie here: the request comes from another site")


def origin_host(origin: str) -> str:
    """Return host and port of an Origin header, empty for one that is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
