"""Connections to the internet: a name is resolved once, every address is checked, and a checked one is connected to.

Where the site has a proxy, that is connected to instead, and asked for the host by its name: where the name leads is
then the proxy's to judge, so a host that is or may be taken for an address is checked here, by its text.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Protocol

from att.egress.decision import Refusal, Target, address_problem
from att.egress.onward import CODE, Refused, Streams, through
from att.site.decision import Site, is_unclear, proxy_address_problem

RESOLVERS_MAX, RESOLVERS_EACH_MAX = 32, 4
LOOK_UP_SECONDS = 10.0
CONNECT_SECONDS = 10.0
ADDRESSES_MAX = 4
_AWAY, _ADDRESS = "egress_unreachable", "egress_address"

Address = tuple[int, str, int]
"""Family, numeric address, port."""

Resolve = Callable[[str, int], list[Address]]


class AddressRule(Protocol):
    """Says why nobody may be connected to an address, as `decision.address_problem` does."""

    def __call__(self, address: str, own: str | None = None) -> str | None: ...


class Check(Protocol):
    """Raises Refused for an address that may not be connected to; `own` as in `AddressRule`."""

    def __call__(self, target: Target, address: str, own: str | None = None) -> None: ...


def resolve(host: str, port: int) -> list[Address]:
    """Return the addresses of a host as the system finds them; raises OSError, UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, str(at[0]), port) for family, _, _, _, at in found]


class Ways:
    """Makes connections. `rule` and `resolve` are what tests put another in for; nothing else can.

    `site` gives what the site demands at that moment.
    """

    def __init__(
        self, site: Callable[[], Site] = Site, *, rule: AddressRule = address_problem, resolve: Resolve = resolve
    ) -> None:
        self._site = site
        self._rule = rule
        self._resolve = resolve
        # Of its own: a project whose name servers never answer must not keep the event loop's threads.
        self._threads = ThreadPoolExecutor(RESOLVERS_MAX, thread_name_prefix="resolve")
        self._turns: dict[str, asyncio.Semaphore] = {}

    async def connect(self, target: Target, whose: str) -> Streams:
        """Return the streams of a connection for the project `whose`; raises Refused."""
        proxy = self._site().proxy_for(target.host)
        if proxy is None:
            found = await self._connected(target, whose, self._check, f"{target.host}:{target.port}")
            return await asyncio.open_connection(sock=found)
        self._check_text(target)
        to, named = Target(proxy.host, proxy.port), f"{target.host}:{target.port} by the proxy {proxy.url}"
        return await through(proxy, await self._connected(to, whose, _check_proxy, named), target)

    async def _connected(self, target: Target, whose: str, check: Check, named: str) -> socket.socket:
        """Return a connected, non-blocking socket; raises Refused, whose sentence says `named`."""
        last: OSError | None = None
        for address in await self._checked(target, whose, check, named):
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await self._connect(target, address, check)
            except TimeoutError:
                last = OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
            except OSError as error:
                last = error
        why = os.strerror(last.errno) if last is not None and last.errno else "it has no address"
        raise Refused(Refusal(502, _AWAY, f"cannot reach {named}: {why}"))

    async def _checked(self, target: Target, whose: str, check: Check, named: str) -> list[Address]:
        """Return the addresses, none of which may be one that nobody may reach: a mixed answer is an attack."""
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                found = await self._looked_up(target, whose)
        except TimeoutError as error:
            raise Refused(Refusal(504, _AWAY, f"cannot reach {named}: no name server answers")) from error
        except (OSError, UnicodeError) as error:
            raise Refused(Refusal(502, _AWAY, f"cannot reach {named}: its name is not known")) from error
        for _, address, _ in found:
            check(target, address)
        return found[:ADDRESSES_MAX]

    async def _looked_up(self, target: Target, whose: str) -> list[Address]:
        """Look a name up in the project's turn, which lasts as long as the thread works, awaited or not."""
        turn = self._turns.setdefault(whose, asyncio.Semaphore(RESOLVERS_EACH_MAX))
        await turn.acquire()
        look = asyncio.get_running_loop().run_in_executor(self._threads, self._resolve, target.host, target.port)

        def over(done: asyncio.Future[list[Address]]) -> None:
            turn.release()
            if not done.cancelled():
                done.exception()  # nobody may be waiting for it any more

        look.add_done_callback(over)
        return await asyncio.shield(look)

    async def _connect(self, target: Target, address: Address, check: Check) -> socket.socket:
        family, host, port = address
        far = socket.socket(family, socket.SOCK_STREAM)
        try:
            far.setblocking(False)
            await asyncio.get_running_loop().sock_connect(far, (host, port))
            check(target, far.getpeername()[0], far.getsockname()[0])
            far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            far.close()
            raise
        return far

    def _check(self, target: Target, address: str, own: str | None = None) -> None:
        problem = self._rule(address, own)
        if problem is not None:
            raise Refused(Refusal(403, _ADDRESS, f"cannot reach {target.host}: {problem}"))

    def _check_text(self, target: Target) -> None:
        """Raise Refused for a host that the proxy might take for an address which nobody may reach."""
        if is_unclear(target.host):
            raise Refused(Refusal(403, _ADDRESS, f"cannot reach {target.host}: it may be taken for an address"))
        try:
            self._check(target, str(ip_address(target.host)))
        except ValueError:
            return  # a name

    def close(self) -> None:
        """Wait for no look-up that still runs."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _check_proxy(target: Target, address: str, own: str | None = None) -> None:  # noqa: ARG001 - the shape of a check
    problem = proxy_address_problem(address)
    if problem is not None:
        raise Refused(Refusal(502, CODE, f"cannot use the proxy {target.host}: {problem}"))
