"""The appliance port seen from the host: a browser claims and signs in, an MCP client works, strangers are refused."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx2
import pytest
from dev.vm.guest import Answer
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from playwright.sync_api import expect
from tests.appliance.vm.operated import Operated
from tests.console.pages import Console, new_context, open_browser

NAME, PASSWORD = "ada", "correct horse battery"
ERAS = ("legacy", "2026-07-28")
# Each answer of an emulated machine takes its time.
PAGE_SECONDS_MAX = 120
ANSWER_SECONDS_MAX = 120


def test_a_browser_claims_with_the_code_and_signs_in_again(appliance: Operated) -> None:
    code = appliance.guest.shell("sudo cat /run/att/claim-code").strip()
    expect.set_options(timeout=PAGE_SECONDS_MAX * 1000)
    with open_browser() as browser:
        context = new_context(browser)
        context.set_default_timeout(PAGE_SECONDS_MAX * 1000)
        console = Console(context.new_page(), appliance.url)
        console.claim(code, NAME, PASSWORD)
        assert console.status() == "ok"
        console.sign_out()
        console.sign_in(NAME, PASSWORD)
        console.go("Releases & upgrade")
        expect(console.row(appliance.release()).first).to_be_visible()
        assert console.faults == []

    body = json.dumps({"code": code, "name": "eve", "password": PASSWORD})
    again = post(appliance, "/api/v1/auth/claim", body)
    assert (again.status, json.loads(again.body)["code"]) == (409, "already_claimed")


def post(appliance: Operated, path: str, body: str, **headers: str) -> Answer:
    """Sends JSON as nobody."""
    sent = {"Content-Type": "application/json", **headers}
    return appliance.guest.request("POST", path, body=body, headers=sent, timeout_seconds=ANSWER_SECONDS_MAX)


@asynccontextmanager
async def mcp_client(appliance: Operated, era: str) -> AsyncIterator[Client]:
    """The official SDK's client in one protocol era, signed in."""
    headers = {"Authorization": f"Bearer {appliance.token}"}
    # The certificate is the machine's own.
    async with (
        httpx2.AsyncClient(verify=False, headers=headers, timeout=ANSWER_SECONDS_MAX, trust_env=False) as http,
        Client(streamable_http_client(f"{appliance.url}/mcp", http_client=http), mode=era) as client,
    ):
        yield client


@pytest.mark.parametrize("era", ERAS)
def test_an_mcp_client_of_the_official_sdk_lists_and_calls_tools(appliance: Operated, era: str) -> None:
    async def work() -> None:
        async with mcp_client(appliance, era) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            assert {"att.status", "att.upgrade.plan", "att.job.show", "att.tools.search"} <= names
            for name in ("att.status", "att_status"):
                called = await client.call_tool(name, {})
                assert not called.is_error, called
                assert called.structured_content is not None
                assert called.structured_content["status"] == "ok"
                assert called.structured_content["release"] == release

    release = appliance.release()
    anyio.run(work)


@pytest.mark.parametrize("era", ERAS)
def test_mcp_without_a_token_is_refused_with_401(appliance: Operated, era: str) -> None:
    first = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "stranger", "version": "1"}}
    asked = {"method": "initialize", "params": first} if era == "legacy" else {"method": "tools/list"}
    headers = {"Accept": "application/json, text/event-stream"}
    if era != "legacy":
        headers["MCP-Protocol-Version"] = era
    answer = post(appliance, "/mcp", json.dumps({"jsonrpc": "2.0", "id": 1, **asked}), **headers)
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("path", ["/api/v1/status", "/api/v1/tokens", "/api/v1/auth/me"])
def test_rest_without_a_token_is_refused_as_problem_json(appliance: Operated, path: str) -> None:
    answer = appliance.guest.request("GET", path, timeout_seconds=ANSWER_SECONDS_MAX)
    assert answer.status == 401
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = json.loads(answer.body)
    assert problem["status"] == 401
    assert problem["code"]
    assert problem["request_id"] == answer.headers["x-request-id"]
