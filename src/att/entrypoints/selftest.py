"""A release's self-test before it is switched to: `python -m att.entrypoints.selftest`, shut in by the old engine.

Imports every module, reads the journal that comes on stdin (base64), round-trips its records, knows its own version and
schema, has its own engine answer over a socket and its attctl run. Exit 0, or 1 with what
is wrong on stderr.
"""

import base64
import importlib
import pkgutil
import socket
import sys
import tempfile
import threading
from pathlib import Path

import att
import att_stage0
from att.appliance import facts, release_root, running_release
from att.effects.processes import run
from att.health.probes import SocketProbe
from att.release.installed import read_metadata
from att.store.migrations import head
from att.upgrade.building.launched import LaunchedTasks
from att.upgrade.building.workshop import Workshop
from att.upgrade.client import EngineClient
from att.upgrade.databases import DatabasePrograms
from att.upgrade.door import Door
from att.upgrade.selftests import SandboxedSelfTests
from att.upgrade.service import Engine
from att.upgrade.tools import Tools, layout_of
from att.upgrade.verbs import Verbs
from att.upgrade.wire import Peer
from att_stage0.decision import choose
from att_stage0.journal import Decoded, decode, encode
from att_stage0.readiness import SocketReadyz
from att_stage0.transaction import fold
from att_stage0.units import Systemctl
from att_stage0.world import SystemClock, World

ATTCTL_SECONDS_MAX = 60.0
WAYS_BACK = (("upgrade", "apply"), ("rollback",))
"""What an operator needs at the SSH door when all else is wrong."""


class Wrong(Exception):
    """The release must not be switched to."""


def import_everything() -> int:
    """Import every module of this release; returns how many."""
    names = [
        found.name
        for package in (att, att_stage0)
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
        if not found.name.endswith("__main__")
    ]
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            raise Wrong(f"cannot import {name}: {type(error).__name__}: {error}") from error
    return len(names)


def read_journal(data: bytes) -> Decoded:
    """Read the running engine's journal and write it again: the bytes must be the same."""
    decoded = decode(data)
    again = b"".join(encode(record) for record in decoded.records)
    if not decoded.damaged and again != data[: decoded.good_bytes]:
        raise Wrong("the journal does not survive a round trip")
    if data and not decoded.records:
        raise Wrong("the journal cannot be read")
    return decoded


def know_itself() -> None:
    """The code must be of the version that the metadata names, the migrations lead to the schema that it promises."""
    root = release_root()
    if not (root / "metadata.json").is_file():
        return
    metadata = read_metadata(root)
    if metadata.version != running_release():
        raise Wrong(f"the code is of version {running_release()}, the metadata of {metadata.version}")
    promised, found = metadata.database, head(root / "upgrade" / "migrations")
    if promised.version != found.version:
        raise Wrong(f"the migrations lead to schema {found.version}, the metadata promises {promised.version}")


def answer_as_engine(journal: bytes) -> None:
    """Start this release's engine on a socket of its own, over the journal it would find, and ask it."""
    with tempfile.TemporaryDirectory(prefix="att-selftest-") as folder:
        root = Path(folder)
        where = facts().rooted(root)
        layout = layout_of(where)
        layout.journal_directory.mkdir(parents=True)
        layout.journal.write_bytes(journal)
        units, clock = Systemctl(), SystemClock()
        world = World(layout, units, SocketReadyz(layout.api_socket), clock)
        choose(world.transaction(), world.links(), clock.boot_id())
        probe = SocketProbe(layout.api_socket, units, clock, lambda: "")
        tools = Tools(world, where, DatabasePrograms(where), SandboxedSelfTests(), probe)
        workshop = Workshop(where, LaunchedTasks(where.unit("att-launcher").socket_paths[0]))
        _ask(root / "engine.sock", Verbs(Engine(tools), tools, where, workshop))


def _ask(path: Path, verbs: Verbs) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        door = Door(listener, verbs, who=lambda _: Peer(0, "self-test", operator=True, api=False))
        thread = threading.Thread(target=door.run, args=(lambda: None, 0.05), daemon=True)
        thread.start()
        try:
            told = EngineClient(path).call_now("status")
            EngineClient(path).call_now("history", {"limit": 5})
        finally:
            door.stop()
            thread.join(timeout=5)
    if "state" not in told:
        raise Wrong(f"the engine answered {told}")


def answer_at_the_ssh_door() -> None:
    """Start this release's attctl as an operator would: where it cannot run, nobody could repair anything."""
    program = [sys.executable, "-P", "-B", "-m", "att.entrypoints.attctl"]
    for words in WAYS_BACK:
        command = [*program, *words, "--help"]
        done = run(command, timeout_seconds=ATTCTL_SECONDS_MAX)
        if not done.ok:
            raise Wrong(f"attctl {' '.join(words)} cannot run: {done.errors.strip()[-400:]}")


def main() -> int:
    """Run all of it."""
    data = base64.b64decode(sys.stdin.read() or "")
    try:
        count = import_everything()
        decoded = read_journal(data)
        know_itself()
        answer_as_engine(data)
        answer_at_the_ssh_door()
    except Exception as error:  # noqa: BLE001 -- outermost handler: whatever it is, the release is not fit
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    known = len(fold(decoded.records))
    sys.stdout.write(f"ok: {count} modules, {known} transactions\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
