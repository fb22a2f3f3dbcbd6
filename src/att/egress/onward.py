"""Through the site's proxy: asks it with CONNECT for a host, and gives the connection that it makes."""

import asyncio
import re
import socket

from att.egress.decision import Refusal, Target
from att.site.decision import Proxy

ANSWER_SECONDS = 30.0
HEAD_BYTES_MAX = 16 * 1024
CODE = "egress_proxy"
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: |\r\n)")

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Refused(Exception):
    """The connection is not made; `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


async def through(proxy: Proxy, connected: socket.socket, target: Target) -> Streams:
    """Return the streams to `target` on a connection to the proxy, whose it becomes. Raises Refused."""
    reader, writer = await asyncio.open_connection(sock=connected, limit=HEAD_BYTES_MAX)
    named = f"[{target.host}]:{target.port}" if ":" in target.host else f"{target.host}:{target.port}"
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            writer.write(f"CONNECT {named} HTTP/1.1\r\nHost: {named}\r\n\r\n".encode("ascii"))
            head = await reader.readuntil(b"\r\n\r\n")
        refusal = _refusal(proxy, named, head)
    except TimeoutError:
        refusal = Refusal(504, CODE, f"cannot reach {named}: the proxy {proxy.url} does not answer")
    except (OSError, EOFError, asyncio.LimitOverrunError):
        refusal = Refusal(502, CODE, f"cannot reach {named}: the proxy {proxy.url} broke the connection off")
    except BaseException:
        writer.transport.abort()
        raise
    if refusal is not None:
        writer.transport.abort()
        raise Refused(refusal)
    return reader, writer


def _refusal(proxy: Proxy, named: str, head: bytes) -> Refusal | None:
    """Return why an answer is none that connects, None for one that does."""
    found = _STATUS.match(head)
    if found is None:
        return Refusal(502, CODE, f"cannot reach {named}: what answers at {proxy.url} is no HTTP proxy")
    status = int(found[1])
    if 200 <= status < 300:
        return None
    why = "wants a login, and ATT has none for it" if status == 407 else f"answered {status}"
    return Refusal(502, CODE, f"cannot reach {named}: the proxy {proxy.url} {why}")
