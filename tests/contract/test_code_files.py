"""The files of a project as a client meets them, over REST and MCP; real sandbox, real agent."""

import json
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest
from tests.contract.conftest import Running
from tests.contract.test_operations import mcp_session

PROJECT = "/api/v1/projects/code-files"

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def files(platform: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=platform.url, headers=platform.headers, timeout=60) as http:
        made = http.post("/api/v1/projects", json={"name": "Code Files", "template": "chatbot"})
        assert made.status_code == 201, made.text
        yield http
        confirmed(http, PROJECT)


def confirmed(http: httpx.Client, address: str) -> httpx.Response:
    confirmation = http.delete(address).json()["data"]["confirmation_id"]
    return http.delete(address, headers={"X-Confirmation-Id": confirmation})


def test_a_file_is_written_read_moved_and_deleted(files: httpx.Client) -> None:
    written = files.put(f"{PROJECT}/files/docs/a%20b/n%C3%B6te.md", json={"content": "one\n", "expected": "absent"})
    assert (written.status_code, written.json()["path"]) == (200, "docs/a b/nöte.md")
    read = files.get(f"{PROJECT}/files/docs/a%20b/n%C3%B6te.md").json()
    assert (read["content"], read["sha256"]) == ("one\n", written.json()["sha256"])

    stale = files.put(f"{PROJECT}/files/docs/a b/nöte.md", json={"content": "two\n", "expected": "0" * 64})
    assert (stale.status_code, stale.json()["code"]) == (409, "file_changed")
    assert stale.json()["data"]["actual"] == read["sha256"]

    assert "+one\n" in files.get(f"{PROJECT}/code/diff").json()["diff"]
    moved = files.post(f"{PROJECT}/code/move", json={"path": "docs/a b/nöte.md", "target": "note.md"})
    assert moved.status_code == 200
    assert confirmed(files, f"{PROJECT}/files/note.md").json() == {"path": "note.md"}
    assert files.get(f"{PROJECT}/files/note.md").json()["code"] == "file_unknown"


@pytest.mark.parametrize("path", ["%2e%2e/x", "src/%2e%2e/%2e%2e/x", "..%2f..%2fx", "%2fetc/passwd", "/etc/passwd"])
def test_a_path_that_leads_out_is_refused_however_it_is_written(files: httpx.Client, path: str) -> None:
    refused = files.get(f"{PROJECT}/files/{path}")
    assert (refused.status_code, refused.json()["code"]) == (403, "path_outside")


def test_the_tree_is_an_operation_and_a_resource(files: httpx.Client, platform: Running) -> None:
    listed = files.get(f"{PROJECT}/files").json()
    assert "configs/config.yml" in {entry["path"] for entry in listed["entries"]}

    async def read() -> Any:
        async with mcp_session(platform, "2026-07-28") as client:
            return (await client.read_resource("att://project/code-files/files")).contents[0]

    assert json.loads(anyio.run(read).text) == listed


def test_the_default_tools_write_read_search_and_compare(files: httpx.Client, platform: Running) -> None:
    async def work() -> list[Any]:
        async with mcp_session(platform, "legacy", query="") as client:
            project = {"project_id": "code-files"}
            calls: list[tuple[str, dict[str, Any]]] = [
                ("att.code.write", {"path": "agent.txt", "content": "a needle\n"}),
                ("att.code.read", {"path": "agent.txt"}),
                ("att.code.search", {"query": "needle"}),
                ("att.code.diff", {"paths": ["agent.txt"]}),
            ]
            return [(await client.call_tool(name, {**project, **values})).structured_content for name, values in calls]

    written, read, found, compared = anyio.run(work)
    assert (written["created"], read["content"]) == (True, "a needle\n")
    assert [(match["path"], match["line"]) for match in found["matches"]] == [("agent.txt", 1)]
    assert [file["path"] for file in compared["files"]] == ["agent.txt"]
