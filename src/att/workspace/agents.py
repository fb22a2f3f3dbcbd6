"""The API's side of the workspace agents: started when first asked, again when they died."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from weakref import WeakValueDictionary

import anyio

from att.kernel.error_json import error_from
from att.kernel.errors import NotFound, Unavailable
from att.workspace import verbs
from att.workspace.agent import GREETING, RESPONSE_BYTES_MAX
from att.workspace.place import Place
from att.workspace.ports import Sandboxes
from att.workspace.schema import Channel, Program, TaskKind, TaskSpec

TASK_ID = "task_agent"
GREETING_SECONDS = 30.0
ANSWER_SECONDS = verbs.SECONDS_MAX + 15.0
END_SECONDS = 15.0
_TRIES = 3
_HEADER_BYTES_MAX = 64 * 1024
_BLOCK = 256 * 1024
_SPEC = TaskSpec(
    task_id=TASK_ID,
    kind=TaskKind.AGENT,
    program=Program.ATT,
    command=("-P", "-m", "att.entrypoints.workspace"),
)


class AgentEnded(Exception):
    """The agent closed the connection before it answered."""


class WorkspaceAgents:
    """Implements `Agents` over `Sandboxes`."""

    def __init__(self, sandboxes: Sandboxes) -> None:
        self._sandboxes = sandboxes
        self._starting: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()

    def of(self, place: Place) -> "WorkspaceAgent":
        """Return the agent of a project; costs nothing until called."""
        lock = self._starting.get(place.project_id)
        if lock is None:
            self._starting[place.project_id] = lock = anyio.Lock()
        return WorkspaceAgent(place, self._sandboxes, lock)


class WorkspaceAgent:
    """Implements `Agent`."""

    def __init__(self, place: Place, sandboxes: Sandboxes, starting: anyio.Lock) -> None:
        self._place = place
        self._sandboxes = sandboxes
        self._starting = starting

    async def call(self, verb: str, **arguments: Any) -> Any:
        """Run one verb. It is asked again when the agent died over it, unless doing it twice is not doing it once."""
        try:
            return await self._call(verb, arguments)
        except AgentEnded:
            if not verbs.repeats(verb):
                raise _unreachable(f"cannot tell whether {verb} was done: the project's agent died over it") from None
        try:
            return await self._call(verb, arguments)
        except AgentEnded:
            raise _unreachable(f"cannot do {verb}: the project's agent died over it twice") from None

    @asynccontextmanager
    async def stream(self, verb: str, **arguments: Any) -> AsyncIterator[socket.socket]:
        """Open a connection of its own, non-blocking: after the verb's header both sides speak raw bytes."""
        connection = await self._connect()
        try:
            with _bounded(verb, ANSWER_SECONDS):
                await _send(connection, {"stream": verb, "arguments": arguments})
                _opened(await _header(connection))
            yield connection
        except AgentEnded:
            raise _unreachable(f"cannot do {verb}: the project's agent died over it") from None
        finally:
            connection.close()

    async def _call(self, verb: str, arguments: Mapping[str, Any]) -> Any:
        connection = await self._connect()
        try:
            with _bounded(verb, ANSWER_SECONDS):
                await _send(connection, {"verb": verb, "arguments": arguments})
                return _opened(await _line(connection))
        finally:
            connection.close()

    async def _connect(self) -> socket.socket:
        """Return a connection that the agent has greeted: it reads what is sent from now on."""
        for _ in range(_TRIES):
            try:
                connection = await self._sandboxes.connect(self._place, TASK_ID, Channel.AGENT)
            except (NotFound, Unavailable):
                await self._start()
                continue
            try:
                with _bounded("anything", GREETING_SECONDS):
                    greeting = await _header(connection)
                if greeting != GREETING:
                    raise _opened_instead(greeting)
                return connection
            except AgentEnded:
                connection.close()
                await self._start()
            except BaseException:
                connection.close()
                raise
        raise _unreachable("cannot reach the project's agent: it ends as soon as it is started")

    async def _start(self) -> None:
        """Start the agent unless somebody else just did; one that is about to end is waited for."""
        async with self._starting:
            try:
                if (await self._sandboxes.state(self._place, TASK_ID)).running:
                    if await self._greets():
                        return
                    with _bounded("anything", END_SECONDS):
                        await self._sandboxes.wait(self._place, TASK_ID)
                await self._sandboxes.forget(self._place, TASK_ID)
            except NotFound:
                pass  # it never ran
            await self._sandboxes.start(self._place, _SPEC)

    async def _greets(self) -> bool:
        try:
            connection = await self._sandboxes.connect(self._place, TASK_ID, Channel.AGENT)
        except (NotFound, Unavailable):
            return False
        try:
            with anyio.move_on_after(GREETING_SECONDS):
                return bool(await _header(connection))
        except AgentEnded:
            return False
        finally:
            connection.close()
        return False


@contextmanager
def _bounded(verb: str, seconds: float) -> Iterator[None]:
    try:
        with anyio.fail_after(seconds):
            yield
    except TimeoutError as error:
        raise _unreachable(f"cannot do {verb}: the project's agent does not answer") from error


async def _send(connection: socket.socket, request: Mapping[str, Any]) -> None:
    try:
        await asyncio.get_running_loop().sock_sendall(connection, json.dumps(request).encode() + b"\n")
    except ConnectionError as error:
        raise AgentEnded from error


async def _line(connection: socket.socket) -> bytes:
    loop, line = asyncio.get_running_loop(), bytearray()
    while not line.endswith(b"\n"):
        try:
            block = await loop.sock_recv(connection, _BLOCK)
        except ConnectionError as error:
            raise AgentEnded from error
        if not block:
            raise AgentEnded
        line += block
        if len(line) > RESPONSE_BYTES_MAX + _HEADER_BYTES_MAX:
            raise _unreachable("cannot read the agent's answer: it is too long")
    return bytes(line)


async def _header(connection: socket.socket) -> bytes:
    """Read one line and not a byte more: what follows belongs to somebody else."""
    line = b""
    while not line.endswith(b"\n"):
        await anyio.wait_readable(connection)
        try:
            seen = connection.recv(_HEADER_BYTES_MAX, socket.MSG_PEEK)
            line += connection.recv(seen.find(b"\n") + 1 or len(seen)) if seen else b""
        except BlockingIOError:
            continue
        except ConnectionError as error:
            raise AgentEnded from error
        if not seen:
            raise AgentEnded
        if len(line) > _HEADER_BYTES_MAX:
            raise _unreachable("cannot read the agent's answer: it is too long")
    return line


def _opened(line: bytes) -> Any:
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise _unreachable("cannot read the agent's answer: it is no JSON") from error
    if isinstance(answer, dict) and "ok" in answer:
        return answer["ok"]
    raise error_from(answer.get("error") if isinstance(answer, dict) else None, "the project's agent")


def _opened_instead(line: bytes) -> Unavailable:
    _opened(line)
    return _unreachable("cannot use the project's agent: it does not greet")


def _unreachable(detail: str) -> Unavailable:
    return Unavailable("agent_unreachable", detail, retry_after_seconds=1)
