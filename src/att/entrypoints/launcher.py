"""The launcher's process: answers at the local door, starts the tasks and apps of projects for the API, and has ATT
built for the upgrade engine.

Two sockets come from the service manager, told apart by their names: `local` and `launcher`.
"""

import asyncio
import contextlib
import os
import pwd
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import structlog

from att.appliance import Facts, facts, release_root
from att.effects import journal
from att.effects.peers import peer_uid
from att.effects.systemd import listen_fds, notify, watchdog_seconds
from att.kernel.error_json import error_object
from att.kernel.errors import AttError, Failed, Forbidden
from att.runtime.local_login import LocalLogin, load_key, person_of_machine, publish
from att.workspace.launcher import Launcher, Machine
from att.workspace.launcher_wire import LINE_BYTES_MAX, Build, Start, line_of, may_ask, may_build, read_ask

CONNECTIONS_MAX = 64
REQUEST_SECONDS_MAX = 10.0
WORK_SECONDS_MAX = 180.0
ANSWER_SECONDS_MAX = 5.0
API_USER = "att"

Answer = Callable[[int, asyncio.StreamReader], Coroutine[Any, Any, dict[str, object]]]
"""Answers one connection of the peer with that uid."""

log = structlog.get_logger(__name__)


class Doors:
    """Answers a connection with one JSON line and closes it; so many at once, the others wait in the backlog."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(CONNECTIONS_MAX)
        self._servers: list[asyncio.Server] = []

    async def open(self, listener: socket.socket, answer: Answer) -> None:
        """Answer on `listener`, which stays the service manager's: its path is never removed."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            async with self._free:
                await _serve(reader, writer, answer)

        self._servers.append(
            await asyncio.start_unix_server(serve, sock=listener, cleanup_socket=False, limit=LINE_BYTES_MAX)
        )

    def close(self) -> None:
        """Accept nothing more; what is accepted is answered."""
        for server in self._servers:
            server.close()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
    peer: socket.socket = writer.get_extra_info("socket")
    try:
        async with asyncio.timeout(WORK_SECONDS_MAX):
            reply = await answer(peer_uid(peer), reader)
    except AttError as error:
        reply = {"error": error_object(error)}
    except Exception as error:
        log.exception("not answered")
        reply = {"error": error_object(Failed("internal", f"cannot answer: {type(error).__name__}"))}
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            writer.write(line_of(reply))
            await writer.drain()
            writer.close()
            await writer.wait_closed()
    except (TimeoutError, OSError):
        writer.transport.abort()


def local_door(login: LocalLogin) -> Answer:
    """Return what the local door says: a token for an operator, without a question."""

    async def answer(uid: int, _: asyncio.StreamReader) -> dict[str, object]:
        return login.token(uid)

    return answer


def launcher_door(launcher: Launcher, api_uid: int) -> Answer:
    """Return what the launcher's own door says: one request a connection, of the API and root alone."""

    async def answer(uid: int, reader: asyncio.StreamReader) -> dict[str, object]:
        if not may_ask(uid, api_uid=api_uid):
            raise Forbidden("not_allowed", f"cannot start anything for uid {uid}: only the API may ask")
        async with asyncio.timeout(REQUEST_SECONDS_MAX):
            line = await reader.readuntil(b"\n")
        return await asyncio.to_thread(_done, launcher, uid, line)

    return answer


def _done(launcher: Launcher, uid: int, line: bytes) -> dict[str, object]:
    ask = read_ask(line)
    if isinstance(ask, Build):
        if not may_build(uid):
            raise Forbidden("not_allowed", f"cannot build for uid {uid}: only the upgrade engine may ask")
        return {"built": launcher.build(ask.job)}
    if isinstance(ask, Start):
        return {"state": launcher.start(ask.slot, ask.spec)}
    act = {"stop": launcher.stop, "state": launcher.state, "forget": launcher.forget}[ask.verb]
    return {"state": act(ask.slot, ask.task_id, ask.kind)}


def machine_of(where: Facts) -> Machine:
    """Return where the launcher works on this machine."""
    return Machine(
        release=release_root(),
        projects=where.paths.projects,
        launch=where.paths.launch,
        egress=where.unit("att-egress").socket_paths[0],
        slots=where.limits.projects_max,
    )


async def _watchdog() -> None:
    """Tell the service manager that the event loop lives, nothing more."""
    every = watchdog_seconds()
    while every is not None:
        notify("WATCHDOG=1")
        await asyncio.sleep(every)


async def serve(sockets: Mapping[str, socket.socket], answers: Mapping[str, Answer]) -> None:
    """Serve until SIGTERM or SIGINT: on each socket its answer, both by the socket's name."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    doors = Doors()
    for name, listener in sockets.items():
        await doors.open(listener, answers[name])
    watchdog = asyncio.create_task(_watchdog())
    notify("READY=1", "STATUS=answering")
    await stop.wait()
    notify("STOPPING=1")
    doors.close()
    watchdog.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watchdog


def main() -> None:
    """Run until stopped; exits 1 when the service manager passed no socket named `local`."""
    os.umask(0o077)
    inherited = {item.name: socket.socket(fileno=item.fd) for item in listen_fds()}
    if "local" not in inherited:
        sys.exit("cannot start: the service manager passed no socket named local")
    journal.to_stderr("info")
    where = facts()
    key = load_key(Path(os.environ.get("STATE_DIRECTORY", where.paths.state / "launcher")))
    publish(key, where.paths.keys)
    login = LocalLogin(key, person=person_of_machine, now=time.time)
    launcher = Launcher(machine_of(where))
    launcher.sweep()
    answers = {"local": local_door(login), "launcher": launcher_door(launcher, pwd.getpwnam(API_USER).pw_uid)}
    asyncio.run(serve(inherited, answers))


if __name__ == "__main__":
    main()
