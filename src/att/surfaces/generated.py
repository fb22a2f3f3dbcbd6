"""The committed contracts made from the operations: schemas/openapi.json and schemas/mcp-tools.json."""

import json
from typing import Any, cast

from fastapi import FastAPI

from att.surfaces import table
from att.surfaces.rest.app import plain_routes
from att.surfaces.rest.openapi import openapi


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document that the API serves."""
    app = FastAPI()
    nothing = cast("Any", None)
    app.router.routes += plain_routes(*[nothing] * 9)
    return openapi(app, table.operations())


def render_openapi() -> str:
    """Return the text of schemas/openapi.json."""
    return _text(openapi_document())


def render_mcp_tools() -> str:
    """Return the text of schemas/mcp-tools.json: every tool, and whether `tools/list` names it by default."""
    from att.surfaces.mcp.tools import listed, tool

    operations = table.operations()
    default = {operation.name for operation in listed(operations, None)}
    tools = [
        {
            **tool(operation, underscored=False).model_dump(mode="json", by_alias=True, exclude_none=True),
            "listed": operation.name in default,
        }
        for operation in operations
    ]
    return _text({"tools": tools})


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
