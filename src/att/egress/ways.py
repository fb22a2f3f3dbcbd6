"""Connections to the internet: a name is resolved once, every address is checked, and a checked one is connected to."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from att.egress.decision import Refusal, Target, address_problem

RESOLVERS_MAX, RESOLVERS_EACH_MAX = 32, 4
LOOK_UP_SECONDS = 10.0
CONNECT_SECONDS = 10.0
ADDRESSES_MAX = 4
_AWAY = "egress_unreachable"

Address = tuple[int, str, int]
"""Family, numeric address, port."""

Resolve = Callable[[str, int], list[Address]]


class AddressRule(Protocol):
    """Says why nobody may be connected to an address, as `decision.address_problem` does."""

    def __call__(self, address: str, own: str | None = None) -> str | None: ...


class Refused(Exception):
    """The connection is not made; `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


def resolve(host: str, port: int) -> list[Address]:
    """Return the addresses of a host as the system finds them; raises OSError, UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, str(at[0]), port) for family, _, _, _, at in found]


class Ways:
    """Makes connections. `rule` and `resolve` are what tests put another in for; nothing else can."""

    def __init__(self, *, rule: AddressRule = address_problem, resolve: Resolve = resolve) -> None:
        self._rule = rule
        self._resolve = resolve
        # Of its own: a project whose name servers never answer must not keep the event loop's threads.
        self._threads = ThreadPoolExecutor(RESOLVERS_MAX, thread_name_prefix="resolve")
        self._turns: dict[str, asyncio.Semaphore] = {}

    async def connect(self, target: Target, whose: str) -> socket.socket:
        """Return a connected, non-blocking socket for the project `whose`; raises Refused."""
        last: OSError | None = None
        for address in await self._checked(target, whose):
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await self._connect(target, address)
            except TimeoutError:
                last = OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
            except OSError as error:
                last = error
        why = os.strerror(last.errno) if last is not None and last.errno else "it has no address"
        raise Refused(Refusal(502, _AWAY, f"cannot reach {target.host}:{target.port}: {why}"))

    async def _checked(self, target: Target, whose: str) -> list[Address]:
        """Return the addresses, none of which may be one that nobody may reach: a mixed answer is an attack."""
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                found = await self._looked_up(target, whose)
        except TimeoutError as error:
            raise Refused(Refusal(504, _AWAY, f"cannot reach {target.host}: no name server answers")) from error
        except (OSError, UnicodeError) as error:
            raise Refused(Refusal(502, _AWAY, f"cannot reach {target.host}: its name is not known")) from error
        for _, address, _ in found:
            self._check(target, address)
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

    async def _connect(self, target: Target, address: Address) -> socket.socket:
        family, host, port = address
        far = socket.socket(family, socket.SOCK_STREAM)
        try:
            far.setblocking(False)
            await asyncio.get_running_loop().sock_connect(far, (host, port))
            self._check(target, far.getpeername()[0], far.getsockname()[0])
            far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            far.close()
            raise
        return far

    def _check(self, target: Target, address: str, own: str | None = None) -> None:
        problem = self._rule(address, own)
        if problem is not None:
            raise Refused(Refusal(403, "egress_address", f"cannot reach {target.host}: {problem}"))

    def close(self) -> None:
        """Wait for no look-up that still runs."""
        self._threads.shutdown(wait=False, cancel_futures=True)
