"""Builds the body of a question from the input schema that the app publishes: pure."""

from collections.abc import Mapping
from typing import Any

from att.kernel.errors import InvalidInput

ASK_PATH = "/v1/workflow/full"
_REFERENCE = "#/components/schemas/"
_DEPTH_MAX = 8


def input_schema(document: Any) -> Mapping[str, Any]:
    """Return the schema of the question's body in an OpenAPI document; empty when it says nothing."""
    body: Any = document
    for name in ("paths", ASK_PATH, "post", "requestBody", "content", "application/json", "schema"):
        body = body.get(name) if isinstance(body, dict) else None
    return resolved(body, document)


def resolved(schema: Any, document: Any) -> Mapping[str, Any]:
    """Return a schema with its outer reference followed, and the first choice taken where there are several."""
    for _ in range(_DEPTH_MAX):
        if not isinstance(schema, dict):
            return {}
        reference = schema.get("$ref")
        choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if isinstance(reference, str) and reference.startswith(_REFERENCE):
            schemas = (document.get("components") or {}).get("schemas") or {}
            schema = schemas.get(reference.removeprefix(_REFERENCE))
        elif isinstance(choices, list) and choices:
            schema = next((one for one in choices if isinstance(one, dict) and one.get("type") != "null"), None)
        else:
            return schema
    return {}


def body_for(schema: Mapping[str, Any], message: str) -> Any:
    """Return the body that carries one message; InvalidInput when the app wants more than that.

    Agents take `input_message` or a list of messages, a function of one argument that argument.
    """
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return message if schema.get("type") == "string" else {"input_message": message}
    if "input_message" in properties:
        return {"input_message": message}
    if "messages" in properties:
        return {"messages": [{"role": "user", "content": message}]}
    required = schema.get("required")
    needed = [name for name in required if name in properties] if isinstance(required, list) else []
    candidates = needed or list(properties)
    if len(candidates) == 1:
        return {candidates[0]: message}
    raise InvalidInput(
        "app_input",
        f"cannot ask with a message alone: the app takes {', '.join(sorted(properties)[:20])}",
        field="input",
        data={"fields": sorted(properties)[:100]},
    )
