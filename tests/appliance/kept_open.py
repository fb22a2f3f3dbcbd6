"""What a client keeps open through upgrades: a WebSocket, job logs, an MCP session, uploads, a browser's page.

Each says at the end how often it had to connect and whether anything is missing, doubled or out of order.
"""

import asyncio
import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import websockets
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

if TYPE_CHECKING:
    from tests.appliance.load import Load

UPLOAD_BYTES = 50_000_000
PIECE_BYTES = 250_000
TIMEOUT_SECONDS = 60.0
RETRY_SECONDS = 0.2
CALL_SECONDS = 0.5


class KeptOpen:
    """Everything that one client of `load` holds on to."""

    def __init__(self, load: "Load") -> None:
        self.load = load
        self.seen = load.report.kept_open
        self.events: list[str] = []
        self.logs: dict[str, list[str]] = {}
        self.seen |= {"websocket": Counter(), "mcp": Counter(), "logs": {}, "uploads": [], "assets": Counter()}

    def socket(self, cursor: str) -> Any:
        base = self.load.url.replace("http", "ws", 1) + "/api/v1/events"
        return websockets.connect(
            base + (f"?cursor={cursor}" if cursor else ""),
            additional_headers={"Authorization": f"Bearer {self.load.token}"},
            proxy=None,
            ssl=self.load.tls,
        )

    async def websocket(self) -> None:
        """Follow the events, resuming from the last cursor after each loss."""
        while not self.load.stopping.is_set():
            try:
                async with self.socket(self.events[-1] if self.events else "") as socket:
                    self.seen["websocket"]["connects"] += 1
                    while not self.load.stopping.is_set():
                        with contextlib.suppress(TimeoutError):
                            self.take(json.loads(await asyncio.wait_for(socket.recv(), 1)))
            except websockets.ConnectionClosed as closed:
                self.seen["websocket"][f"closed {closed.rcvd.code if closed.rcvd else 'without a word'}"] += 1
            except (OSError, websockets.WebSocketException) as error:
                self.seen["websocket"][f"not opened: {type(error).__name__}"] += 1
                await asyncio.sleep(RETRY_SECONDS)

    def take(self, frame: dict[str, Any]) -> None:
        for event in frame["events"]:
            self.seen["websocket"]["gaps"] += event["event_type"] == "gap"
            self.events.append(str(event["cursor"]))

    async def follow(self, job: str) -> None:
        """Follow a job's log as server-sent events to its end, resuming by the last event id."""
        lines = self.logs[job] = []
        about: Counter[str] = Counter()
        self.seen["logs"][job] = about
        while not about["ended"]:
            try:
                async with self.load.client() as client:
                    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": lines[-1]} if lines else {})
                    path = f"/api/v1/jobs/{job}/log?follow=true"
                    async with client.stream("GET", path, headers=headers) as response:
                        about["connects"] += 1
                        async for line in response.aiter_lines():
                            word, _, value = line.partition(": ")
                            if word == "id":
                                lines.append(value)
                            if word == "event":
                                about["ended" if value == "end" else value] += 1
            except httpx.HTTPError as error:
                about[f"broken: {type(error).__name__}"] += 1
            await asyncio.sleep(RETRY_SECONDS)

    async def mcp(self) -> None:
        """Keep an MCP session and call a tool in it each half second; a lost session is opened again."""
        headers, counts = {"Authorization": f"Bearer {self.load.token}"}, self.seen["mcp"]
        while not self.load.stopping.is_set():
            try:
                async with (
                    httpx2.AsyncClient(verify=self.load.tls, headers=headers, timeout=TIMEOUT_SECONDS) as client,
                    streamable_http_client(self.load.url + "/mcp", http_client=client) as streams,
                    ClientSession(streams[0], streams[1]) as session,
                ):
                    await session.initialize()
                    counts["sessions"] += 1
                    while not self.load.stopping.is_set():
                        result = await session.call_tool("att.status", {})
                        counts["failed calls" if result.is_error else "calls"] += 1
                        await asyncio.sleep(CALL_SECONDS)
            except* Exception as group:  # noqa: BLE001 - whatever ends a session is counted, then a new one is opened
                counts[f"lost: {type(group.exceptions[0]).__name__}"] += 1
                await asyncio.sleep(RETRY_SECONDS)

    async def upload(self, _: str) -> None:
        """Send one file slowly enough to span an upgrade, going on where a break left it; compare the digest."""
        whole = b"".join(bytes([number % 251]) * PIECE_BYTES for number in range(UPLOAD_BYTES // PIECE_BYTES))
        about: dict[str, Any] = {"bytes": len(whole), "connects": 0, "resumed_at": [], "state": "unfinished"}
        self.seen["uploads"].append(about)
        async with self.load.client() as client:
            created = await client.post("/api/v1/uploads", headers={"Upload-Complete": "?0"})
            path = f"/api/v1/uploads/{created.json()['upload']}"
            while about["state"] == "unfinished":
                with contextlib.suppress(httpx.HTTPError):
                    about["connects"] += 1
                    offset = (await client.get(path)).json()["bytes"]
                    about["resumed_at"] += [offset] if offset else []
                    headers = {"Upload-Offset": str(offset), "Content-Length": str(len(whole) - offset)}
                    answer = await client.patch(path, content=_slowly(whole, offset), headers=headers)
                    if answer.is_success:
                        same = answer.json()["sha256"] == hashlib.sha256(whole).hexdigest()
                        about["state"] = "complete" if same else "another digest"
                await asyncio.sleep(RETRY_SECONDS)

    async def page(self) -> None:
        """Load the assets that the page named at the start, over and over."""
        async with self.load.client() as client:
            index = (await client.get("/")).text
            assets = [part.split('"')[0] for part in index.split('"/')[1:] if part.startswith("assets/")]
            while not self.load.stopping.is_set():
                for asset in assets:
                    self.seen["assets"][await self.asset(client, asset)] += 1
                await asyncio.sleep(CALL_SECONDS)

    async def asset(self, client: httpx.AsyncClient, asset: str) -> str:
        try:
            return str((await client.get("/" + asset)).status_code)
        except httpx.HTTPError as error:
            return type(error).__name__

    async def compare(self) -> None:
        """Hold what came in pieces against what the appliance says was there."""
        counts = self.seen["websocket"]
        counts["events"] = len(self.events)
        counts["out of order"] = sum(int(b) <= int(a) for a, b in zip(self.events, self.events[1:], strict=False))
        counts["missing"] = len(set(await self.history()) - set(self.events))
        async with self.load.client() as client:
            for job, lines in self.logs.items():
                whole = (await client.get(f"/api/v1/jobs/{job}/log")).text.splitlines()
                cursors = [str(found["cursor"]) for line in whole if "cursor" in (found := json.loads(line or "{}"))]
                self.seen["logs"][job].update({"lines": len(lines), "wrong lines": int(lines != cursors)})

    async def history(self) -> list[str]:
        """The events between the first and the last that were seen, read again in one go."""
        if len(self.events) < 2:
            return []
        found = [self.events[0]]
        async with self.socket(self.events[0]) as socket:
            while int(found[-1]) < int(self.events[-1]):
                frame = json.loads(await asyncio.wait_for(socket.recv(), TIMEOUT_SECONDS))
                found += [str(event["cursor"]) for event in frame["events"]]
        return [cursor for cursor in found if int(cursor) <= int(self.events[-1])]


async def _slowly(whole: bytes, offset: int) -> AsyncIterator[bytes]:
    for start in range(offset, len(whole), PIECE_BYTES):
        yield whole[start : start + PIECE_BYTES]
        await asyncio.sleep(0.1)
