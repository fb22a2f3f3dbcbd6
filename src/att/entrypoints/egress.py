"""The way out's process: an HTTP CONNECT proxy for the sandboxes of projects, on the socket that systemd holds.

`--root DIR` and `--fd` are for `make dev`, as with the router: all paths lie below DIR, the socket is handed over, and
the process ends with its parent, whose end closes standard input.
"""

import argparse
import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import structlog

from att.appliance import facts, running_release
from att.config.live import LiveSettings
from att.effects import journal
from att.effects.systemd import notify
from att.egress.grants import GrantGate, public_file
from att.egress.proxy import Proxy
from att.egress.ways import Ways
from att.entrypoints.levels import follow_level
from att.entrypoints.serving import inherited_sockets, keep_watchdog_quiet
from att.site.live import LiveSite

END_SECONDS = 5.0

log = structlog.get_logger(__name__)


async def serve(listener: socket.socket, proxy: Proxy, settings: LiveSettings, *, until_parent_ends: bool) -> None:
    """Serve until SIGTERM, or until standard input is closed; what is open then has a moment to end."""
    stop, loop, tunnels = asyncio.Event(), asyncio.get_running_loop(), set[asyncio.Task[None]]()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if until_parent_ends:
        loop.add_reader(sys.stdin.fileno(), _end_with_parent, stop)

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(proxy.serve(reader, writer))
        tunnels.add(task)
        task.add_done_callback(tunnels.discard)

    server = await asyncio.start_unix_server(
        accepted, sock=listener, cleanup_socket=False, limit=proxy.head_bytes_max, backlog=4096
    )
    beside = (
        asyncio.create_task(keep_watchdog_quiet()),
        asyncio.create_task(follow_level(lambda: settings.current().log.level_of("egress"))),
    )
    notify("READY=1", f"STATUS=release {running_release()}")
    log.info("ready", release=running_release())
    await stop.wait()
    notify("STOPPING=1")
    server.close()
    if tunnels:
        await asyncio.wait(tunnels, timeout=END_SECONDS)
    for task in (*tunnels, *beside):
        task.cancel()
    await asyncio.gather(*tunnels, *beside, return_exceptions=True)


def _end_with_parent(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 1):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()


def main() -> int:
    """Run the process; returns its exit code: 1 when nobody handed it a socket."""
    os.umask(0o077)
    parser = argparse.ArgumentParser(prog="att-egress")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--fd", type=int)
    given = parser.parse_args()
    where = facts() if given.root is None else facts().rooted(given.root)
    settings = LiveSettings(where.paths.config)
    journal.to_stderr(settings.current().log.level_of("egress"))
    ways = Ways(LiveSite(where.root))
    sockets = inherited_sockets() if given.fd is None else [socket.socket(fileno=given.fd)]
    if not sockets:
        sys.stderr.write("att-egress: cannot start: the service manager passed no socket\n")
        return 1
    proxy = Proxy(GrantGate(public_file(where.paths.run)), lambda: settings.current().egress.allow, ways)
    asyncio.run(serve(sockets[0], proxy, settings, until_parent_ends=given.root is not None))
    ways.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
