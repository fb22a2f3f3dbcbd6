"""Makes what attctl ships from the operations: the index `commands.json` and the help text `schemas/attctl.txt`."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from att.kernel.operation import Operation
from att.surfaces.cli.index import FILE, Parameter, ParameterType, Spec
from att.surfaces.table import operations, path_parameters

INDEX_PATH = Path("src/att/surfaces/cli") / FILE
HELP_PATH = Path("schemas/attctl.txt")
FILE_FIELDS = {"content", "file_name", "bytes", "sha256"}
"""What a result has that names a file to fetch."""


def render_index(table: Sequence[Operation] | None = None) -> str:
    """Return the text of `commands.json` for the given operations, all of them unless given."""
    rows = [_row(spec_for(one)) for one in sorted(operations() if table is None else table, key=lambda one: one.name)]
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def render_help() -> str:
    """Return the help of every command, as the committed index has them."""
    from att.surfaces.cli.app import help_tree

    return help_tree()


def spec_for(operation: Operation) -> Spec:
    """Return the command of one operation."""
    return Spec(
        name=operation.name,
        summary=operation.summary,
        kind=operation.kind.value,
        effect=operation.effect.value,
        method=operation.route.method,
        path=operation.route.path,
        local=operation.local,
        exit_code=operation.exit_code is not None,
        example=operation.example,
        parameters=tuple(_parameters(operation)),
        saves=operation.result.model_fields.keys() >= FILE_FIELDS,
    )


def _parameters(operation: Operation) -> list[Parameter]:
    schema = operation.request.model_json_schema()
    required, in_path = schema.get("required", []), path_parameters(operation)
    found = []
    for name, raw in schema.get("properties", {}).items():
        node = _plain(raw, schema.get("$defs", {}))
        kind = _type(name, node)
        multiple = node.get("type") == "array" and kind != "json"
        found.append(
            Parameter(
                name=name,
                type=kind,
                argument=name in in_path or kind in ("upload", "text") or node.get("cli") == "argument",
                required=name in required,
                multiple=multiple,
                choices=tuple(str(one) for one in _element(node).get("enum", ())) if kind == "choice" else (),
                default=_default(node),
                help=str(node.get("description", "")),
            )
        )
    order = {name: position for position, name in enumerate(in_path)}
    return sorted(found, key=lambda one: (not one.argument, order.get(one.name, len(order))))


def _plain(node: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a field with references put in and `or null` taken away."""
    if "$ref" in node:
        return _plain({**defs[node["$ref"].rpartition("/")[2]], **_without(node, "$ref")}, defs)
    if "allOf" in node and len(node["allOf"]) == 1:
        return _plain({**node["allOf"][0], **_without(node, "allOf")}, defs)
    options = [one for one in node.get("anyOf", ()) if one.get("type") != "null"]
    if len(options) == 1:
        return _plain({**options[0], **_without(node, "anyOf")}, defs)
    if "items" in node:
        return {**node, "items": _plain(node["items"], defs)}
    return node


def _without(node: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name != key}


def _element(node: dict[str, Any]) -> dict[str, Any]:
    items: dict[str, Any] = node.get("items", {}) if node.get("type") == "array" else node
    return items


def _type(name: str, node: dict[str, Any]) -> ParameterType:
    if name == "upload":
        return "upload"
    if node.get("cli") == "file":
        return "text"
    element = _element(node)
    if "enum" in element:
        return "choice"
    match element.get("type"):
        case "string":
            return "string"
        case "integer":
            return "integer"
        case "number":
            return "number"
        case "boolean" if node is element:
            return "boolean"
        case _:
            return "json"


def _default(node: dict[str, Any]) -> str | None:
    default = node.get("default")
    if default is None or default in ("", [], {}):
        return None
    return json.dumps(default) if isinstance(default, bool | list | dict) else str(default)


def _row(spec: Spec) -> dict[str, Any]:
    row = asdict(spec)
    if not spec.saves:
        del row["saves"]
    row["parameters"] = [
        {key: value for key, value in one.items() if value not in (False, None, "", ())} for one in row["parameters"]
    ]
    return row
