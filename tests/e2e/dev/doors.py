"""The doors of a running ATT: attctl as a program, an MCP client of the official SDK, and REST."""

import json
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import anyio
import httpx
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from tests.e2e.dev.service import Dev

from att.kernel.operation import Effect, Kind, Operation
from att.surfaces import table
from att.surfaces.cli.index import Spec, specs

OPERATIONS = {operation.name: operation for operation in table.operations()}
SPECS = {spec.name: spec for spec in specs().values()}
JOB_SECONDS = 600.0
_PLACE = re.compile(r"{(\w+)(:path)?}")


Do = Callable[..., Any]
"""`Door.do`, or a part of it."""


class Said(Exception):
    """A door answered with an error: `code` is its stable code."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


class Door(Protocol):
    """One way in."""

    def do(self, name: str, /, **values: Any) -> Any:
        """Call an operation; a job is waited for, a stream read to its present end. Raises Said."""


class Attctl:
    """The command line, one process a call."""

    def __init__(self, url: str, token_file: Path, folder: Path) -> None:
        self._common = ["--url", url, "--token-file", str(token_file), "--format", "json"]
        self._folder = folder

    def do(self, name: str, /, **values: Any) -> Any:
        """See `Door`."""
        spec = SPECS[name]
        command = [sys.executable, "-m", "att.entrypoints.attctl", *spec.words, *self._arguments(spec, values)]
        command += ["--wait"] if spec.kind == "job" else []
        command += ["--yes"] if spec.effect == "destroy" else []
        done = subprocess.run(
            [*command, *self._common], capture_output=True, encoding="utf-8", timeout=JOB_SECONDS, check=False
        )
        if "error[" in done.stderr:
            code, _, detail = done.stderr.split("error[", 1)[1].partition("]: ")
            raise Said(code, detail)
        if spec.kind == "stream":
            return [json.loads(line) for line in done.stdout.splitlines()]
        return json.loads(done.stdout)

    def _arguments(self, spec: Spec, values: dict[str, Any]) -> list[str]:
        arguments: list[str] = []
        for parameter in sorted(spec.parameters, key=lambda one: not one.argument):
            if parameter.name not in values:
                continue
            value, flag = values[parameter.name], "--" + parameter.name.replace("_", "-")
            if parameter.type == "boolean":
                arguments.append(flag if value else flag.replace("--", "--no-", 1))
                continue
            if parameter.type == "text":
                file = self._folder / "text"
                file.write_text(value, encoding="utf-8")
                value = file
            each: Sequence[Any] = value if isinstance(value, list) else [value]
            arguments += [word for one in each for word in (*([] if parameter.argument else [flag]), str(one))]
        return arguments


class Mcp:
    """The tools, each call in a session of its own; nothing but MCP is spoken."""

    def __init__(self, url: str, token: str) -> None:
        # The certificate of an appliance is its own; its fingerprint is another test's.
        self._client = partial(httpx2.AsyncClient, verify=not url.startswith("https:"))
        self._url = f"{url}/mcp?tools=all"
        self._headers = {"Authorization": f"Bearer {token}"}

    def do(self, name: str, /, **values: Any) -> Any:
        """See `Door`."""
        operation = OPERATIONS[name]
        result = anyio.run(self._called, name, values)
        if operation.kind is Kind.JOB:
            return ended(self.do, result["job_id"])
        return result["items"] if operation.kind is Kind.STREAM else result

    def begin(self, name: str, /, **values: Any) -> str:
        """Begin a job; returns its id."""
        return str(anyio.run(self._called, name, values)["job_id"])

    def ended(self, job_id: str) -> Any:
        """Wait for a job; returns its result."""
        return ended(self.do, job_id)

    def tools(self) -> list[str]:
        """The names of all tools."""
        return anyio.run(self._named)

    async def _named(self) -> list[str]:
        async with self._session() as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Client]:
        async with self._client(headers=self._headers, timeout=httpx2.Timeout(30, read=JOB_SECONDS)) as http:
            transport = streamable_http_client(self._url, http_client=http)
            async with Client(transport, mode="2026-07-28") as client:
                yield client

    async def _called(self, name: str, values: dict[str, Any]) -> Any:
        async with self._session() as client:
            result = await client.call_tool(name, values)
            if result.is_error and OPERATIONS[name].effect is Effect.DESTROY:
                confirmation = _content(result)["data"].get("confirmation_id")
                result = await client.call_tool(name, {**values, "confirmation_id": confirmation})
        if result.is_error:
            raise Said(_content(result)["code"], _content(result)["detail"])
        return result.structured_content


class Rest:
    """The routes below `/api/v1`."""

    def __init__(self, url: str, token: str) -> None:
        self._client = partial(
            httpx.Client,
            base_url=f"{url}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            verify=not url.startswith("https:"),
            timeout=60,
            trust_env=False,
        )

    def do(self, name: str, /, **values: Any) -> Any:
        """See `Door`."""
        operation = OPERATIONS[name]
        assert operation.route is not None
        path = _PLACE.sub(
            lambda found: quote(str(values.pop(found[1])), safe="/" if found[2] else ""), operation.route.path
        )
        sent: dict[str, Any] = {"params": values} if operation.route.method in ("GET", "DELETE") else {"json": values}
        with self._client() as http:
            answer = http.request(operation.route.method, path, **sent)
        told = answer.json()
        if not answer.is_success:
            raise Said(told["code"], told["detail"])
        return ended(self.do, told["job_id"]) if operation.kind is Kind.JOB else told

    def status(self, method: str, path: str) -> int:
        """Ask for a path that need be no operation's; returns the status of the answer."""
        with self._client() as http:
            return int(http.request(method, path).status_code)


def ended(do: "Do", job_id: str) -> Any:
    """Wait for a job through a door and return its result; raises Said with its problem."""
    deadline = time.monotonic() + JOB_SECONDS
    while time.monotonic() < deadline:
        job = do("att.job.show", job_id=job_id, wait_seconds=20)
        if job["state"] in ("succeeded", "failed", "cancelled"):
            if job["problem"]:
                raise Said(job["problem"]["code"], job["problem"]["detail"])
            return job["result"]
    raise AssertionError(f"{job_id} did not end in {JOB_SECONDS} s")


def _content(result: Any) -> dict[str, Any]:
    found: dict[str, Any] = result.structured_content
    return found


def operation(name: str) -> Operation:
    """Return the definition of an operation."""
    return OPERATIONS[name]


def ready(url: str) -> bool:
    """Whether the platform answers that it can do its work."""
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def attctl(dev: Dev, folder: Path, token: str) -> Door:
    """Return the command line's door of a served ATT; `folder` is made for what it writes."""
    folder.mkdir()
    (folder / "token").write_text(token)
    return Attctl(dev.url, folder / "token", folder)


def mcp(dev: Dev, _: Path, token: str) -> Door:
    """Return the MCP client's door of a served ATT."""
    return Mcp(dev.url, token)
