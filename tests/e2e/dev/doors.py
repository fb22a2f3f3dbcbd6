"""The doors of a running `make dev`: attctl as a program, and an MCP client of the official SDK."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

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
        self._url = f"{url}/mcp?tools=all"
        self._headers = {"Authorization": f"Bearer {token}"}

    def do(self, name: str, /, **values: Any) -> Any:
        """See `Door`."""
        operation = OPERATIONS[name]
        result = anyio.run(self._called, name, values)
        if operation.kind is Kind.JOB:
            return self._ended(result["job_id"])
        return result["items"] if operation.kind is Kind.STREAM else result

    def _ended(self, job_id: str) -> Any:
        deadline = time.monotonic() + JOB_SECONDS
        while time.monotonic() < deadline:
            job = anyio.run(self._called, "att.job.show", {"job_id": job_id, "wait_seconds": 20})
            if job["state"] in ("succeeded", "failed", "cancelled"):
                if job["problem"]:
                    raise Said(job["problem"]["code"], job["problem"]["detail"])
                return job["result"]
        raise AssertionError(f"{job_id} did not end in {JOB_SECONDS} s")

    async def _called(self, name: str, values: dict[str, Any]) -> Any:
        async with httpx2.AsyncClient(headers=self._headers, timeout=httpx2.Timeout(30, read=JOB_SECONDS)) as http:
            transport = streamable_http_client(self._url, http_client=http)
            async with Client(transport, mode="2026-07-28") as client:
                result = await client.call_tool(name, values)
                if result.is_error and OPERATIONS[name].effect is Effect.DESTROY:
                    confirmation = _content(result)["data"].get("confirmation_id")
                    result = await client.call_tool(name, {**values, "confirmation_id": confirmation})
        if result.is_error:
            raise Said(_content(result)["code"], _content(result)["detail"])
        return result.structured_content


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
