"""The router's process: OpenAI-compatible, on the sockets that systemd holds, or those that `make dev` hands over.

`--root DIR` is for `make dev`: all paths lie below it, the sockets come as `--fd`, and the process ends with its
parent, whose end closes standard input.
"""

import argparse
import asyncio
import os
import socket
import sys
from functools import partial
from pathlib import Path

import structlog

from att.appliance import Facts, facts, running_release
from att.effects import journal
from att.effects.systemd import notify
from att.entrypoints.levels import follow_level, level_in
from att.entrypoints.serving import BoundedServer, inherited_sockets, keep_watchdog_quiet
from att.router.admin import Admin
from att.router.app import RouterApp
from att.router.auth import Gate
from att.router.figures import Figures
from att.router.gateway import Gateway
from att.router.keys import public_file
from att.router.providers import STATE_FOLDER, Providers
from att.router.script import LiveScript
from att.router.upstream import Upstream
from att.site.live import LiveSite

SCRIPT_FILE = "script.yaml"

log = structlog.get_logger(__name__)


def state_folder(where: Facts) -> Path:
    """Return the router's own state: what systemd made for the service, else a folder below the state."""
    return Path(os.environ.get("STATE_DIRECTORY") or where.paths.state / STATE_FOLDER)


async def serve(where: Facts, sockets: list[socket.socket], *, until_parent_ends: bool) -> None:
    """Serve until SIGTERM; with `until_parent_ends` also until standard input is closed."""
    release = running_release()
    script = LiveScript(where.paths.config.parent / SCRIPT_FILE)
    upstream, providers = Upstream(LiveSite(where.root)), Providers(state_folder(where))
    providers.end_rotation()
    gate = Gate(public_file(where.paths.run))
    admin = Admin(providers, upstream, script)
    app = RouterApp(gate, Gateway(script, providers, upstream), admin, Figures(release), release)

    def ready() -> None:
        notify("READY=1", f"STATUS=release {release}")
        log.info("ready", release=release, providers=len(providers.all()))

    ending: list[asyncio.Task[None]] = []

    def stop() -> None:
        ending.append(asyncio.create_task(app.stop()))

    server = BoundedServer(app, on_ready=ready, on_stop=stop, lifespan="off", websockets=False, peers=True)
    await upstream.start()
    level = partial(level_in, where.paths.config, "router")
    beside = (asyncio.create_task(keep_watchdog_quiet()), asyncio.create_task(follow_level(level)))
    if until_parent_ends:
        await _end_with_parent(server)
    try:
        await server.serve(sockets)
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, *ending, return_exceptions=True)
        await upstream.stop()


async def _end_with_parent(server: BoundedServer) -> None:
    def ended() -> None:
        if not os.read(sys.stdin.fileno(), 1):
            loop.remove_reader(sys.stdin.fileno())
            server.should_exit = True

    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), ended)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="att-router")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--fd", type=int, action="append", default=[])
    return parser.parse_args()


def main() -> int:
    """Run the process; returns its exit code."""
    os.umask(0o077)
    given = _arguments()
    where = facts() if given.root is None else facts().rooted(given.root)
    journal.to_stderr(level_in(where.paths.config, "router"))
    sockets = inherited_sockets() or [socket.socket(fileno=fd) for fd in given.fd]
    if not sockets:
        sockets = [socket.create_server(("127.0.0.1", where.ports.router))]
    state_folder(where).mkdir(mode=0o700, parents=True, exist_ok=True)
    asyncio.run(serve(where, sockets, until_parent_ends=given.root is not None))
    return 0


if __name__ == "__main__":
    sys.exit(main())
