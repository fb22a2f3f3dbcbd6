"""The MCP server: tools/list, tools/call and the resources, over the SDK's low-level server."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from starlette.requests import Request

from att.kernel.errors import AttError, NotFound
from att.kernel.operation import Kind, Operation
from att.surfaces.draining import Draining
from att.surfaces.expose import Call, Exposure
from att.surfaces.mcp import resources
from att.surfaces.mcp.calls import Caller
from att.surfaces.mcp.tools import UNDERSCORE, input_schema, listed, tool
from att.surfaces.problem import document
from att.surfaces.rest.requests import peer_of, request_id_of

Context = ServerRequestContext[Any, Request]
INSTRUCTIONS = (
    "ATT develops, runs, tests, debugs and deploys NVIDIA NeMo Agent Toolkit applications on this private appliance. "
    "Only the most used tools are listed: att.tools.search finds the others, and every one of them can be called. "
    "Long work answers with a job id: follow it with att.job.show. Errors carry a stable code and a hint."
)
RESOURCE_NOT_FOUND = -32002
"""What the revisions before 2026-07-28 say for a resource that is not there."""


@dataclass(frozen=True)
class Surface:
    """The handlers of the protocol's methods."""

    table: Sequence[Operation]
    exposure: Exposure
    caller: Caller

    @cached_property
    def by_name(self) -> dict[str, Operation]:
        """The operations by their dotted and by their underscored name."""
        return {name: operation for operation in self.table for name in (operation.name, operation.underscored)}

    async def list_tools(self, context: Context, _: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        """List what the query of the endpoint asks for."""
        query = _request(context).query_params
        try:
            operations = listed(self.table, query.get("tools"))
        except AttError as error:
            raise MCPError(types.INVALID_PARAMS, error.detail) from error
        underscored = query.get("names") == UNDERSCORE
        return types.ListToolsResult(tools=[tool(operation, underscored=underscored) for operation in operations])

    async def call_tool(
        self, context: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        """Call any operation, listed or not, by its dotted or underscored name."""
        operation = self.by_name.get(params.name)
        if operation is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name[:128]}")
        return await self.caller.call(context, _call(context, operation, params.arguments or {}), params)

    def arguments_of(self, name: str) -> dict[str, Any] | None:
        """Return the schema of a tool's arguments; without it the SDK would list all tools in every call."""
        operation = self.by_name.get(name)
        return None if operation is None else input_schema(operation)

    async def list_resources(self, _: Context, __: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
        """List the resources with a fixed URI."""
        return types.ListResourcesResult(resources=resources.listing(resources.served(self.table)))

    async def list_templates(
        self, _: Context, __: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        """List the resources with parts to fill in."""
        return types.ListResourceTemplatesResult(resource_templates=resources.templates(resources.served(self.table)))

    async def read_resource(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        """Read a resource through its operation."""
        try:
            operation, values = resources.match(params.uri, resources.served(self.table))
            result = await self._read(_call(context, operation, values))
        except AttError as error:
            former = isinstance(error, NotFound) and context.session.protocol_version not in MODERN_PROTOCOL_VERSIONS
            code = RESOURCE_NOT_FOUND if former else types.INVALID_PARAMS
            data = {"uri": str(params.uri), **document(error, request_id_of(_request(context)))}
            raise MCPError(code, error.detail, data) from error
        contents = types.TextResourceContents(
            uri=params.uri, mime_type=resources.MIME_TYPE, text=json.dumps(result, ensure_ascii=False)
        )
        return types.ReadResourceResult(contents=[contents])

    async def _read(self, call: Call) -> dict[str, Any]:
        if call.operation.kind is Kind.STREAM:
            return await self.caller.page(call)
        return (await self.exposure.run(call)).model_dump(mode="json")


def build_server(table: Sequence[Operation], exposure: Exposure, draining: Draining, release: str) -> Server[Any]:
    """Return the server of all operations of `table`."""
    surface = Surface(table, exposure, Caller(exposure, draining))
    return Server(
        "att",
        version=release,
        title="ATT",
        instructions=INSTRUCTIONS,
        get_tool_input_schema=surface.arguments_of,
        on_list_tools=surface.list_tools,
        on_call_tool=surface.call_tool,
        on_list_resources=surface.list_resources,
        on_list_resource_templates=surface.list_templates,
        on_read_resource=surface.read_resource,
    )


def _request(context: Context) -> Request:
    if context.request is None:
        raise MCPError(types.INTERNAL_ERROR, "this server speaks HTTP")
    return context.request


def _call(context: Context, operation: Operation, values: dict[str, Any]) -> Call:
    request = _request(context)
    return Call(
        operation=operation,
        values=values,
        caller=request.state.caller,
        request_id=request_id_of(request),
        surface="mcp",
        peer=peer_of(request),
    )
