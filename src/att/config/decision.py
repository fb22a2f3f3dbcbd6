"""Decides whether values keep the settings' schema; knows no file, no framework and no pydantic.

Checks the part of JSON Schema that `att.schema.json` uses, which keeps `attctl config validate` quick and lets each
message name its setting. `unsupported` tells of keywords that the schema uses and this does not.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from att.config.document import Path

Finding = tuple[Path, str]
_NAMES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}
_ANNOTATIONS = {"$schema", "$id", "title", "description", "default", "examples", "reload", "door", "env"}
_CHECKED = {
    "type",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "items",
    "properties",
    "additionalProperties",
    "required",
}


def findings(value: Any, schema: Mapping[str, Any], path: Path = ()) -> Iterator[Finding]:
    """Yield path and message of each place where `value` breaks `schema`."""
    kind = schema["type"]
    if not _is(kind, value):
        yield path, f"expected {_NAMES[kind]}, found {_found(value)}{_yes_no(kind, value)}"
        return
    if "enum" in schema and value not in schema["enum"]:
        allowed = ", ".join(str(one) for one in schema["enum"])
        yield path, f"{value!r} is not one of {allowed}{_did_you_mean(value, schema['enum'])}"
    if kind == "object":
        yield from _object(value, schema, path)
    elif kind == "array":
        yield from _array(value, schema, path)
    elif kind == "string":
        yield from _string(value, schema, path)
    elif kind in ("integer", "number"):
        yield from _number(value, schema, path)


def contradictions(values: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what single settings allow and together make no sense; `values` are complete and keep the schema."""
    disk = values["disk"]
    if disk["warn_percent"] >= disk["limit_percent"]:
        yield ("disk", "warn_percent"), f"{disk['warn_percent']} is not below limit_percent {disk['limit_percent']}"


def unsupported(schema: Mapping[str, Any]) -> set[str]:
    """Return the keywords in `schema` and below that `findings` would pass over."""
    unknown = set(schema) - _ANNOTATIONS - _CHECKED
    for inner in schema.get("properties", {}).values():
        unknown |= unsupported(inner)
    if isinstance(schema.get("items"), dict):
        unknown |= unsupported(schema["items"])
    return unknown


def leaves(schema: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield path and schema of each single setting."""
    for name, inner in schema["properties"].items():
        if inner["type"] == "object":
            yield from leaves(inner, (*path, name))
        else:
            yield (*path, name), inner


def _is(kind: str, value: Any) -> bool:
    match kind:
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
        case _:
            return value is None


def _object(value: dict[str, Any], schema: Mapping[str, Any], path: Path) -> Iterator[Finding]:
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield (*path, name), "is missing"
    for name, inner in value.items():
        if name in known:
            yield from findings(inner, known[name], (*path, name))
        elif schema.get("additionalProperties") is False:
            word = "section" if not path and any(one["type"] == "object" for one in known.values()) else "setting"
            yield (*path, name), f"unknown {word}{_did_you_mean(name, list(known))}"


def _array(value: list[Any], schema: Mapping[str, Any], path: Path) -> Iterator[Finding]:
    if len(value) < schema.get("minItems", 0):
        yield path, f"needs at least {schema['minItems']} entries"
    if len(value) > schema.get("maxItems", len(value)):
        yield path, f"takes at most {schema['maxItems']} entries"
    for index, inner in enumerate(value):
        yield from findings(inner, schema["items"], (*path, index))


def _string(value: str, schema: Mapping[str, Any], path: Path) -> Iterator[Finding]:
    if len(value) < schema.get("minLength", 0):
        yield path, f"is shorter than {schema['minLength']} characters"
    if len(value) > schema.get("maxLength", len(value)):
        yield path, f"is longer than {schema['maxLength']} characters"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield path, f"does not match {schema['pattern']}"


def _number(value: float, schema: Mapping[str, Any], path: Path) -> Iterator[Finding]:
    if value < schema.get("minimum", value):
        yield path, f"{value} is below the minimum {schema['minimum']}"
    if value > schema.get("maximum", value):
        yield path, f"{value} is above the maximum {schema['maximum']}"


def _found(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "…"


def _yes_no(kind: str, value: Any) -> str:
    if kind == "boolean" and isinstance(value, str) and value.lower() in ("yes", "on", "no", "off"):
        return f", did you mean {'true' if value.lower() in ('yes', 'on') else 'false'}?"
    return ""


def _did_you_mean(word: Any, known: list[Any]) -> str:
    close = get_close_matches(str(word), [str(one) for one in known], n=1, cutoff=0.6)
    return f", did you mean {close[0]}?" if close else ""
