"""The table of all public operations, collected lazily from the rooms, and the rules it must keep.

Asking for one operation imports that operation's room alone: `attctl` starts fast however many rooms there are.
"""

import importlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from att.kernel.errors import NotFound
from att.kernel.operation import Effect, Kind, Operation

ROOMS: Mapping[str, str] = MappingProxyType(
    {
        "att.status": "att.diagnostics.operations",
        "att.upgrade": "att.upgrade.operations",
        "att.rollback": "att.upgrade.operations",
        "att.repair": "att.upgrade.operations",
        "att.release": "att.upgrade.operations",
        "att.bootstrap": "att.bootstrap.operations",
        "att.config": "att.config.operations",
        "att.secrets": "att.secrets.operations",
        "att.token": "att.identity.operations",
        "att.sessions": "att.identity.operations",
        "att.job": "att.jobs.operations",
        "att.audit": "att.audit.operations",
        "att.nat": "att.configs.operations",
        "att.models": "att.router.operations",
        "att.project": "att.projects.operations",
        "att.git": "att.git.operations",
        "att.code": "att.code.operations",
        "att.runtime": "att.runtime.operations",
        "att.trace": "att.runtime.trace_operations",
        "att.test": "att.testing.operations",
        "att.tools": "att.surfaces.operations",
        "att.docs": "att.docs.operations",
    }
)
"""Name prefix → module whose `OPERATIONS` holds the operations of that name and below it."""

NAME_CHARS_MAX = 64
_NAME = re.compile(r"^att(\.[a-z][a-z0-9_]*)+$")
_PARAMETER = re.compile(r"{([^{}]+)}")
_LEAST, _GREATEST = {"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}


@cache
def of_prefix(prefix: str) -> tuple[Operation, ...]:
    """Return the operations of one key of `ROOMS`, importing that room alone."""
    listed: tuple[Operation, ...] = importlib.import_module(ROOMS[prefix]).OPERATIONS
    return tuple(operation for operation in listed if _under(operation.name, prefix))


@cache
def operations() -> tuple[Operation, ...]:
    """Return every operation, room by room; this imports all rooms."""
    return tuple(operation for prefix in ROOMS for operation in of_prefix(prefix))


def find(name: str) -> Operation:
    """Return the operation of that dotted or underscored name; NotFound when there is none."""
    for prefix in ROOMS:
        if not _under(name, prefix) and not name.startswith(prefix.replace(".", "_")):
            continue
        for operation in of_prefix(prefix):
            if name in (operation.name, operation.underscored):
                return operation
    raise NotFound(
        "not_found", f"cannot find the operation {name[:NAME_CHARS_MAX]!r}", hint="list them: att.tools.search"
    )


def path_parameters(operation: Operation) -> tuple[str, ...]:
    """Return the names in braces of the operation's path template, in order; `{path:path}` counts as `path`."""
    return tuple(found.partition(":")[0] for found in _PARAMETER.findall(operation.route.path))


def by_precision(table: Sequence[Operation]) -> list[Operation]:
    """Return the operations so that a literal path segment is tried before a parameter in its place."""
    return sorted(table, key=lambda operation: [(part[:1] == "{", part) for part in operation.route.path.split("/")])


def defects(table: Sequence[Operation]) -> list[str]:
    """Return what breaks the rules of the table, one sentence each; a valid table gives none."""
    found = [f"{operation.name}: {text}" for operation in table for text in _defects_of(operation)]
    found += [f"the name {name} is taken twice" for name in _repeated([o.name for o in table])]
    found += [f"the underscored name {name} is taken twice" for name in _repeated([o.underscored for o in table])]
    routes = [f"{o.route.method} {_PARAMETER.sub('{}', o.route.path)}" for o in table]
    found += [f"the route {route} is taken twice" for route in _repeated(routes)]
    return found


def _defects_of(operation: Operation) -> Iterator[str]:
    if not _NAME.match(operation.name) or len(operation.name) > NAME_CHARS_MAX:
        yield f"the name must be dotted lower-case words of at most {NAME_CHARS_MAX} characters"
    if not operation.summary or "\n" in operation.summary:
        yield "the summary must be one line"
    yield from _route_defects(operation)
    yield from _kind_defects(operation)
    for name, schema in _numbers(operation.request.model_json_schema()):
        if not (schema.keys() & _LEAST and schema.keys() & _GREATEST):
            yield f"the number {name} must have a least and a greatest value"


def _route_defects(operation: Operation) -> Iterator[str]:
    fields, route = operation.request.model_fields, operation.route
    if not route.path.startswith("/") or route.path.endswith("/"):
        yield "the path must start with a slash and not end with one"
    for name in path_parameters(operation):
        if name not in fields:
            yield f"the path parameter {name} is no field of the request"
        elif not fields[name].is_required():
            yield f"the path parameter {name} must be a required field"
    if route.method == "GET" and operation.effect is not Effect.READ:
        yield "GET must not change anything"


def _kind_defects(operation: Operation) -> Iterator[str]:
    fields = operation.request.model_fields
    if operation.kind is Kind.STREAM:
        if {"cursor", "limit", "follow"} - fields.keys() or "cursor" not in operation.result.model_fields:
            yield "a stream's request needs cursor, limit and follow, its items a cursor"
        if operation.route.method != "GET":
            yield "a stream is read with GET"
    if operation.kind is Kind.CONTENT and "upload" not in fields:
        yield "a content request needs the field upload"


def _numbers(schema: dict[str, Any], name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the numbers that a JSON Schema takes, each with the name of its field."""
    if schema.get("type") in ("integer", "number"):
        yield name, schema
    for inner in (*schema.get("anyOf", ()), *schema.get("allOf", ()), *schema.get("oneOf", ())):
        yield from _numbers(inner, name)
    if "items" in schema:
        yield from _numbers(schema["items"], name)
    for field, inner in (*schema.get("properties", {}).items(), *schema.get("$defs", {}).items()):
        yield from _numbers(inner, field)


def _under(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def _repeated(values: Sequence[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]
