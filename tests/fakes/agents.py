"""Agents that run the real verbs in threads of the test's own process, on a worktree in a temporary folder."""

import json
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread

from att.kernel.errors import AttError
from att.workspace import verbs
from att.workspace.place import Place


class InProcessAgents:
    """`att.workspace.ports.Agents` without a process; `called` remembers the verbs in order."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def of(self, place: Place) -> "InProcessAgent":
        return InProcessAgent(place, self.called)


class InProcessAgent:
    """Arguments and results go through JSON as they do on the wire."""

    def __init__(self, place: Place, called: list[str]) -> None:
        self._place = place
        self._called = called

    async def call(self, verb: str, **arguments: Any) -> Any:
        self._called.append(verb)
        sent = json.loads(json.dumps(arguments))
        result = await anyio.to_thread.run_sync(lambda: verbs.find(verb)(self._place.work, sent))
        return json.loads(json.dumps(result))

    @asynccontextmanager
    async def stream(self, verb: str, **arguments: Any) -> AsyncIterator[socket.socket]:
        self._called.append(verb)
        ours, theirs = socket.socketpair()
        sent = json.loads(json.dumps(arguments))
        failed: list[AttError] = []

        def run() -> None:
            with theirs:
                try:
                    verbs.find_stream(verb)(self._place.work, sent, theirs)
                except AttError as error:
                    failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            header = await anyio.to_thread.run_sync(_line, ours)
            if not header:
                thread.join(10)
                raise failed[0]
            ours.setblocking(False)
            yield ours
        finally:
            ours.close()
            await anyio.to_thread.run_sync(thread.join, 10)
            assert not thread.is_alive(), f"{verb} goes on after its connection was closed"


def _line(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte:
            break
        line += byte
    return line
