"""The OpenAPI 3.1 document: FastAPI's for the plain routes, one path item per operation from its models."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from att.events.schema import ATTEvent
from att.jobs.schema import JobRef
from att.kernel.operation import Effect, Kind, Operation, Role
from att.surfaces.problem import MEDIA_TYPE, Problem
from att.surfaces.rest.bodies import takes_body
from att.surfaces.rest.routes import CONFIRMATION_HEADER, EVENTS_PATH, KEY_HEADER, PREFIX
from att.surfaces.rest.streams import NDJSON, SSE
from att.surfaces.table import path_parameters

Json = dict[str, Any]
Models = Mapping[Any, Json]
API_VERSION = "1"
"""Of the paths below /api/v1; releases have their own."""
_REFERENCE = "#/components/schemas/{model}"
_STATUSES = {
    400: "The body cannot be read.",
    401: "No credential, or one that is not valid.",
    403: "The caller may not.",
    404: "Nothing there by that name.",
    409: "The present state, a rule, or a missing confirmation forbids it.",
    413: "The body is too large.",
    415: "The body is of another media type than JSON.",
    422: "The input is wrong; `field` names where.",
    429: "Too many requests.",
    500: "ATT's own fault or the machine's.",
    503: "Not now: try again as Retry-After says.",
}


def problem_responses(*statuses: int) -> dict[int | str, Json]:
    """Return what FastAPI's `responses=` takes for errors of a plain route."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _STATUSES[status], "content": content} for status in statuses}


def openapi(app: FastAPI, table: Sequence[Operation]) -> Json:
    """Return the document of all operations of `table` and the plain routes of `app`."""
    document = get_openapi(
        title="ATT",
        version=API_VERSION,
        summary="A private platform to develop, run, test, debug and deploy NeMo Agent Toolkit applications",
        routes=app.routes,
    )
    models, definitions = _schemas(tuple(table))
    components = document.setdefault("components", {})
    components["schemas"] = _merged(components.get("schemas", {}), definitions)
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "An API token."},
        "session": {"type": "apiKey", "in": "cookie", "name": "att_session", "description": "A browser's session."},
    }
    document["security"] = [{"token": []}, {"session": []}]
    for operation in table:
        path = PREFIX + operation.route.path.replace(":path}", "}")
        item = document["paths"].setdefault(path, {})
        item[operation.route.method.lower()] = _path_item(operation, models, components["schemas"])
    document["paths"][EVENTS_PATH] = {"get": _events(models)}
    document["paths"] = dict(sorted(document["paths"].items()))
    components["schemas"] = dict(sorted(components["schemas"].items()))
    return document


def _merged(plain: Json, operations: Json) -> Json:
    """Return all schemas; two models of one name would silently describe each other's answers."""
    for name in plain.keys() & operations.keys():
        if plain[name] != operations[name]:
            raise ValueError(f"two different models are called {name}")
    return {**plain, **operations}


@cache
def _schemas(table: tuple[Operation, ...]) -> tuple[Models, Json]:
    always = (Problem, JobRef, ATTEvent)
    wanted: dict[Any, None] = dict.fromkeys((model, "serialization") for model in always)
    for operation in table:
        wanted[operation.request, "validation"] = None
        wanted[operation.result, "serialization"] = None
    models, top = models_json_schema(list(wanted), ref_template=_REFERENCE)
    return dict(models), top.get("$defs", {})


def _events(models: Models) -> Json:
    """Return the documentation of the event stream, the one channel that is no operation and yet readable here."""
    item = models[ATTEvent, "serialization"]
    content: Json = {NDJSON: {"schema": item}, SSE: {"schema": {"type": "string"}}}
    after = {"type": "string", "pattern": "^[0-9]+$"}
    return {
        "operationId": "att_events",
        "summary": "Follow what happens; also as a WebSocket at the same path",
        "tags": ["events"],
        "parameters": [{"name": "cursor", "in": "query", "required": False, "schema": after}],
        "responses": {
            "200": {"description": "Events as they happen.", "content": content},
            **{str(status): answer for status, answer in problem_responses(401, 403, 422, 429, 503).items()},
        },
        "x-att-kind": Kind.STREAM.value,
    }


def _path_item(operation: Operation, models: Models, definitions: Json) -> Json:
    request = _resolved(models[operation.request, "validation"], definitions)
    item: Json = {
        "operationId": operation.underscored,
        "summary": operation.summary,
        "tags": [operation.words[0]],
        "parameters": _parameters(operation, request),
        "responses": {**_answers(operation, models), **_problems(operation)},
        "x-att-operation": operation.name,
        "x-att-kind": operation.kind.value,
        "x-att-effect": operation.effect.value,
        "x-att-role": operation.role.name.lower(),
        "x-att-people-only": operation.people_only,
    }
    if operation.request.__doc__ and operation.request.__doc__ != BaseModel.__doc__:
        item["description"] = operation.request.__doc__
    if operation.role is Role.ANYONE:
        item["security"] = []
    if takes_body(operation):
        body = _without(request, path_parameters(operation))
        if body["properties"]:
            item["requestBody"] = {
                "required": bool(body.get("required")),
                "content": {"application/json": {"schema": body}},
            }
    return item


def _parameters(operation: Operation, request: Json) -> list[Json]:
    path, required = path_parameters(operation), request.get("required", [])
    found = [_parameter(name, "path", request["properties"][name], True) for name in path]
    if not takes_body(operation):
        rest = {name: schema for name, schema in request["properties"].items() if name not in path}
        found += [_parameter(name, "query", schema, name in required) for name, schema in rest.items()]
    if operation.effect is Effect.DESTROY:
        found.append(_header(CONFIRMATION_HEADER, "The id that the first call answered; the second call carries it."))
    if operation.kind is Kind.JOB:
        found.append(_header(KEY_HEADER, "A repeated call with the same key answers with the same job."))
    return found


def _parameter(name: str, where: str, schema: Json, required: bool) -> Json:
    schema = {key: value for key, value in schema.items() if key not in ("title", "description")}
    choices = [choice for choice in schema.pop("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        schema.update(choices[0])
    elif choices:
        schema["anyOf"] = choices
    if schema.get("default", ...) is None:
        del schema["default"]
    if where == "path":
        schema = {"minLength": 1, **schema} if schema.get("type") == "string" else schema
    return {"name": name, "in": where, "required": required, "schema": schema}


def _header(name: str, description: str) -> Json:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}


def _answers(operation: Operation, models: Models) -> Json:
    result = models[operation.result, "serialization"]
    if operation.kind is Kind.JOB:
        location = {"Location": {"schema": {"type": "string"}, "description": "Where the job is shown."}}
        reference = models[JobRef, "serialization"]
        return {"202": {"description": "The job has begun; its result is as `x-att-result` says.", "headers": location,
                        "content": {"application/json": {"schema": reference}}, "x-att-result": result}}  # fmt: skip
    if operation.kind is Kind.STREAM:
        content: Json = {NDJSON: {"schema": result}, SSE: {"schema": {"type": "string"}}}
        return {"200": {"description": "Items, one a line or one an event, until the end.", "content": content}}
    status = str(operation.route.status)
    return {status: {"description": "The answer.", "content": {"application/json": {"schema": result}}}}


def _problems(operation: Operation) -> Json:
    wanted = set(_STATUSES) if takes_body(operation) else set(_STATUSES) - {400, 413, 415}
    if operation.role is Role.ANYONE:
        wanted -= {403}
    return {str(status): answer for status, answer in problem_responses(*sorted(wanted)).items()}


def _resolved(schema: Json, definitions: Json) -> Json:
    """Return the object schema itself, with unknown properties refused as `expose.parse` does."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    return {"properties": {}, **schema, "additionalProperties": False}


def _without(schema: Json, names: Sequence[str]) -> Json:
    body = {key: value for key, value in schema.items() if key != "required"}
    body["properties"] = {name: value for name, value in schema["properties"].items() if name not in names}
    required = [name for name in schema.get("required", []) if name not in names]
    return {**body, "required": required} if required else body
