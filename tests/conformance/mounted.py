"""ATT's MCP server with the suite's fixtures beside its own tools and resources: the test mode of the same application.

Transport, sessions, authentication and ATT's own handlers are the product's; only what the suite asks for by name is
added.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from tests.conformance import fixtures
from tests.conformance.fixtures import Context

from att.kernel.operation import Operation
from att.surfaces.draining import Draining
from att.surfaces.expose import Exposure
from att.surfaces.mcp.calls import Caller
from att.surfaces.mcp.server import Surface

App = Callable[[Any, Any, Any], Awaitable[None]]


class Mounted(Surface):
    """ATT's surface; what the suite knows by name is answered by the fixtures, everything else by ATT."""

    async def list_tools(self, context: Context, params: Any) -> types.ListToolsResult:
        own = await super().list_tools(context, params)
        return types.ListToolsResult(tools=[*own.tools, *fixtures.tools()])

    async def call_tool(self, context: Context, params: types.CallToolRequestParams) -> Any:
        run = fixtures.TOOLS.get(params.name)
        return await (run(context, params) if run else super().call_tool(context, params))

    async def list_resources(self, context: Context, params: Any) -> types.ListResourcesResult:
        own = await super().list_resources(context, params)
        listed = [types.Resource(uri=uri, name=uri, mime_type=one.mime_type) for uri, one in fixtures.RESOURCES.items()]
        return types.ListResourcesResult(resources=[*own.resources, *listed])

    async def list_templates(self, context: Context, params: Any) -> types.ListResourceTemplatesResult:
        own = await super().list_templates(context, params)
        template = types.ResourceTemplate(uri_template=fixtures.TEMPLATE, name="template")
        return types.ListResourceTemplatesResult(resource_templates=[*own.resource_templates, template])

    async def read_resource(self, context: Context, params: types.ReadResourceRequestParams) -> Any:
        found = fixtures.resource(str(params.uri))
        return types.ReadResourceResult(contents=[found]) if found else await super().read_resource(context, params)


async def list_prompts(_: Context, __: Any) -> types.ListPromptsResult:
    arguments = fixtures.PROMPT_ARGUMENTS
    return types.ListPromptsResult(
        prompts=[
            types.Prompt(
                name=name,
                description="A fixture of the conformance suite",
                arguments=[types.PromptArgument(name=one, required=True) for one in arguments.get(name, ())],
            )
            for name in fixtures.PROMPTS
        ]
    )


async def get_prompt(_: Context, params: types.GetPromptRequestParams) -> Any:
    if params.name not in fixtures.PROMPTS:
        raise MCPError(types.INVALID_PARAMS, "Unknown prompt")
    return fixtures.PROMPTS[params.name](params)


async def complete(_: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
    words = [word for word in ("paris", "park", "party", "test") if word.startswith(params.argument.value)]
    return types.CompleteResult(completion=types.Completion(values=words, total=len(words), has_more=False))


async def nothing(_: Context, __: Any) -> types.EmptyResult:
    return types.EmptyResult()


def build_server(table: Sequence[Operation], exposure: Exposure, draining: Draining, release: str) -> Server[Any]:
    """Stand in for `att.surfaces.mcp.server.build_server`."""
    surface = Mounted(table, exposure, Caller(exposure, draining))
    return Server(
        "att",
        version=release,
        on_list_tools=surface.list_tools,
        on_call_tool=surface.call_tool,
        on_list_resources=surface.list_resources,
        on_list_resource_templates=surface.list_templates,
        on_read_resource=surface.read_resource,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
        on_completion=complete,
        on_set_logging_level=nothing,
        on_subscribe_resource=nothing,
        on_unsubscribe_resource=nothing,
    )


def signed_in(app: App, token: str) -> App:
    """Put the admin's token into requests that carry none: the suite cannot send a header of its own."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and not any(name == b"authorization" for name, _ in scope["headers"]):
            scope["headers"] = [*scope["headers"], (b"authorization", f"Bearer {token}".encode())]
        await app(scope, receive, send)

    return serve
