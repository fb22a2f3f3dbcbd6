"""Reads the values of an operation from a request: path, query and JSON body, each refused with its own error."""

import json
from functools import cache
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import Request

from att.kernel.errors import InvalidInput, TooLarge
from att.kernel.operation import Operation
from att.surfaces.problem import Malformed, UnsupportedMedia, invalid

BODY_BYTES_MAX = 8_388_608
JSON_BYTES_MAX = 16_384
"""Of the plain routes, which anybody may call."""
CONFIRMATION_QUERY = "confirmation_id"
_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})


def takes_body(operation: Operation) -> bool:
    """Whether the fields that are not in the path travel in a JSON body; else they are the query."""
    return operation.route.method in _BODY_METHODS


async def values_of(operation: Operation, request: Request) -> dict[str, Any]:
    """Return the values of all fields; a field given in two places is refused."""
    path = {name: _typed(operation.request, name, text) for name, text in request.path_params.items()}
    rest = await json_object(request) if takes_body(operation) else {}
    query = _query(operation.request, request)
    for name in query:
        if takes_body(operation) or name in path:
            raise InvalidInput("invalid_input", f"cannot take {name[:64]} from the query", field=name[:64])
    for name in rest:
        if name in path:
            raise InvalidInput("invalid_input", f"cannot take {name} from the body: the path says it", field=name)
    return {**rest, **query, **path}


async def read_model[M: BaseModel](request: Request, model: type[M]) -> M:
    """Return the body of a plain route as its model, refused as an operation's is."""
    try:
        return model.model_validate(await json_object(request, JSON_BYTES_MAX))
    except ValidationError as error:
        raise invalid(error) from error


def documented(model: type[BaseModel], **more: Any) -> dict[str, Any]:
    """Return FastAPI's `openapi_extra` for a plain route that reads `model`."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}, **more}


async def json_object(request: Request, bytes_max: int = BODY_BYTES_MAX) -> dict[str, Any]:
    """Return the JSON object of the body; {} when there is no body."""
    body = await bounded_body(request, bytes_max)
    if not body:
        return {}
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json" and not media.endswith("+json"):
        raise UnsupportedMedia("media_type", f"cannot read a body of type {media[:64] or 'unknown'}: send JSON")
    try:
        decoded = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed("malformed", f"cannot read the body: it is not JSON ({error})"[:300]) from error
    if not isinstance(decoded, dict):
        raise InvalidInput("invalid_input", "cannot take the body: it must be a JSON object")
    return decoded


async def bounded_body(request: Request, bytes_max: int) -> bytes:
    """Return the body, reading no more than `bytes_max`; TooLarge beyond."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > bytes_max:
        raise too_large(bytes_max)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            raise too_large(bytes_max)
    return bytes(body)


def too_large(bytes_max: int) -> TooLarge:
    """Return the error for a body above its limit."""
    return TooLarge("body_too_large", f"cannot take the body: the limit is {bytes_max} bytes")


def _query(model: type[BaseModel], request: Request) -> dict[str, Any]:
    query: dict[str, Any] = {}
    for name in request.query_params:
        if name == CONFIRMATION_QUERY:
            continue
        given = request.query_params.getlist(name)
        if name in model.model_fields and _is_list(model.model_fields[name].annotation):
            query[name] = given
        elif len(given) > 1:
            raise InvalidInput("invalid_input", f"cannot take {name[:64]}: it is given twice", field=name[:64])
        else:
            query[name] = _typed(model, name, given[0])
    return query


def _typed(model: type[BaseModel], name: str, text: str) -> Any:
    """Return a value of the URL as JSON would carry it; one that is none of the field's type stays the text it is."""
    reader = _reader(model, name)
    try:
        value = reader.validate_strings(text) if reader is not None else text
    except ValidationError:
        return text
    return value if isinstance(value, bool | int | float) else text


@cache
def _reader(model: type[BaseModel], name: str) -> TypeAdapter[Any] | None:
    field = model.model_fields.get(name)
    return TypeAdapter(field.annotation) if field is not None and field.annotation is not None else None


def _is_list(annotation: Any) -> bool:
    candidates = [annotation, *(part for part in get_args(annotation) if part is not NoneType)]
    return any(get_origin(part) in (list, tuple, set, frozenset) for part in candidates)
