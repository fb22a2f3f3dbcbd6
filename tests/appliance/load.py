"""A client that never stops asking while an appliance is upgraded, and says exactly what it was answered.

Run as a program inside the appliance's network namespace. It prints `ready` when its imports are done, obeys lines on
standard input (`follow JOB`, `stop`) and prints one JSON report at the end. Every request is a new connection.
Acknowledged writes are checked by a count at the end: none lost, none twice.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import ssl
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import httpx2
import websockets
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

TIMEOUT_SECONDS = 60.0
PIECE_BYTES = 250_000


@dataclass
class Report:
    """What was seen. `statuses` counts answers by kind and status; `errors` what ended without an answer."""

    statuses: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    longest_wait_seconds: float = 0.0
    writes_acknowledged: int = 0
    writes_lost: list[str] = field(default_factory=list)
    writes_twice: list[str] = field(default_factory=list)
    websocket_events: int = 0
    websocket_connects: int = 0
    websocket_out_of_order: int = 0
    log_lines: int = 0
    log_connects: int = 0
    mcp_calls: int = 0
    mcp_sessions: int = 0
    upload: str = "not asked"
    upload_connects: int = 0
    assets: Counter[str] = field(default_factory=Counter)


class Load:
    """Everything that is kept open or repeated against one appliance."""

    def __init__(self, url: str, token: str, *, rate: float, upload_bytes: int, prefix: str) -> None:
        self.url = url
        self.token = token
        self.rate = rate
        self.upload_bytes = upload_bytes
        self.prefix = prefix
        self.report = Report()
        self.acknowledged: set[str] = set()
        self.stopping = asyncio.Event()
        self.tls = ssl.create_default_context()
        self.tls.check_hostname = False
        self.tls.verify_mode = ssl.CERT_NONE

    def client(self) -> httpx.AsyncClient:
        """A client whose connections are not kept, so that each request meets the appliance as it is now."""
        return httpx.AsyncClient(
            base_url=self.url,
            verify=self.tls,
            timeout=TIMEOUT_SECONDS,
            headers={"Authorization": f"Bearer {self.token}"},
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
        )

    async def requests(self) -> None:
        """GET and POST in turn at the rate, never waiting for the answer before the next."""
        number = 0
        async with self.client() as client, asyncio.TaskGroup() as group:
            while not self.stopping.is_set():
                number += 1
                group.create_task(self.write(client, number) if number % 2 else self.read(client))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.stopping.wait(), 1 / self.rate)

    async def read(self, client: httpx.AsyncClient) -> None:
        await self.ask("GET", client.get("/api/v1/auth/me"))

    async def write(self, client: httpx.AsyncClient, number: int) -> None:
        name = f"{self.prefix}-{number}"
        body = {"name": name, "role": "viewer", "kind": "agent", "expires_days": 1}
        response = await self.ask("POST", client.post("/api/v1/tokens", json=body))
        if response is not None and response.is_success:
            self.acknowledged.add(name)

    async def ask(self, kind: str, call: Awaitable[httpx.Response]) -> httpx.Response | None:
        started = time.monotonic()
        try:
            response = await call
        except httpx.HTTPError as error:
            self.report.errors[f"{kind} {type(error).__name__}: {error}"] += 1
            return None
        finally:
            waited = time.monotonic() - started
            self.report.longest_wait_seconds = max(self.report.longest_wait_seconds, waited)
        self.report.statuses[f"{kind} {response.status_code}"] += 1
        return response

    async def websocket(self) -> None:
        """Follow the events, resuming from the last cursor after each loss."""
        cursor = ""
        base = self.url.replace("http", "ws", 1) + "/api/v1/events"
        tls = self.tls if base.startswith("wss") else None
        while not self.stopping.is_set():
            try:
                async with websockets.connect(
                    base + (f"?cursor={cursor}" if cursor else ""),
                    additional_headers={"Authorization": f"Bearer {self.token}"},
                    proxy=None,
                    ssl=tls,
                ) as socket:
                    self.report.websocket_connects += 1
                    async for frame in socket:
                        cursor = self.take_events(json.loads(frame), cursor)
            except (OSError, websockets.WebSocketException):
                await asyncio.sleep(0.2)

    def take_events(self, frame: dict[str, Any], cursor: str) -> str:
        events: list[dict[str, Any]] = frame.get("events", [frame])
        for event in events:
            if "cursor" not in event:
                continue
            if cursor and int(event["cursor"]) <= int(cursor):
                self.report.websocket_out_of_order += 1
            cursor = str(event["cursor"])
            self.report.websocket_events += 1
        return cursor

    async def follow(self, job: str) -> None:
        """Follow a job's log as server-sent events to its end, resuming by the last event id."""
        last = ""
        while not self.stopping.is_set():
            try:
                async with self.client() as client:
                    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
                    path = f"/api/v1/jobs/{job}/log?follow=true"
                    async with client.stream("GET", path, headers=headers) as response:
                        self.report.log_connects += 1
                        async for line in response.aiter_lines():
                            if line.startswith("id:"):
                                last = line[3:].strip()
                                self.report.log_lines += 1
            except httpx.HTTPError as error:
                self.report.errors[f"log, resumed: {type(error).__name__}"] += 1
            await asyncio.sleep(0.2)

    async def mcp(self) -> None:
        """Keep an MCP session and call a tool in it each half second; a lost session is opened again."""
        while not self.stopping.is_set():
            headers = {"Authorization": f"Bearer {self.token}"}
            try:
                async with (
                    httpx2.AsyncClient(verify=self.tls, headers=headers, timeout=TIMEOUT_SECONDS) as client,
                    streamable_http_client(self.url + "/mcp", http_client=client) as streams,
                    ClientSession(streams[0], streams[1]) as session,
                ):
                    await session.initialize()
                    self.report.mcp_sessions += 1
                    while not self.stopping.is_set():
                        await session.call_tool("att.status", {})
                        self.report.mcp_calls += 1
                        await asyncio.sleep(0.5)
            except* Exception as group:  # noqa: BLE001 - whatever ends a session is counted, then a new one is opened
                self.report.errors[f"mcp, reopened: {type(group.exceptions[0]).__name__}"] += 1
                await asyncio.sleep(0.2)

    async def upload(self) -> None:
        """Send one file slowly enough to span the upgrade, going on where a break left it; compare the digest."""
        whole = b"".join(bytes([number % 251]) * PIECE_BYTES for number in range(self.upload_bytes // PIECE_BYTES))
        async with self.client() as client:
            created = await client.post("/api/v1/uploads", headers={"Upload-Complete": "?0"})
            path = f"/api/v1/uploads/{created.json()['upload']}"
            self.report.upload = "unfinished"
            while self.report.upload == "unfinished":
                try:
                    self.report.upload_connects += 1
                    offset = (await client.get(path)).json()["bytes"]
                    headers = {"Upload-Offset": str(offset), "Content-Length": str(len(whole) - offset)}
                    answer = await client.patch(path, content=_slowly(whole, offset), headers=headers)
                    if answer.is_success:
                        same = answer.json()["sha256"] == hashlib.sha256(whole).hexdigest()
                        self.report.upload = "complete" if same else "another digest"
                except httpx.HTTPError:
                    await asyncio.sleep(0.2)

    async def page(self) -> None:
        """Load the assets that the page named at the start, over and over."""
        async with self.client() as client:
            index = (await client.get("/")).text
            assets = [part.split('"')[0] for part in index.split('"/')[1:] if part.startswith("assets/")]
            while assets and not self.stopping.is_set():
                for asset in assets:
                    with contextlib.suppress(httpx.HTTPError):
                        self.report.assets[str((await client.get("/" + asset)).status_code)] += 1
                await asyncio.sleep(0.5)

    async def count(self) -> None:
        """Compare what was acknowledged with what the database holds."""
        async with self.client() as client:
            tokens = (await client.get("/api/v1/tokens")).json()["tokens"]
        names = Counter(token["name"] for token in tokens)
        self.report.writes_acknowledged = len(self.acknowledged)
        self.report.writes_lost = sorted(self.acknowledged - set(names))
        self.report.writes_twice = sorted(n for n, times in names.items() if times > 1 and n.startswith(self.prefix))

    async def run(self, *, everything: bool) -> Report:
        tasks = [asyncio.create_task(self.requests())]
        if everything:
            tasks += [asyncio.create_task(kept()) for kept in (self.websocket, self.mcp, self.page)]
            tasks.append(asyncio.create_task(self.upload()))
        async for line in _lines():
            word, _, argument = line.partition(" ")
            if word == "follow":
                tasks.append(asyncio.create_task(self.follow(argument)))
            if word == "stop":
                break
        self.stopping.set()
        _, late = await asyncio.wait(tasks, timeout=TIMEOUT_SECONDS / 6)
        for task in late:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome
        await self.count()
        return self.report


async def _slowly(whole: bytes, offset: int) -> AsyncIterator[bytes]:
    for start in range(offset, len(whole), PIECE_BYTES):
        yield whole[start : start + PIECE_BYTES]
        await asyncio.sleep(0.1)


async def _lines() -> AsyncIterator[str]:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line.decode().strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="https://127.0.0.1:7443")
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second")
    parser.add_argument("--upload-bytes", type=int, default=50_000_000)
    parser.add_argument("--prefix", default="load", help="of the names of the tokens it writes")
    parser.add_argument("--requests-only", action="store_true")
    given = parser.parse_args()
    token = given.token_file.read_text().strip()
    load = Load(given.url, token, rate=given.rate, upload_bytes=given.upload_bytes, prefix=given.prefix)
    print("ready", flush=True)
    report = asyncio.run(load.run(everything=not given.requests_only))
    print(json.dumps(vars(report)))


if __name__ == "__main__":
    main()
