"""A site on loopback: its CONNECT proxy, an authority of its own, and the file that names both."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.fakes.chains import NOW, Issued, issue

from att.site.decision import Proxy, Site, written
from att.site.kept import KEPT_FILE
from att.site.trust import base64_of

_DAYS_SINCE = (datetime.now(UTC) - NOW).days


@dataclass
class ConnectProxy:
    """A small HTTP proxy: leads names to ports of loopback, and remembers what it was asked for.

    `answer` is what it says to a request line instead of connecting, None to connect; `early` is sent right after the
    head, as a server that speaks first does.
    """

    port: int = 0
    names: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    answer: Callable[[str], bytes | None] = lambda _line: None
    early: bytes = b""

    @property
    def proxy(self) -> Proxy:
        return Proxy("127.0.0.1", self.port)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, EOFError):
            head = await reader.readuntil(b"\r\n\r\n")
            line = head.partition(b"\r\n")[0].decode()
            self.asked.append(line)
            self.heads.append(head)
            said = self.answer(line)
            if said is not None:
                writer.write(said)
            else:
                host, _, port = line.split()[1].rpartition(":")
                await self._tunnel(self.names.get(host, int(port)), reader, writer)
        writer.close()

    async def _tunnel(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 OK\r\nVia: a proxy\r\n\r\n" + self.early)
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer), return_exceptions=True)
        far_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


@asynccontextmanager
async def connect_proxy() -> AsyncIterator[ConnectProxy]:
    found = ConnectProxy()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()


@dataclass(frozen=True)
class Authority:
    """An authority of the site's own; `strict` as in `issue`."""

    root: Issued
    strict: bool = True

    @property
    def authorities(self) -> tuple[str, ...]:
        return tuple(base64_of(self.root.pem.decode()))

    def pair(self, *names: str) -> bytes:
        """Return certificate and key of a server, made out to `names`."""
        own = issue(names[0], self.root, names=names, days=_days(), strict=self.strict)
        return own.pem + own.key_pem()

    def server(self, folder: Path, *names: str) -> ssl.SSLContext:
        """Return the context of such a server."""
        folder.mkdir(parents=True, exist_ok=True)
        pair = folder / "server.pem"
        pair.write_bytes(self.pair(*names))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair)
        return context


def authority(name: str = "Example Root", *, strict: bool = True) -> Authority:
    return Authority(issue(name, names=(), days=_days(), authority=True, use=None, strict=strict), strict)


def write(root: Path, site: Site, name: str = KEPT_FILE) -> None:
    """Write what a confirmed (or with another `name` a tried) network says of the site."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["[Match]", "Name=!*", "", *written(site)]) + "\n")


def _days() -> tuple[int, int]:
    """Valid around today, for clients that know no other clock."""
    return _DAYS_SINCE - 10, _DAYS_SINCE + 300
