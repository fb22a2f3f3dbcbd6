"""`make dev`: the router as a child of the API, on sockets that the API holds, so that its restart loses nobody."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import anyio
import structlog
from anyio.abc import Process

from att.appliance import Facts
from att.kernel.errors import Conflict
from att.router.door import RouterDoor
from att.router.keys import RouterKeys

PORT = "ROUTER_PORT"
LOG_LEVEL = "ATT_LOG_LEVEL"
PORTS_TRIED = 20
STOP_SECONDS = 8.0
AGAIN_SECONDS = 0.2
AGAIN_SECONDS_MAX = 5.0

log = structlog.get_logger(__name__)


class RouterChild:
    """Holds the sockets; `run` keeps the process going until it is cancelled."""

    def __init__(self, where: Facts, wanted: str) -> None:
        """Listen; `wanted` is a port of the developer's, empty for the usual one or the next that is free."""
        self._where = where
        self._tcp = _listen(where.ports.router, wanted)
        socket_path = where.unit("att-router").socket_paths[0]
        self._unix = _listen_unix(socket_path)
        keys = RouterKeys.load(where.paths.api_state, where.paths.run)
        self.door = RouterDoor(socket_path, self._tcp.getsockname()[1], keys)

    async def run(self) -> None:
        """Start the process, and again when it ends; cancelled, end it and the sockets."""
        pause = AGAIN_SECONDS
        try:
            while True:
                began = anyio.current_time()
                code = await self._once()
                log.warning("router_ended", code=code)
                lived = anyio.current_time() - began
                pause = AGAIN_SECONDS if lived > AGAIN_SECONDS_MAX else min(pause * 2, AGAIN_SECONDS_MAX)
                await anyio.sleep(pause)
        finally:
            self._tcp.close()
            self._unix.close()

    async def _once(self) -> int:
        descriptors = [self._tcp.fileno(), self._unix.fileno()]
        command = [sys.executable, "-P", "-m", "att.entrypoints.router", "--root", str(self._where.root)]
        command += [word for fd in descriptors for word in ("--fd", str(fd))]
        process = await anyio.open_process(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=None,
            pass_fds=descriptors,
            env={LOG_LEVEL: "warning", **os.environ},
        )
        try:
            return await process.wait()
        finally:
            with anyio.CancelScope(shield=True):
                await _end(process)


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
        with anyio.move_on_after(STOP_SECONDS):
            await process.wait()
    if process.returncode is None:
        process.kill()
    await process.aclose()


def _listen(usual: int, wanted: str) -> socket.socket:
    if wanted:
        return _bound(int(wanted))
    for port in range(usual, usual + PORTS_TRIED):
        try:
            return _bound(port)
        except Conflict:
            continue
    return _bound(0)


def _bound(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise Conflict("port_taken", f"cannot listen on 127.0.0.1:{port}: {os.strerror(error.errno or 0)}") from error


def _listen_unix(path: Path) -> socket.socket:
    """Listen at `path`, however long: the kernel is given it by way of a descriptor of its folder."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
    listener.listen(128)
    return listener
