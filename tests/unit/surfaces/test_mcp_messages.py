"""MCP below its client: what any message is answered with, at once, large, broken, made up."""

import json
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import mcp_types as types
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.surfaces.serving import serving
from tests.unit.surfaces.world import TABLE, World

from att.surfaces.mcp.resources import RESOURCES, match
from att.surfaces.table import operations

pytestmark = pytest.mark.anyio
HEADERS = {"Accept": "application/json, text/event-stream", "Authorization": "Bearer admin-token"}
SESSION = {"Mcp-Session-Id": "0" * 32, "MCP-Protocol-Version": "2025-11-25"}
MADE_UP = 40
ERRORS = (-32700, -32600, -32602)
"""Of JSON-RPC: no JSON, no request, and, what the SDK says of a request of the wrong form, wrong parameters."""

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
any_value = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | any_text | st.lists(any_text, max_size=3)
any_call = st.fixed_dictionaries(
    {
        "name": st.sampled_from([operation.name for operation in TABLE]) | any_text,
        "arguments": st.dictionaries(st.sampled_from(["thing_id", "name", "limit"]) | any_text, any_value, max_size=4),
    }
)


def call_of(number: int, params: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def message_of(response: httpx.Response) -> dict[str, Any]:
    """Return the one answer among what a call is answered with, as JSON or as an event stream."""
    if response.headers["content-type"].startswith("application/json"):
        found: dict[str, Any] = response.json()
        return found
    lines = [line.removeprefix("data:") for line in response.text.splitlines() if line.startswith("data:")]
    answers: list[dict[str, Any]] = [json.loads(line) for line in lines if line.strip()]
    [answer] = [one for one in answers if "id" in one]
    return answer


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"7", b"\xff\xfe", b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}', b'{"id": 1}'],
)
async def test_what_is_no_request_is_answered_with_400_and_an_error(world: World, body: bytes) -> None:
    headers = {**HEADERS, **SESSION, "Content-Type": "application/json"}
    async with serving(world) as address, httpx.AsyncClient(base_url=address, headers=headers) as client:
        response = await client.post("/mcp", content=body)
        assert response.status_code == 400
        assert types.JSONRPCError.model_validate(response.json()).error.code in ERRORS
        alive = await client.post("/mcp", json=call_of(1, {"name": "att.thing.show", "arguments": {"thing_id": "x"}}))
    assert alive.status_code == 200


async def test_calls_at_once_are_each_answered_with_their_own_result(world: World) -> None:
    answers: dict[int, dict[str, Any]] = {}
    async with serving(world) as address, httpx.AsyncClient(base_url=address, headers={**HEADERS, **SESSION}) as client:

        async def ask(number: int) -> None:
            known = "thing_1" if number % 2 else "none"
            call = call_of(number, {"name": "att.thing.show", "arguments": {"thing_id": known}})
            answers[number] = message_of(await client.post("/mcp", json=call, timeout=30))

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(ask, number)
    assert {number: answer["id"] for number, answer in answers.items()} == {number: number for number in range(20)}
    assert all(answer["result"].get("isError", False) is (number % 2 == 0) for number, answer in answers.items())


async def test_a_large_call_is_answered_and_one_above_the_limit_refused(world: World) -> None:
    async with serving(world) as address, httpx.AsyncClient(base_url=address, headers={**HEADERS, **SESSION}) as client:
        sizes = {}
        for size in (500_000, 50_000_000):
            call = call_of(1, {"name": "att.thing.show", "arguments": {"thing_id": "x" * size}})
            sizes[size] = await client.post("/mcp", json=call, timeout=30)
    assert message_of(sizes[500_000])["result"]["structuredContent"]["code"] == "not_found"
    assert sizes[50_000_000].status_code == 413


async def test_any_call_is_answered_with_a_result_or_an_error_of_json_rpc(world: World) -> None:
    calls: list[dict[str, Any]] = []

    @settings(max_examples=MADE_UP)
    @given(any_call)
    def gather(call: dict[str, Any]) -> None:
        calls.append(call)

    gather()
    async with serving(world) as address, httpx.AsyncClient(base_url=address, headers={**HEADERS, **SESSION}) as client:
        for number, call in enumerate(calls):
            answer = message_of(await client.post("/mcp", json=call_of(number, call), timeout=30))
            assert (answer["jsonrpc"], answer["id"]) == ("2.0", number)
            if "result" in answer:
                types.CallToolResult.model_validate(answer["result"])
            else:
                types.JSONRPCError.model_validate(answer)


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=30))
def test_every_resource_has_an_address_that_is_parsed_and_found_again(project: str) -> None:
    served = {
        resource: operation
        for resource in RESOURCES
        for operation in operations()
        if operation.name == resource.operation
    }
    assert list(served) == list(RESOURCES)
    for resource, operation in served.items():
        uri = resource.uri.format(project_id=project)
        parts = urlsplit(uri)
        assert (parts.scheme, bool(parts.netloc), parts.query) == ("att", True, "")
        assert match(uri, served) == (operation, {"project_id": project} if resource.is_template else {})
