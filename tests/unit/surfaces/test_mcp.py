import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import httpx2
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from tests.unit.surfaces.serving import serving
from tests.unit.surfaces.world import TABLE, World

from att.jobs.schema import JobState
from att.kernel.operation import Operation
from att.surfaces.mcp.tools import listed

pytestmark = pytest.mark.anyio
ERAS = pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])


@asynccontextmanager
async def session(
    address: str, mode: str, query: str = "", token: str = "admin-token", **more: Any
) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(10, read=60)) as http:
        transport = streamable_http_client(f"{address}/mcp{query}", http_client=http)
        async with Client(transport, mode=mode, **more) as client:
            yield client


def structure(result: types.CallToolResult) -> dict[str, Any]:
    found: dict[str, Any] = result.structured_content
    assert not result.is_error, found
    return found


@ERAS
async def test_all_tools_are_listed_on_demand_with_schemas(world: World, mode: str) -> None:
    async with serving(world) as address, session(address, mode, "?tools=all&names=underscore") as client:
        tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == [operation.underscored for operation in TABLE]
    deleting = next(tool for tool in tools if tool.name == "att_thing_delete")
    assert deleting.annotations is not None
    assert deleting.annotations.destructive_hint is True
    assert set(deleting.input_schema["properties"]) == {"thing_id", "confirmation_id"}
    assert all(tool.output_schema and tool.output_schema["type"] == "object" for tool in tools)


@ERAS
async def test_nothing_is_listed_that_the_plan_does_not_name(world: World, mode: str) -> None:
    async with serving(world) as address, session(address, mode) as client:
        assert (await client.list_tools()).tools == []


@ERAS
async def test_a_room_that_is_none_is_an_error(world: World, mode: str) -> None:
    async with serving(world) as address, session(address, mode, "?tools=nothing") as client:
        with pytest.raises(MCPError, match="no such room"):
            await client.list_tools()


@ERAS
@pytest.mark.parametrize("name", ["att.thing.show", "att_thing_show"])
async def test_a_call_answers_by_either_name_with_structure_and_text(world: World, mode: str, name: str) -> None:
    async with serving(world) as address, session(address, mode) as client:
        result = await client.call_tool(name, {"thing_id": "thing_1"})
    assert structure(result)["name"] == "one"
    assert isinstance(result.content[0], types.TextContent)
    assert json.loads(result.content[0].text) == result.structured_content


@ERAS
async def test_a_call_does_not_list_all_tools_on_its_way(
    world: World, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listings = 0

    def counted(table: Sequence[Operation], rooms: str | None) -> list[Operation]:
        nonlocal listings
        listings += 1
        return listed(table, rooms)

    monkeypatch.setattr("att.surfaces.mcp.server.listed", counted)
    async with serving(world) as address, session(address, mode) as client:
        await client.list_tools()
        before = listings
        structure(await client.call_tool("att.thing.show", {"thing_id": "thing_1"}))
    # The client itself looks once for what is in no listing it has.
    assert listings <= before + 1


@ERAS
@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("att.thing.show", {"thing_id": "other"}, "not_found"),
        ("att.thing.show", {}, "invalid_input"),
        ("att.thing.show", {"thing_id": "thing_1", "color": "red"}, "invalid_input"),
        ("att.thing.sign", {"thing_id": "thing_1"}, "people_only"),
        ("att.thing.breakdown", {}, "internal"),
        ("att.thing.breakdown", {"word": "full"}, "disk_full"),
    ],
)
async def test_an_error_is_a_tool_error_with_its_problem(
    world: World, mode: str, name: str, arguments: dict[str, Any], code: str
) -> None:
    async with serving(world) as address, session(address, mode, token="agent-token") as client:
        result = await client.call_tool(name, arguments)
    assert result.is_error
    assert result.structured_content["code"] == code
    assert "secret" not in str(result)


@ERAS
async def test_an_unknown_tool_is_a_protocol_error(world: World, mode: str) -> None:
    async with serving(world) as address, session(address, mode) as client:
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("att.nothing", {})


@ERAS
async def test_a_stream_is_read_by_pages(world: World, mode: str) -> None:
    async with serving(world) as address, session(address, mode) as client:
        first = structure(await client.call_tool("att.thing.log", {"thing_id": "thing_1", "limit": 2}))
        after = {"thing_id": "thing_1", "cursor": first["next_cursor"]}
        second = structure(await client.call_tool("att.thing.log", after))
    assert [item["text"] for item in first["items"]] == ["line 1", "line 2"]
    assert [item["text"] for item in second["items"]] == ["line 3", "line 4", "line 5"]


@ERAS
async def test_a_job_answers_with_its_id_and_with_progress_with_its_result(world: World, mode: str) -> None:
    world.jobs.ends_with = JobState.SUCCEEDED
    said: list[str | None] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        said.append(message)

    async with serving(world) as address, session(address, mode) as client:
        reference = structure(await client.call_tool("att.thing.build", {"thing_id": "thing_1"}))
        done = await client.call_tool("att.thing.build", {"thing_id": "thing_1"}, progress_callback=progress)
    assert reference == {"job_id": "job_0", "operation": "att.thing.build", "state": "queued"}
    assert structure(done)["result"]["name"] == "built"
    assert said == ["running: compile 50 %", "succeeded: done 100 %"]


@ERAS
async def test_a_job_that_fails_while_it_is_followed_is_a_tool_error(world: World, mode: str) -> None:
    world.jobs.ends_with = JobState.FAILED

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        return None

    async with serving(world) as address, session(address, mode) as client:
        done = await client.call_tool("att.thing.build", {"thing_id": "thing_1"}, progress_callback=progress)
    assert done.is_error
    assert (done.structured_content["code"], done.structured_content["data"]["job_id"]) == ("disk_full", "job_0")


@ERAS
@pytest.mark.parametrize("answer", [True, False])
async def test_destroying_asks_the_person_where_the_client_can(world: World, mode: str, answer: bool) -> None:
    asked: list[str] = []

    async def elicit(_: object, params: types.ElicitRequestParams) -> types.ElicitResult:
        asked.append(params.message)
        return types.ElicitResult(action="accept", content={"confirm": answer})

    async with serving(world) as address, session(address, mode, elicitation_callback=elicit) as client:
        result = await client.call_tool("att.thing.delete", {"thing_id": "thing_1"})
    assert len(asked) == 1
    assert world.done == (["deleted thing_1"] if answer else [])
    assert result.is_error is not answer
    if not answer:
        assert result.structured_content["code"] == "declined"


@ERAS
async def test_destroying_takes_a_second_call_where_the_client_cannot_ask(world: World, mode: str) -> None:
    async with serving(world) as address, session(address, mode) as client:
        first = await client.call_tool("att.thing.delete", {"thing_id": "thing_1"})
        assert (first.is_error, world.done) == (True, [])
        confirmation = first.structured_content["data"]["confirmation_id"]
        arguments = {"thing_id": "thing_1", "confirmation_id": confirmation}
        assert structure(await client.call_tool("att.thing.delete", arguments))["name"] == "gone"
        again = await client.call_tool("att.thing.delete", arguments)
    assert again.structured_content["code"] == "confirmation_wrong"


@ERAS
async def test_a_resource_that_nobody_serves_is_an_error(world: World, mode: str) -> None:
    async with serving(world) as address, session(address, mode) as client:
        assert (await client.list_resources()).resources == []
        with pytest.raises(MCPError, match="no such resource"):
            await client.read_resource("att://nothing")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer gate-token"}, 401),
        ({"Authorization": "Bearer admin-token", "Origin": "https://evil.example"}, 403),
    ],
)
async def test_the_endpoint_is_closed_to_those_it_does_not_know(
    world: World, headers: dict[str, str], status: int
) -> None:
    async with serving(world) as address, httpx.AsyncClient(base_url=address, headers=headers) as client:
        response = await client.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")


INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
BOTH = {"Accept": "application/json, text/event-stream", "Authorization": "Bearer admin-token"}
CALL = {
    "jsonrpc": "2.0",
    "id": 2,
    "method": "tools/call",
    "params": {"name": "att.thing.show", "arguments": {"thing_id": "thing_1"}},
}


async def test_a_session_of_another_caller_is_not_found(world: World) -> None:
    async with serving(world) as address, httpx.AsyncClient(base_url=address, headers=BOTH) as client:
        begun = await client.post("/mcp", json=INITIALIZE)
        headers = {"Mcp-Session-Id": begun.headers["mcp-session-id"], "Authorization": "Bearer developer-token"}
        assert (await client.post("/mcp", json=CALL, headers=headers)).status_code == 404


async def test_a_session_of_before_a_restart_goes_on_and_one_that_was_ended_does_not(world: World) -> None:
    async with serving(world) as address, httpx.AsyncClient(base_url=address, headers=BOTH) as client:
        before = await client.post("/mcp", json=CALL, headers={"Mcp-Session-Id": "0" * 32})
        begun = await client.post("/mcp", json=INITIALIZE)
        own = {"Mcp-Session-Id": begun.headers["mcp-session-id"]}
        assert (await client.delete("/mcp", headers=own)).status_code == 200
        ended = await client.post("/mcp", json=CALL, headers=own)
    assert before.status_code == 200
    assert '"name":"one"' in before.text.replace(" ", "").replace("\\", "")
    assert ended.status_code == 404


async def test_the_stream_of_a_session_ends_properly_when_the_process_stops(world: World) -> None:
    async with serving(world) as address, httpx.AsyncClient(base_url=address, headers=BOTH) as client:
        begun = await client.post("/mcp", json=INITIALIZE)
        headers = {"Mcp-Session-Id": begun.headers["mcp-session-id"]}
        with anyio.fail_after(30):
            async with client.stream("GET", "/mcp", headers=headers) as stream:
                world.draining.begin()
                text = "".join([chunk async for chunk in stream.aiter_text()])
    assert text.endswith("retry: 500\n\n")


@ERAS
async def test_a_call_that_runs_when_the_process_stops_is_answered(world: World, mode: str) -> None:
    world.jobs.ends_with = JobState.SUCCEEDED

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        world.draining.begin()

    async with serving(world) as address, session(address, mode) as client:
        done = await client.call_tool("att.thing.build", {"thing_id": "thing_1"}, progress_callback=progress)
    assert structure(done)["job_id"] == "job_0"


async def test_the_well_known_document_names_endpoint_and_versions(world: World) -> None:
    async with serving(world) as address, httpx.AsyncClient(base_url=address) as client:
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "att.example:17443"}
        found = (await client.get("/api/v1/mcp/.well-known", headers=headers)).json()
    assert found["endpoint"] == "https://att.example:17443/mcp"
    assert {"2024-11-05", "2026-07-28"} <= set(found["protocol_versions"])
