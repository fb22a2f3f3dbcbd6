"""Walks all operations: the same fields, the same result, the same error over REST, over MCP and in attctl."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from tests.contract import (
    cases_bootstrap,
    cases_code,
    cases_git,
    cases_models,
    cases_nat,
    cases_projects,
    cases_runtime,
    cases_testing,
)
from tests.contract.case import Case
from tests.contract.conftest import Running

from att.kernel.operation import Effect, Kind, Operation
from att.surfaces import table
from att.surfaces.cli.app import main as attctl
from att.surfaces.cli.index import Spec, specs
from att.surfaces.generated import openapi_document

DOCUMENT = openapi_document()
OPERATIONS = {operation.name: operation for operation in table.operations()}
SPECS = {spec.name: spec for spec in specs().values()}
ERAS = ("legacy", "2026-07-28")


OWN = (
    Case("att.status", stable=False),
    Case("att.upgrade.plan", {"upload": b"no bundle"}, "appliance_only"),
    Case("att.upgrade.apply", {"upload": b"no bundle"}, "appliance_only"),
    Case("att.upgrade.history", {}, "appliance_only"),
    Case("att.upgrade.show", {"transaction": "tx_none"}, "appliance_only"),
    Case("att.rollback", {}, "appliance_only"),
    Case("att.repair", {}, "appliance_only"),
    Case("att.release.list", {}, "appliance_only"),
    Case("att.config.show", {"section": "disk"}),
    Case("att.config.show", {"section": "none"}, "invalid_input"),
    Case("att.config.validate", {"text": "disk:\n  warn_percent: 70\n"}),
    Case("att.config.validate", {"text": "disk: 7\n"}, "config_invalid"),
    Case("att.config.diff", {"text": "disk:\n  warn_percent: 70\n"}),
    Case("att.config.apply", {"text": "disk:\n  warn: 70\n"}, "config_invalid"),
    Case("att.config.apply", {"text": "disk:\n  warn_percent: 80\n"}, stable=False),
    Case("att.secrets.check", stable=False),
    Case("att.token.create", {"name": "contract", "role": "developer"}, stable=False),
    Case("att.token.create", {"name": "contract", "role": "king"}, "invalid_input"),
    Case("att.token.list", stable=False),
    Case("att.token.revoke", {"token_id": "tok_none"}, "token_unknown"),
    Case("att.sessions.purge", stable=False),
    Case("att.job.list"),
    Case("att.job.show", {"job_id": "job_none"}, "job_unknown"),
    Case("att.job.show", {"job_id": "job_none", "wait_seconds": 26}, "invalid_input"),
    Case("att.job.log", {"job_id": "job_none"}, "job_unknown"),
    Case("att.job.cancel", {"job_id": "job_none"}, "job_unknown"),
    Case("att.audit.list", {"limit": 1}, stable=False),
    Case("att.tools.search", {"query": "upgrade", "limit": 3}),
    Case("att.tools.search", {"limit": 0}, "invalid_input"),
    Case("att.docs", {"search": "recovery key"}),
    Case("att.docs", {"page": "no-such-page"}, "page_unknown"),
)
CASES: tuple[Case, ...] = (
    *OWN,
    *cases_bootstrap.CASES,
    *cases_code.CASES,
    *cases_git.CASES,
    *cases_models.CASES,
    *cases_nat.CASES,
    *cases_projects.CASES,
    *cases_runtime.CASES,
    *cases_testing.CASES,
)


def shape(value: Any) -> Any:
    """Return the names of all members; what they hold may differ from one moment to the next."""
    return {name: shape(inner) for name, inner in value.items()} if isinstance(value, dict) else ...


@dataclass(frozen=True)
class Clients:
    """An MCP client of each era, open for all tests: each asks for all tools once."""

    portal: BlockingPortal
    of: Mapping[str, Client]

    def call(self, era: str, name: str, values: Mapping[str, Any]) -> Any:
        async def call() -> Any:
            return await self.of[era].call_tool(name, dict(values))

        return self.portal.call(call)


@pytest.fixture(scope="module")
def clients(platform: Running) -> Iterator[Clients]:
    with start_blocking_portal() as portal, ExitStack() as stack:
        sessions = {era: portal.wrap_async_context_manager(mcp_session(platform, era)) for era in ERAS}
        yield Clients(portal, {era: stack.enter_context(session) for era, session in sessions.items()})


@pytest.fixture
def sent(platform: Running, http: httpx.Client, clients: Clients, tmp_path: Path) -> "Sender":
    return Sender(platform, http, clients, tmp_path)


@dataclass(frozen=True)
class Sender:
    """Makes one call on one surface; answers with (code, result or problem)."""

    platform: Running
    http: httpx.Client
    clients: Clients
    folder: Path

    def rest(self, case: Case) -> tuple[str, Any]:
        operation, values = OPERATIONS[case.name], self._uploaded(case)
        path = re.sub(r"{(\w+)(?::path)?}", lambda found: str(values.pop(found[1])), operation.route.path)
        carried: dict[str, Any] = {"json": values} if operation.route.method in ("POST", "PUT") else {"params": values}
        response = self.http.request(operation.route.method, "/api/v1" + path, **carried)
        if response.json().get("code") == "confirmation_required":
            headers = {"X-Confirmation-Id": response.json()["data"]["confirmation_id"]}
            response = self.http.request(operation.route.method, "/api/v1" + path, headers=headers, **carried)
        found = response.json()
        return ("ok" if response.is_success else found["code"]), found

    def mcp(self, case: Case, era: str) -> tuple[str, Any]:
        values = self._uploaded(case)
        result = self.clients.call(era, case.name, values)
        if result.is_error and result.structured_content["code"] == "confirmation_required":
            confirmation = result.structured_content["data"]["confirmation_id"]
            result = self.clients.call(era, case.name, {**values, "confirmation_id": confirmation})
        return ("ok" if not result.is_error else result.structured_content["code"]), result.structured_content

    def attctl(self, case: Case, capsys: pytest.CaptureFixture[str]) -> tuple[str, Any, int]:
        token = self.folder / "token"
        token.write_text(self.platform.token)
        capsys.readouterr()
        connection = ["--url", self.platform.url, "--token-file", str(token), "--format", "json"]
        spec = SPECS[case.name]
        yes = ["--yes"] if spec.effect == "destroy" else []
        code = attctl([*spec.words, *self._arguments(spec, case), *yes, *connection])
        out, err = capsys.readouterr()
        failed = re.search(r"error\[(\w+)\]: (.*)\nhint: (.*)\n", err)
        if failed is None:
            return "ok", json.loads(out), code
        return failed[1], {"code": failed[1], "detail": failed[2], "hint": failed[3]}, code

    def _arguments(self, spec: Spec, case: Case) -> list[str]:
        arguments = []
        for parameter in spec.parameters:
            if parameter.name not in case.values:
                continue
            value = case.values[parameter.name]
            if parameter.type in ("upload", "text"):
                file = self.folder / parameter.name
                file.write_bytes(value if isinstance(value, bytes) else value.encode())
                value = file
            flag = [] if parameter.argument else [f"--{parameter.name.replace('_', '-')}"]
            arguments += [word for one in (value if isinstance(value, list) else [value]) for word in (*flag, str(one))]
        return arguments

    def _uploaded(self, case: Case) -> dict[str, Any]:
        values = dict(case.values)
        if "upload" in values:
            values["upload"] = self.http.post("/api/v1/uploads", content=values["upload"]).json()["upload"]
        return values


@asynccontextmanager
async def mcp_session(platform: Running, era: str, query: str = "?tools=all") -> AsyncIterator[Client]:
    async with httpx2.AsyncClient(headers=platform.headers, timeout=httpx2.Timeout(10, read=60)) as http:
        transport = streamable_http_client(f"{platform.url}/mcp{query}", http_client=http)
        async with Client(transport, mode=era) as client:
            yield client


@pytest.fixture(scope="module")
def tools(clients: Clients) -> dict[str, Any]:
    listed = clients.portal.call(clients.of["legacy"].list_tools)
    return {tool.name: tool for tool in listed.tools}


def test_the_table_keeps_its_rules() -> None:
    assert table.defects(table.operations()) == []


def test_every_operation_has_a_case() -> None:
    assert {case.name for case in CASES} == set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_every_surface_takes_the_same_fields(tools: dict[str, Any], operation: Operation) -> None:
    fields = set(operation.request.model_fields)
    item = DOCUMENT["paths"]["/api/v1" + operation.route.path.replace(":path}", "}")][operation.route.method.lower()]
    body = item.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    over_rest = {one["name"] for one in item["parameters"] if one["in"] != "header"} | set(body.get("properties", {}))

    over_mcp = set(tools[operation.name].input_schema["properties"])
    in_attctl = {parameter.name for parameter in SPECS[operation.name].parameters}
    assert over_rest == fields
    assert over_mcp - {"confirmation_id"} == (fields - {"follow"} if operation.kind is Kind.STREAM else fields)
    assert ("confirmation_id" in over_mcp) is (operation.effect is Effect.DESTROY)
    assert in_attctl == fields


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_surface_gives_the_same_result_or_error(
    sent: Sender, case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    ended, result = sent.rest(case)
    assert ended == case.ends, result
    for surface, (other, found) in {era: sent.mcp(case, era) for era in ERAS}.items():
        assert other == ended, (surface, found)
        compare(case, result, found)
    other, found, exit_code = sent.attctl(case, capsys)
    assert other == ended, found
    if ended == "ok":
        compare(case, result, found)
    else:
        assert exit_code == (2 if result["status"] in (400, 413, 422) else 4)
        if exit_code == 4:  # what attctl itself finds wrong with its arguments it says in its own words
            assert found["detail"].startswith(result["detail"])
            assert found["hint"] == " ".join(result["hint"].split())


def compare(case: Case, one: Any, other: Any) -> None:
    if case.ends != "ok":
        told = {name: one.get(name) for name in ("code", "detail", "hint", "field", "status")}
        assert {name: other.get(name) for name in told} == told
    elif case.stable:
        assert other == one
    else:
        assert shape(other) == shape(one)
