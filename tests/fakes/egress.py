"""The way out on a real socket, with hosts of the test's own behind names: loopback may be reached, nothing else is."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from att.egress.decision import Client
from att.egress.grants import GrantGate, Grants, public_file
from att.egress.proxy import PREAMBLE, Limits, Proxy
from att.egress.ways import Address, Ways, resolve
from att.entrypoints.kept import listen_unix
from att.site.decision import Site

DEMO = Client("prj_1", "demo")


def any_address(address: str, own: str | None = None) -> str | None:
    """The rule for addresses of a test whose hosts are on loopback."""
    return None


@dataclass
class Clock:
    """Unix seconds as the test wants them."""

    now: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now


@dataclass
class WayOut:
    """A proxy that listens at `path`; `entries` is the policy, `names` leads hosts to addresses."""

    path: Path
    grants: Grants
    clock: Clock
    entries: list[str] = field(default_factory=list)
    names: dict[str, list[Address]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def resolve(self, host: str, port: int) -> list[Address]:
        self.asked.append(host)
        return self.names[host] if host in self.names else resolve(host, port)

    def grant(self, client: Client = DEMO, uid: int | None = None, seconds: float | None = 60) -> str:
        return self.grants.grant(client, os.getuid() if uid is None else uid, seconds)

    async def open(self, grant: str | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect and show a grant."""
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        writer.write(PREAMBLE + (self.grant() if grant is None else grant).encode() + b"\n")
        return reader, writer

    async def ask(self, line: str, grant: str | None = None) -> bytes:
        """Return all that the proxy answers to one request line."""
        reader, writer = await self.open(grant)
        writer.write(f"{line}\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return answer


@asynccontextmanager
async def way_out(
    folder: Path,
    path: Path | None = None,
    *,
    limits: Limits | None = None,
    ways: Ways | None = None,
    site: Callable[[], Site] = Site,
) -> AsyncIterator[WayOut]:
    """Serve in this process, keys below `folder`; `ways` is one that may reach loopback unless it is given."""
    (folder / "state").mkdir()
    clock = Clock()
    loaded = Grants.load(folder / "state", folder / "run")
    found = WayOut(path or folder / "egress.sock", Grants(loaded._key, clock), clock)
    paths = ways or Ways(site, rule=any_address, resolve=found.resolve)
    proxy = Proxy(GrantGate(public_file(folder / "run"), clock), lambda: found.entries, paths, limits)
    open_now = set[asyncio.Task[None]]()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(proxy.serve(reader, writer))
        open_now.add(task)
        task.add_done_callback(open_now.discard)

    listener = listen_unix(found.path)
    server = await asyncio.start_unix_server(accepted, sock=listener, limit=proxy.head_bytes_max, cleanup_socket=False)
    try:
        yield found
    finally:
        server.close()
        for task in open_now:
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)
        paths.close()


@asynccontextmanager
async def echo() -> AsyncIterator[int]:
    """A host that sends back what it gets, then its end; gives its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
