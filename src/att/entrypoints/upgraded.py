"""The upgrade engine's process: takes the socket from the service manager, finishes what was interrupted, serves.

Runs from the resolved path of the release it started from, outlives every service it restarts, and hands over to the
next release's engine only after COMMITTED: by asking the manager for its own restart.
"""

import os
import signal
import socket
import sys
import threading

import structlog

from att.appliance import Facts, facts, running_release
from att.config.live import LiveSettings
from att.effects import journal
from att.effects.systemd import listen_fds, notify, watchdog_seconds
from att.health.probes import SocketProbe
from att.kernel.errors import AttError
from att.upgrade.building.launched import LaunchedTasks
from att.upgrade.building.workshop import Workshop
from att.upgrade.databases import DatabasePrograms
from att.upgrade.door import Door
from att.upgrade.gate_token import GateKey
from att.upgrade.selftests import SandboxedSelfTests
from att.upgrade.service import Engine
from att.upgrade.tools import Tools, layout_of
from att.upgrade.verbs import Verbs
from att_stage0.layout import ENGINE
from att_stage0.policy.decision import Context
from att_stage0.readiness import SocketReadyz
from att_stage0.steps import StepPrinter
from att_stage0.units import Systemctl, UnitsFailed
from att_stage0.world import SystemClock, World

LAUNCHER = "att-launcher"
IDLE_SECONDS = 1.0
HAND_OVER_SECONDS = 3.0

log = structlog.get_logger(__name__)


def build(where: Facts) -> Tools:
    """Wire the real far sides."""
    layout = layout_of(where)
    units, clock = Systemctl(), SystemClock()
    key = GateKey(where.paths.keys)
    world = World(layout, units, SocketReadyz(layout.api_socket), clock, on_record=StepPrinter(sys.stderr))
    probe = SocketProbe(layout.api_socket, units, clock, key.token)
    settings = LiveSettings(where.paths.config)
    tools = Tools(world, where, DatabasePrograms(where), SandboxedSelfTests(), probe)
    tools.context = lambda: Context(settings.current().upgrade.context)
    return tools


def workshop(where: Facts) -> Workshop:
    """What unpacks and builds changes of the appliance by itself, with the launcher's building user."""
    return Workshop(where, LaunchedTasks(where.unit(LAUNCHER).socket_paths[0]))


def look_back(verbs: Verbs) -> None:
    """See what became of a release of the appliance by itself; what cannot be read is told again when it is asked."""
    try:
        verbs.releases.settle()
    except (AttError, OSError) as error:
        log.warning("cannot look after changes of the appliance by itself", error=str(error))


def hand_over() -> None:
    """Have the manager start the next release's engine: read its unit, whoever finished the commit, then restart."""
    manager = Systemctl()
    try:
        manager.reload()
        manager.restart([f"{ENGINE}.service"])
    except UnitsFailed as error:
        log.exception("cannot hand over", error=str(error))


def serve(listener: socket.socket, tools: Tools, where: Facts) -> None:
    """Serve until SIGTERM."""
    committed = threading.Event()

    def leave() -> None:
        committed.set()
        door.leave()

    engine = Engine(tools, release=running_release(), on_commit=leave)
    verbs = Verbs(engine, tools, where, workshop(where))
    door = Door(listener, verbs)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: door.stop())
    every = watchdog_seconds()
    engine.resume()
    look_back(verbs)
    notify("READY=1", "STATUS=serving")

    def idle() -> None:
        if every is not None:
            notify("WATCHDOG=1")

    door.run(idle, min(IDLE_SECONDS, every or IDLE_SECONDS))
    if committed.is_set():
        # Who watches gets the verdict from us; who connects now waits in the backlog for the next engine.
        door.emptied(HAND_OVER_SECONDS)
        hand_over()
    notify("STOPPING=1")


def main() -> int:
    """Run; 1 without an inherited socket."""
    journal.write_to(sys.stderr, "info")
    os.umask(0o022)
    inherited = listen_fds()
    if not inherited:
        sys.stderr.write("cannot start: the service manager passed no socket\n")
        return 1
    where = facts()
    where.paths.journal.mkdir(mode=0o700, parents=True, exist_ok=True)
    serve(socket.socket(fileno=inherited[0].fd), build(where), where)
    return 0


if __name__ == "__main__":
    sys.exit(main())
