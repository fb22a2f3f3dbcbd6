"""How every failure of a request becomes problem+json: ours, FastAPI's, Starlette's, and those nobody foresaw."""

import math
from typing import cast

import structlog
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.routing import Match, Route

from att.effects.room import refusal_of
from att.kernel.errors import AttError, NotFound, NotSignedIn
from att.surfaces.problem import MEDIA_TYPE, Malformed, MethodNotAllowed, document, unexpected
from att.surfaces.rest.requests import REQUEST_ID_HEADER, request_id_of

log = structlog.get_logger(__name__)


def add_failures(app: FastAPI) -> None:
    """Have every error of `app` answered with a problem document."""
    app.add_exception_handler(AttError, _known)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(OSError, _of_the_disk)
    app.add_exception_handler(Exception, _unforeseen)


def problem_answer(request: Request, error: AttError, headers: dict[str, str] | None = None) -> Response:
    """Return the answer for `error`."""
    headers = {**(headers or {}), REQUEST_ID_HEADER: request_id_of(request)}
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_seconds))
    content = document(error, request_id_of(request))
    return JSONResponse(content, error.status, headers, media_type=MEDIA_TYPE)


async def _known(request: Request, error: Exception) -> Response:
    return problem_answer(request, cast("AttError", error))


async def _http(request: Request, error: Exception) -> Response:
    failed = cast("HTTPException", error)
    if failed.status_code == 405:
        return method_not_allowed(request)
    if failed.status_code == 404:
        return problem_answer(request, nothing_there(request))
    if failed.status_code == 400:
        return problem_answer(request, Malformed("malformed", f"cannot read the request: {failed.detail}"))
    return await _unforeseen(request, error)


def method_not_allowed(request: Request) -> Response:
    """Return 405 with every method of the path: of all its routes, but a written-out path is not its template."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    fewest = min((len(route.param_convertors) for route in matching), default=0)
    nearest = [route for route in matching if len(route.param_convertors) == fewest]
    allowed = {method for route in nearest for method in route.methods or ()}
    error = MethodNotAllowed("method_not_allowed", f"cannot {request.method} this path")
    return problem_answer(request, error, {"Allow": ", ".join(sorted(allowed))})


def nothing_there(request: Request) -> NotFound:
    """Return the error for a path that nobody serves."""
    return NotFound("not_found", f"cannot find {request.url.path[:200]}", hint="the paths are in /api/v1/openapi.json")


async def _gone(request: Request, _: Exception) -> Response:
    """Answer a client that left in the middle of its request: nobody reads it, and it is no fault of ours."""
    return problem_answer(request, Malformed("malformed", "cannot read the body: the client left"))


async def _of_the_disk(request: Request, error: Exception) -> Response:
    refusal = refusal_of(cast("OSError", error), f"{request.method} this path")
    if refusal is None:
        raise error
    return problem_answer(request, refusal)


async def _unforeseen(request: Request, error: Exception) -> Response:
    log.error("unforeseen", exc_info=error)
    return problem_answer(request, unexpected())
