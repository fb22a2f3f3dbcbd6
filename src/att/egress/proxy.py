"""The proxy: takes a grant and an HTTP CONNECT on its unix socket, and carries bytes both ways, within limits.

Before the HTTP a connection says `ATT-GRANT <grant>` in one line; `att-run` does that for whatever runs in a sandbox.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field

import structlog

from att.effects.peers import peer_uid
from att.egress import decision
from att.egress.decision import Refusal, Target
from att.egress.grants import Granted, GrantGate, GrantInvalid
from att.egress.onward import Refused
from att.egress.tunnel import End, Tunnel
from att.egress.ways import Ways

PREAMBLE = b"ATT-GRANT "
CODE_HEADER = "X-ATT-Code"
ALLOWED, BROKEN, OVERDUE = "allowed", "egress_broken", "egress_timeout"
_ANSWER_SECONDS = 5.0
_UNREAD_BYTES_MAX = 1024 * 1024
_REASONS = {400: "Bad Request", 403: "Forbidden", 405: "Method Not Allowed", 429: "Too Many Requests"}
_MADE = b"HTTP/1.1 200 Connection established\r\n\r\n"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Limits:
    """Bounds of the way out: connections at once, of all and of one user or project; bytes; seconds."""

    connections_max: int = 1024
    connections_each_max: int = 64
    head_bytes_max: int = 8 * 1024
    head_seconds: float = 10.0
    idle_seconds: float = 300.0
    total_seconds: float = 6 * 3600.0
    look_seconds: float = 5.0


@dataclass
class Record:
    """What the journal is told of one connection: no path, no content, no grant."""

    project: str = ""
    host: str = ""
    port: int = 0
    verdict: str = BROKEN
    tunnel: Tunnel | None = None
    began: float = field(default_factory=time.monotonic)

    def write(self) -> None:
        """Write the line."""
        log.info(
            "egress",
            project=self.project,
            host=self.host,
            port=self.port,
            verdict=self.verdict,
            bytes_sent=self.tunnel.sent if self.tunnel else 0,
            bytes_received=self.tunnel.received if self.tunnel else 0,
            seconds=round(time.monotonic() - self.began, 3),
        )


class Proxy:
    """Serves connections; `entries` gives the setting `egress.allow` as it is now."""

    def __init__(
        self, gate: GrantGate, entries: Callable[[], Sequence[str]], ways: Ways, limits: Limits | None = None
    ) -> None:
        self._gate = gate
        self._entries = entries
        self._ways = ways
        self._limits = limits or Limits()
        self._open: Counter[str] = Counter()

    @property
    def head_bytes_max(self) -> int:
        """What a reader of a connection may hold before its head is whole."""
        return self._limits.head_bytes_max

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end, and write its line to the journal."""
        record, near = Record(), End(reader, writer)
        try:
            await self._served(near, record)
        except Refused as error:
            record.verdict = error.refusal.code
            if record.tunnel is None:
                with suppress(OSError):
                    await _answer(near, error.refusal)
        except TimeoutError:
            record.verdict = OVERDUE
        except (OSError, EOFError):
            record.verdict = ALLOWED if record.tunnel else BROKEN
        finally:
            record.write()
            await near.close()

    async def _served(self, near: End, record: Record) -> None:
        uid = peer_uid(near.writer.get_extra_info("socket"))
        with self._counted("all", self._limits.connections_max), self._counted_each(f"uid {uid}"):
            async with asyncio.timeout(self._limits.head_seconds):
                granted = await self._granted(near.reader, uid)
                record.project = granted.client.slug
                target = await self._target(near.reader)
            record.host, record.port = target.host, target.port
            with self._counted_each(f"project {granted.client.project_id}"):
                self._judge(granted, target)
                far = End(*await self._ways.connect(target, granted.client.project_id))
                try:
                    await self._carry(near, far, record, lambda: self._judge(granted, target))
                finally:
                    await far.close()

    async def _granted(self, reader: asyncio.StreamReader, uid: int) -> Granted:
        """Read whose connection it is; raises Refused, EOFError when it ends before that."""
        try:
            line = await reader.readuntil(b"\n")
            if not line.startswith(PREAMBLE):
                raise _no_grant("it begins with none")
            return self._gate.granted(line.removeprefix(PREAMBLE).strip().decode("ascii", "replace"), uid)
        except GrantInvalid as error:
            raise _no_grant(str(error)) from error
        except asyncio.LimitOverrunError as error:
            raise _no_grant("it is too long") from error

    async def _target(self, reader: asyncio.StreamReader) -> Target:
        """Read where the client wants to go; raises Refused, EOFError when it ends before that."""
        try:
            found = decision.target_of(await reader.readuntil(b"\r\n\r\n"))
        except asyncio.LimitOverrunError as error:
            detail = f"cannot read the request: it has more than {self._limits.head_bytes_max} bytes"
            raise Refused(Refusal(400, "egress_malformed", detail)) from error
        if isinstance(found, Refusal):
            raise Refused(found)
        return found

    def _judge(self, granted: Granted, target: Target) -> None:
        """Raise Refused unless the policy of this moment allows it."""
        if not self._gate.holds(granted):
            raise _no_grant("it has expired")
        found = decision.refusal(granted.client, target, decision.allowances(self._entries()))
        if found is not None:
            hint = decision.how_to_allow(granted.client, target)
            raise Refused(Refusal(found.status, found.code, f"{found.detail}\nhint: {hint}"))

    async def _carry(self, near: End, far: End, record: Record, look: Callable[[], None]) -> None:
        limits = self._limits
        record.tunnel = Tunnel(near, far, idle_seconds=limits.idle_seconds, total_seconds=limits.total_seconds)
        near.writer.write(_MADE)
        await record.tunnel.carry(look, limits.look_seconds)
        record.verdict = ALLOWED

    def _counted_each(self, whose: str) -> AbstractContextManager[None]:
        return self._counted(whose, self._limits.connections_each_max)

    @contextmanager
    def _counted(self, whose: str, most: int) -> Iterator[None]:
        if self._open[whose] >= most:
            raise Refused(Refusal(429, "egress_busy", f"cannot connect: {most} connections are open"))
        self._open[whose] += 1
        try:
            yield
        finally:
            self._open[whose] -= 1
            if not self._open[whose]:
                del self._open[whose]


async def _answer(near: End, refusal: Refusal) -> None:
    body = f"{refusal.code}: {refusal.detail}\n".encode()
    allow = "Allow: CONNECT\r\n" if refusal.status == 405 else ""
    head = (
        f"HTTP/1.1 {refusal.status} {_REASONS.get(refusal.status, 'Bad Gateway')}\r\n{allow}"
        f"{CODE_HEADER}: {refusal.code}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    async with asyncio.timeout(_ANSWER_SECONDS):
        near.writer.write(head.encode("ascii") + body)
        near.writer.write_eof()
        # What is closed with bytes unread breaks at the far side before the answer is read.
        unread = _UNREAD_BYTES_MAX
        while unread > 0 and (data := await near.reader.read(unread)):
            unread -= len(data)


def _no_grant(why: str) -> Refused:
    return Refused(Refusal(403, "egress_grant", f"cannot take the grant of this connection: {why}"))
