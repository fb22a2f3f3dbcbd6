"""The launcher's process: answers at the local door now; starts apps and tasks in a later release.

Two sockets come from the service manager, told apart by their names: `local` and `launcher`.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

from att.appliance import facts
from att.effects.systemd import listen_fds, notify, watchdog_seconds
from att.kernel.errors import AttError, NotFound
from att.runtime.local_login import LocalLogin, load_key, person_of_machine, publish

CONNECTIONS_MAX = 64
ANSWER_SECONDS_MAX = 5.0
_CREDENTIALS = struct.Struct("3i")

Answer = Callable[[int], dict[str, object]]


class Doors:
    """Serves one JSON line a connection and closes it; how many at once is bounded, the others wait in the backlog."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(CONNECTIONS_MAX)
        self._servers: list[asyncio.Server] = []

    async def open(self, listener: socket.socket, answer: Answer) -> None:
        """Answer on `listener`, which stays the service manager's: its path is never removed."""

        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            async with self._free:
                await _serve(writer, answer)

        self._servers.append(await asyncio.start_unix_server(serve, sock=listener, cleanup_socket=False))

    def close(self) -> None:
        """Accept nothing more; what is accepted is answered."""
        for server in self._servers:
            server.close()


async def _serve(writer: asyncio.StreamWriter, answer: Answer) -> None:
    peer: socket.socket = writer.get_extra_info("socket")
    try:
        reply = answer(_peer_uid(peer))
    except AttError as error:
        reply = {"error": {"code": error.code, "detail": error.detail, "hint": error.hint}}
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            writer.write(json.dumps(reply, separators=(",", ":")).encode() + b"\n")
            await writer.drain()
            writer.close()
            await writer.wait_closed()
    except (TimeoutError, OSError):
        writer.transport.abort()


def _peer_uid(peer: socket.socket) -> int:
    """The uid that connected, as the kernel saw it at connect time."""
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(raw)[1])


def nothing_to_launch(uid: int) -> dict[str, object]:
    """What the launcher's own door says until there are apps to start."""
    raise NotFound("not_found", f"cannot start anything for uid {uid}: this release carries no apps or tasks")


async def _watchdog() -> None:
    """Tell the service manager that the event loop lives, nothing more."""
    every = watchdog_seconds()
    while every is not None:
        notify("WATCHDOG=1")
        await asyncio.sleep(every)


async def serve(sockets: dict[str, socket.socket], local: Answer) -> None:
    """Serve until SIGTERM or SIGINT; `sockets` by name, of which `local` must be there."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    doors = Doors()
    await doors.open(sockets["local"], local)
    if "launcher" in sockets:
        await doors.open(sockets["launcher"], nothing_to_launch)
    watchdog = asyncio.create_task(_watchdog())
    notify("READY=1", "STATUS=answering at the local door")
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
    paths = facts().paths
    key = load_key(Path(os.environ.get("STATE_DIRECTORY", paths.state / "launcher")))
    publish(key, paths.keys)
    login = LocalLogin(key, person=person_of_machine, now=time.time)
    asyncio.run(serve(inherited, login.token))


if __name__ == "__main__":
    main()
