"""What a client finds at `/mcp` before it knows anything: the tools and resources that the plan names."""

import anyio
from tests.contract.conftest import Running
from tests.contract.test_operations import mcp_session

from att.surfaces.mcp.tools import ALWAYS, PLAN

LATER = {f"att.{name}" for name in ("debug.errors", "debug.logs", "deploy.build", "deploy.push", "deploy.run")}
"""Of the plan's tools those whose rooms are not there yet: a tool is never listed before it works."""
RESOURCES = {"att://projects"}
TEMPLATES = {f"att://project/{{project_id}}/{part}" for part in ("files", "config", "tests", "logs", "ci")}


def test_the_tools_of_the_plan_are_listed_and_only_a_few_beside_them(platform: Running) -> None:
    async def listed() -> set[str]:
        async with mcp_session(platform, "2026-07-28", query="") as client:
            return {tool.name for tool in (await client.list_tools()).tools}

    assert len(PLAN) == 27
    assert anyio.run(listed) == {*PLAN, *ALWAYS} - LATER


def test_the_resources_of_the_plan_are_listed(platform: Running) -> None:
    async def listed() -> tuple[set[str], set[str]]:
        async with mcp_session(platform, "2026-07-28") as client:
            fixed = {str(one.uri) for one in (await client.list_resources()).resources}
            return fixed, {one.uri_template for one in (await client.list_resource_templates()).resource_templates}

    fixed, templates = anyio.run(listed)
    assert fixed == {"att://status"} | RESOURCES
    assert templates == TEMPLATES
