"""`python -m tests.bench.bare_mcp`: ATT's peer, the SDK's own server with one tool, over Streamable HTTP by uvicorn.

One line of JSON on stdin says which tool it has and what that answers; one on stdout says the port. It ends with stdin.
"""

import json
import os
import socket
import sys
import threading
from typing import Any

import mcp_types as types
import uvicorn
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server

Context = ServerRequestContext[Any, Any]


def server(tool: types.Tool, answer: dict[str, Any]) -> Server[Any]:
    """Return a server that has this tool and always answers the same, serialised anew in each call."""

    async def list_tools(_: Context, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[tool])

    async def call_tool(_: Context, __: types.CallToolRequestParams) -> types.CallToolResult:
        text = types.TextContent(type="text", text=json.dumps(answer, ensure_ascii=False))
        return types.CallToolResult(content=[text], structured_content=answer)

    return Server("bare", on_list_tools=list_tools, on_call_tool=call_tool)


def main() -> None:
    """Serve until stdin ends."""
    said = json.loads(sys.stdin.readline())
    app = server(types.Tool.model_validate(said["tool"]), said["answer"]).streamable_http_app()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # As on the sockets that uvicorn opens by itself.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sys.stdout.write(json.dumps({"port": listener.getsockname()[1]}) + "\n")
        sys.stdout.flush()
        threading.Thread(target=_end_with_stdin, daemon=True).start()
        uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run([listener])


def _end_with_stdin() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
