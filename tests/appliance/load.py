"""A client that never stops asking while an appliance is upgraded, and says exactly what it was answered.

Run as a program inside the appliance's network namespace. It prints `ready` when its imports are done, obeys lines on
standard input (`follow JOB`, `upload`, `stop`) and prints one JSON report at the end. Every request is a new
connection. Acknowledged writes are checked by a count at the end: none lost, none twice.
"""

import argparse
import asyncio
import contextlib
import json
import ssl
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from tests.appliance.kept_open import KeptOpen

TIMEOUT_SECONDS = 60.0
ENDING_SECONDS = 60.0
SOCKET_SECONDS = 0.25


@dataclass
class Report:
    """What was seen. `statuses` counts answers by kind and status; `errors` what ended without an answer."""

    statuses: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    unavailable: Counter[str] = field(default_factory=Counter)
    """Codes of the answers 503."""
    longest_wait_seconds: float = 0.0
    acknowledged: list[str] = field(default_factory=list)
    fenced: list[str] = field(default_factory=list)
    """Names whose write was answered with `write_fenced`: they must not be there."""
    writes_acknowledged: int = 0
    writes_lost: list[str] = field(default_factory=list)
    writes_twice: list[str] = field(default_factory=list)
    socket_connects: int = 0
    socket_refused: Counter[str] = field(default_factory=Counter)
    kept_open: dict[str, Any] = field(default_factory=dict)


class Load:
    """Asks one appliance at a rate, and once more at the end what became of it."""

    def __init__(self, url: str, token: str, *, rate: float, prefix: str, told: Path | None = None) -> None:
        self.url = url
        self.token = token
        self.rate = rate
        self.prefix = prefix
        self.told = told
        self.report = Report()
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
                await self.pause(1 / self.rate)

    async def pause(self, seconds: float) -> None:
        """Wait, but not longer than until the end."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    async def read(self, client: httpx.AsyncClient) -> None:
        await self.ask("GET", client.get("/api/v1/auth/me"))

    async def write(self, client: httpx.AsyncClient, number: int) -> None:
        name = f"{self.prefix}-{number}"
        body = {"name": name, "role": "viewer", "kind": "agent", "expires_days": 1}
        response = await self.ask("POST", client.post("/api/v1/tokens", json=body))
        if response is None:
            return
        if response.is_success:
            self.acknowledge(name)
        elif response.status_code == 503 and _code(response) == "write_fenced":
            self.report.fenced.append(name)

    def acknowledge(self, name: str) -> None:
        self.report.acknowledged.append(name)
        if self.told is not None:
            with self.told.open("a") as file:
                file.write(name + "\n")

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
        if response.status_code == 503:
            self.report.unavailable[f"{kind} {_code(response)}"] += 1
        return response

    async def connect(self, path: Path) -> None:
        """Connect to a socket of the appliance over and over: it may make one wait, but never refuse."""
        while not self.stopping.is_set():
            try:
                _, writer = await asyncio.open_unix_connection(path)
            except OSError as error:
                self.report.socket_refused[f"{path.name} {type(error).__name__}"] += 1
            else:
                self.report.socket_connects += 1
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
            await self.pause(SOCKET_SECONDS)

    async def count(self) -> None:
        """Compare what was acknowledged with what the appliance lists."""
        async with self.client() as client:
            tokens = (await client.get("/api/v1/tokens")).json()["tokens"]
        names = Counter(token["name"] for token in tokens)
        self.report.writes_acknowledged = len(self.report.acknowledged)
        self.report.writes_lost = sorted(set(self.report.acknowledged) - set(names))
        self.report.writes_twice = sorted(n for n, times in names.items() if times > 1 and n.startswith(self.prefix))

    async def run(self, sockets: list[Path], *, everything: bool) -> Report:
        tasks = [asyncio.create_task(self.requests())]
        tasks += [asyncio.create_task(self.connect(path)) for path in sockets]
        commands: dict[str, Callable[[str], Coroutine[Any, Any, None]]] = {}
        kept = _kept_open(self) if everything else None
        if kept is not None:
            commands = {"follow": kept.follow, "upload": kept.upload}
            tasks += [asyncio.create_task(one()) for one in (kept.websocket, kept.mcp, kept.page)]
        async for line in _lines():
            word, _, argument = line.partition(" ")
            if word == "stop":
                break
            tasks.append(asyncio.create_task(commands[word](argument)))
        self.stopping.set()
        _, late = await asyncio.wait(tasks, timeout=ENDING_SECONDS)
        for task in late:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome
        if kept is not None:
            await kept.compare()
        await self.count()
        return self.report


def _kept_open(load: Load) -> "KeptOpen":
    # Only here: requests alone need neither the libraries nor this folder on the path.
    from tests.appliance.kept_open import KeptOpen

    return KeptOpen(load)


def _code(response: httpx.Response) -> str:
    try:
        return str(response.json()["code"])
    except (ValueError, KeyError, TypeError):
        return "no problem document"


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
    parser.add_argument("--prefix", default="load", help="of the names of the tokens it writes")
    parser.add_argument("--told", type=Path, help="a file that gets the name of each acknowledged write at once")
    parser.add_argument("--socket", type=Path, action="append", default=[], help="connect to this one over and over")
    parser.add_argument("--requests-only", action="store_true")
    given = parser.parse_args()
    token = given.token_file.read_text().strip()
    load = Load(given.url, token, rate=given.rate, prefix=given.prefix, told=given.told)
    print("ready", flush=True)
    report = asyncio.run(load.run(given.socket, everything=not given.requests_only))
    print(json.dumps(vars(report)))


if __name__ == "__main__":
    main()
