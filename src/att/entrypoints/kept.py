"""`make dev`: services that are processes of their own on the appliance, as children on sockets that the API holds."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import anyio
import structlog
from anyio.abc import Process

LOG_LEVEL = "ATT_LOG_LEVEL"
STOP_SECONDS = 8.0
AGAIN_SECONDS = 0.2
AGAIN_SECONDS_MAX = 5.0

log = structlog.get_logger(__name__)


async def keep(module: str, root: Path, sockets: Sequence[socket.socket]) -> None:
    """Start a service on its sockets, and again when it ends; cancelled, end it and close the sockets."""
    pause = AGAIN_SECONDS
    try:
        while True:
            began = anyio.current_time()
            code = await _once(module, root, [one.fileno() for one in sockets])
            log.warning("service_ended", module=module, code=code)
            lived = anyio.current_time() - began
            pause = AGAIN_SECONDS if lived > AGAIN_SECONDS_MAX else min(pause * 2, AGAIN_SECONDS_MAX)
            await anyio.sleep(pause)
    finally:
        for one in sockets:
            one.close()


async def _once(module: str, root: Path, descriptors: list[int]) -> int:
    command = [sys.executable, "-P", "-m", module, "--root", str(root)]
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


def listen_unix(path: Path) -> socket.socket:
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
