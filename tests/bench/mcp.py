"""What ATT adds to a call over MCP: `att.project.status` against a tool of the bare SDK server, in one run.

Both are processes of their own on loopback, asked in turn by the SDK's client, so that what else the machine does
meets both; the peer has the same tool with the same schemas and gives the same answer. Beside the time the processor
time of each server is taken, which a busy machine changes least.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from tests.bench.processes import cpu_seconds_of
from tests.bench.table import Row
from tests.e2e.dev.service import Dev, development

TOOL = "att.project.status"
WARM_UP, CALLS = 50, 500
BOUND_MS = 2.0
ERAS = {"2026-07-28": "2026-07-28", "legacy": "2025-11-25, in a session"}
PEER = "the SDK's server"


@dataclass
class _Asked:
    """One server in the measurement."""

    client: Client
    pid: int
    arguments: dict[str, Any]
    milliseconds: list[float] = field(default_factory=list)
    cpu_before: float = 0.0

    async def ask(self) -> None:
        before = time.perf_counter()
        result = await self.client.call_tool(TOOL, self.arguments)
        self.milliseconds.append(1000 * (time.perf_counter() - before))
        if result.is_error:
            raise RuntimeError(f"the call failed: {result.content}")

    def begin(self) -> None:
        self.milliseconds.clear()
        self.cpu_before = cpu_seconds_of(self.pid)

    @property
    def median(self) -> float:
        return statistics.median(self.milliseconds)

    @property
    def cpu_ms(self) -> float:
        return 1000 * (cpu_seconds_of(self.pid) - self.cpu_before) / len(self.milliseconds)


def status() -> list[Row]:
    """Return a row of time and one of processor time for each era of the protocol."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, development(Path(folder)) as dev:
        return [row for era in ERAS for row in anyio.run(_measured, dev, era)]


async def _measured(dev: Dev, era: str) -> list[Row]:
    async with AsyncExitStack() as stack:
        ours = await _client(stack, f"{dev.url}/mcp", era, dev.headers)
        project = await _project(ours)
        arguments = {"project_id": project}
        tool = next(tool for tool in (await ours.list_tools()).tools if tool.name == TOOL)
        answer = (await ours.call_tool(TOOL, arguments)).structured_content
        peer = stack.enter_context(_bare({"tool": tool.model_dump(mode="json", by_alias=True), "answer": answer}))
        theirs = await _client(stack, f"http://127.0.0.1:{peer.port}/mcp", era, {})
        both = _Asked(ours, dev.pid, arguments), _Asked(theirs, peer.pid, arguments)
        for calls in (WARM_UP, CALLS):
            for one in both:
                one.begin()
            for _ in range(calls):
                for one in both:
                    await one.ask()
        return _rows(*both, era)


def _rows(ours: _Asked, theirs: _Asked, era: str) -> list[Row]:
    how = f"{CALLS} calls after {WARM_UP}, in turn, MCP {ERAS[era]}"
    return [
        Row(
            f"{TOOL} over MCP, beyond its peer",
            f"{ours.median - theirs.median:.2f} ms",
            f"{BOUND_MS:g} ms",
            f"{PEER}: {theirs.median:.2f} ms",
            f"{ours.median / theirs.median:.2f}",
            f"median {ours.median:.2f} ms, {how}",
        ),
        Row(
            f"{TOOL} over MCP, processor beyond its peer",
            f"{ours.cpu_ms - theirs.cpu_ms:.2f} ms",
            "",
            f"{PEER}: {theirs.cpu_ms:.2f} ms",
            f"{ours.cpu_ms / theirs.cpu_ms:.2f}",
            f"user and system time of the server a call, {how}",
        ),
    ]


async def _client(stack: AsyncExitStack, url: str, era: str, headers: dict[str, str]) -> Client:
    http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(10, read=60)))
    return await stack.enter_async_context(Client(streamable_http_client(url, http_client=http), mode=era))


async def _project(client: Client) -> str:
    found = (await client.call_tool("att.project.list", {})).structured_content
    if not found or not found["projects"]:
        await client.call_tool("att.project.create", {"name": "measured", "template": "chatbot"})
        found = (await client.call_tool("att.project.list", {})).structured_content
    return str((found or {})["projects"][0]["id"])


@dataclass(frozen=True)
class _Peer:
    port: int
    pid: int


@contextmanager
def _bare(said: dict[str, Any]) -> Iterator[_Peer]:
    command = [sys.executable, "-m", "tests.bench.bare_mcp"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the peer needs pipes")
        process.stdin.write(json.dumps(said) + "\n")
        process.stdin.flush()
        yield _Peer(json.loads(process.stdout.readline())["port"], process.pid)
        process.stdin.close()
