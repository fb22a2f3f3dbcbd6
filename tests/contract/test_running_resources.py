"""What MCP shows of a project that runs nothing yet: an empty log, no test results."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import anyio
import httpx
import httpx2
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from tests.contract.conftest import Running


@pytest.fixture
def project(http: httpx.Client) -> Iterator[str]:
    made = http.post("/api/v1/projects", json={"name": "Shown to models"})
    assert made.is_success, made.text
    yield made.json()["id"]
    path = f"/api/v1/projects/{made.json()['id']}"
    asked = http.delete(path).json()["data"]["confirmation_id"]
    assert http.delete(path, headers={"X-Confirmation-Id": asked}).is_success


def test_the_log_of_an_app_and_the_results_of_tests_are_resources(platform: Running, project: str) -> None:
    async def read() -> None:
        async with _session(platform) as client:
            templates = (await client.list_resource_templates()).resource_templates
            assert {"att://project/{project_id}/logs", "att://project/{project_id}/tests"} <= {
                template.uri_template for template in templates
            }
            [log] = (await client.read_resource(f"att://project/{project}/logs")).contents
            assert isinstance(log, types.TextResourceContents)
            assert json.loads(log.text) == {"items": [], "next_cursor": None}
            with pytest.raises(MCPError, match="cannot find any run of the tests"):
                await client.read_resource(f"att://project/{project}/tests")

    anyio.run(read)


@asynccontextmanager
async def _session(platform: Running) -> AsyncIterator[Client]:
    async with httpx2.AsyncClient(headers=platform.headers, timeout=httpx2.Timeout(10, read=60)) as http:
        transport = streamable_http_client(f"{platform.url}/mcp", http_client=http)
        async with Client(transport, mode="legacy") as client:
            yield client
