"""`/git/{project}.git`: git over HTTP with ATT's tokens, as the password of any user name.

Viewers fetch, developers push. Cookies are no credential here, so that no page of another site can push.
"""

import base64
import zlib
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from att.forge.http import HttpForge
from att.forge.transport import Service
from att.kernel.errors import AttError, Forbidden, InvalidInput, NotSignedIn
from att.kernel.operation import Caller, Role
from att.surfaces.expose import Exposure, require_role
from att.surfaces.ports import Authenticator
from att.surfaces.rest.requests import bearer_of, peer_of, request_id_of
from att.surfaces.rest.streams import Streams

PREFIX = "/git/{project}.git"
AUDITED = "git.http.push"
_KIND = "git"
_CREDENTIAL_CHARS_MAX = 4_096
_CHUNK = 65_536
_GZIP = 16 + zlib.MAX_WBITS


def git_routes(forge: HttpForge, authenticator: Authenticator, exposure: Exposure, streams: Streams) -> list[BaseRoute]:
    """Return the routes of git over HTTP."""
    door = GitDoor(forge, authenticator, exposure, streams)
    return [
        Route(PREFIX + "/info/refs", door.refs, methods=["GET"]),
        Route(PREFIX + "/git-upload-pack", door.fetch, methods=["POST"]),
        Route(PREFIX + "/git-receive-pack", door.push, methods=["POST"]),
    ]


class GitDoor:
    """The three requests of git's smart protocol."""

    def __init__(self, forge: HttpForge, authenticator: Authenticator, exposure: Exposure, streams: Streams) -> None:
        self._forge = forge
        self._authenticator = authenticator
        self._exposure = exposure
        self._streams = streams

    async def refs(self, request: Request) -> Response:
        """Say which refs there are, for a fetch or a push."""
        try:
            service = Service(request.query_params.get("service", ""))
        except ValueError:
            return _refused(Forbidden("not_allowed", "cannot answer: use git 1.6.6 or newer"))
        try:
            await self._caller(request, service)
            told = await self._forge.advertise(request.path_params["project"], service, _protocol(request))
        except AttError as error:
            return _refused(error)
        return Response(
            told, media_type=f"application/x-{service}-advertisement", headers={"Cache-Control": "no-cache"}
        )

    async def fetch(self, request: Request) -> Response:
        """Send objects."""
        return await self._serve(request, Service.FETCH)

    async def push(self, request: Request) -> Response:
        """Take objects and move refs."""
        return await self._serve(request, Service.PUSH)

    async def _serve(self, request: Request, service: Service) -> Response:
        try:
            caller = await self._caller(request, service)
            if service is Service.PUSH:
                await self._exposure.gate()
        except AttError as error:
            return _refused(error)
        return _Exchange(self._forge, self._exposure, self._streams, service, caller)

    async def _caller(self, request: Request, service: Service) -> Caller:
        caller = await self._authenticator.authenticate(bearer=_token(request))
        role = Role.DEVELOPER if service is Service.PUSH else Role.VIEWER
        require_role(caller, role, "push" if service is Service.PUSH else "fetch")
        return caller


class _Exchange(Response):
    """One fetch or push, both ways at once."""

    def __init__(
        self, forge: HttpForge, exposure: Exposure, streams: Streams, service: Service, caller: Caller
    ) -> None:
        super().__init__(media_type=f"application/x-{service}-result", headers={"Cache-Control": "no-cache"})
        self.raw_headers = [pair for pair in self.raw_headers if pair[0] != b"content-length"]
        self._forge = forge
        self._exposure = exposure
        self._streams = streams
        self._service = service
        self._caller = caller
        self._started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it; what fails before the first part of the answer is an error answer, later the answer breaks off."""
        request, outcome = Request(scope, receive), "internal"
        self._streams.enter(_KIND)
        try:
            with self._streams.draining.cancels():
                outcome = await self._exchanged(request, scope, receive, send)
        finally:
            self._streams.leave(_KIND)
            await self._record(request, outcome)

    async def _exchanged(self, request: Request, scope: Scope, receive: Receive, send: Send) -> str:
        async def answer(part: bytes) -> None:
            if not self._started:
                self._started = True
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": part, "more_body": True})

        project = request.path_params["project"]
        try:
            await self._forge.exchange(project, self._service, _body(request), answer, _protocol(request))
        except AttError as error:
            if self._started:
                return error.code
            await _refused(error)(scope, receive, send)
            return error.code
        await answer(b"")
        await send({"type": "http.response.body", "body": b""})
        return "ok"

    async def _record(self, request: Request, outcome: str) -> None:
        if self._service is Service.PUSH:
            target = {"project_id": request.path_params["project"]}
            await self._exposure.audit.record(
                self._caller, AUDITED, target, outcome, request_id_of(request), peer=peer_of(request)
            )


def _token(request: Request) -> str:
    """Return the token of the request; NotSignedIn without one."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        token = bearer_of(request)
        if token is None:
            raise NotSignedIn("not_signed_in", "cannot answer: give an ATT token as the password")
        return token
    try:
        pair = base64.b64decode(value[:_CREDENTIAL_CHARS_MAX], validate=True).decode()
    except ValueError as error:
        raise NotSignedIn("not_signed_in", "cannot read the Authorization header") from error
    return pair.partition(":")[2]


async def _body(request: Request) -> AsyncIterator[bytes]:
    """Yield the body, unpacked where git packed it; how much that is the forge bounds."""
    packed = request.headers.get("content-encoding", "") in ("gzip", "x-gzip")
    unpacker = zlib.decompressobj(_GZIP) if packed else None
    try:
        async for chunk in request.stream():
            if unpacker is None:
                yield chunk
                continue
            while chunk:
                yield unpacker.decompress(chunk, _CHUNK)
                chunk = unpacker.unconsumed_tail
    except ClientDisconnect as error:
        raise InvalidInput("push_malformed", "cannot read the push: the client left") from error
    except zlib.error as error:
        raise InvalidInput("push_malformed", "cannot read the push: it is not packed as it says") from error


def _protocol(request: Request) -> str | None:
    return request.headers.get("git-protocol")


def _refused(error: AttError) -> Response:
    """Return an error in the form that git shows to its user."""
    headers = {"WWW-Authenticate": 'Basic realm="ATT"'} if isinstance(error, NotSignedIn) else {}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    return PlainTextResponse(f"{error.detail} ({error.code})\nhint: {error.hint}\n", error.status, headers)
