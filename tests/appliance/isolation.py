"""What a project's task tries on another project and on the appliance; each is first seen to work for its owner."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dev.vm.machine import wait_until
from dev.vm.step import VmError
from tests.appliance.box import Box
from tests.appliance.tasks import BIN, Tasks, denied, probes_as_root

PORT, DEBUG_PORT = 18100, 5678
RESIDENT = ("/usr/bin/python3", "-I", f"{BIN}/resident.py", str(PORT), str(DEBUG_PORT))
# The first to ask the router waits for its start; a probe gives it a minute.
BEGIN_SECONDS_MAX = 90.0
DATABASE = "/var/lib/att/api/db/att.db"
NO_KEY = "HTTP Error 401: Unauthorized"

APPLIANCES = {
    # The API's database and its keys.
    f"read={DATABASE}": "ENOENT",
    "read=/var/lib/att/api/router-signing.key": "ENOENT",
    "read=/var/lib/att/api/egress-signing.key": "ENOENT",
    "write=/var/lib/att/api": "ENOENT",
    # Secrets of the appliance.
    "read=/etc/att/secrets.d/sealing-key": "EACCES",
    "read=/run/credentials/att-api.service/sealing-key": "ENOENT",
    "read=/var/lib/att/launcher/local.key": "ENOENT",
    "read=/var/lib/att/upgrade/trust/appliance.key": "ENOENT",
    "read=/etc/att/tls/server.pem": "EACCES",
    "read=/etc/shadow": "EACCES",
    # Doors of services, and the appliance port.
    "connect=/run/att/launcher.sock": "ENOENT",
    "connect=/run/att/local.sock": "ENOENT",
    "connect=/run/att/upgraded.sock": "ENOENT",
    "connect=/run/att/api.sock": "ENOENT",
    "connect=/run/att/egress.sock": "ENOENT",
    "connect=/run/systemd/private": "EACCES",
    "connect=/run/dbus/system_bus_socket": "EACCES",
    "connect=/run/systemd/resolve/io.systemd.Resolve": "EACCES",
    "port=7443": "ECONNREFUSED",
    # What everybody may write, and what runs as root.
    "write=/run/lock": "EACCES",
    "write=/opt/att/releases": "EROFS",
    "write=/usr/lib/att": "EROFS",
    "write=/etc": "EROFS",
    # What nobody in a sandbox may do.
    "ptrace": "EPERM",
    "mount": "EPERM",
    "module": "EPERM",
    "namespace": "EPERM",
    "execute_memory": "EACCES",
}
# By the beginning of a probe of the neighbour's things, what stops everybody else.
STOPPED_BY = (
    (re.compile(r"port=|abstract="), "ECONNREFUSED"),
    (re.compile(r"send_signal="), "EPERM"),
    (re.compile(r"router="), NO_KEY),
    (re.compile(r"read=/run/lock/|write=/run/lock"), "EACCES"),
    (re.compile(r"read=|write=|connect="), "ENOENT"),
)


@dataclass(frozen=True)
class Neighbour:
    """A running app that left something everywhere: its slot, its task, its key, and what it gets at itself."""

    slot: int
    task_id: str
    key: str
    own: dict[str, str]

    def expected(self) -> dict[str, str]:
        """What the same probes come to for everybody else."""
        return {one: next(why for begins, why in STOPPED_BY if begins.match(one)) for one in self.own}


@contextmanager
def neighbour(tasks: Tasks, slot: int) -> Iterator[Neighbour]:
    """The app `resident.py` in that slot for as long as the block runs."""
    key = tasks.router_key(slot)
    task_id = tasks.start(slot, RESIDENT, kind="app", port=PORT, secrets={"ATT_ROUTER_KEY": key})
    try:
        yield Neighbour(slot, task_id, key, json.loads(_first_line(tasks, slot, task_id)))
    finally:
        tasks.do("stop", slot, task_id=task_id)


def _first_line(tasks: Tasks, slot: int, task_id: str) -> str:
    """What the resident says first; raises AssertionError with all there is to know where it ends or stays silent."""
    seen: dict[str, Any] = {}

    def said_or_ended() -> bool:
        seen.update(tasks.do("log", slot, task_id=task_id))
        return "}" in seen["log"] or seen["state"]["ending"] is not None

    try:
        wait_until(said_or_ended, BEGIN_SECONDS_MAX * tasks.box.patience, "the resident")
    except VmError as error:
        router = tasks.box.run("journalctl", "-u", "att-router", "-n", "40", "--no-pager", check=False).stdout
        raise AssertionError(f"{error}\n{seen}\n{router}") from error
    assert "}" in seen["log"], seen
    return str(seen["log"]).splitlines()[0]


def appliance_is_out_of_reach(tasks: Tasks, slot: int) -> None:
    """No task gets at the appliance's database, secrets, doors or folders."""
    assert {probe: said for probe, said in probes_as_root(tasks.box, *APPLIANCES).items() if said != "ok"} == {}
    denied(tasks.probes(slot, *APPLIANCES), APPLIANCES)


def neighbour_is_out_of_reach(tasks: Tasks, slot: int, beside: Neighbour) -> None:
    """No task of another project gets at anything of the neighbour's, with the neighbour's own key neither."""
    assert {probe: said for probe, said in beside.own.items() if said != "ok"} == {}, "the owner can"
    for what in (f"port={PORT}", f"port={DEBUG_PORT}", "abstract=att-debug", "router=ATT_ROUTER_KEY"):
        assert what in beside.own
    stolen = {"ATT_ROUTER_KEY": beside.key}
    denied(tasks.probes(slot, *beside.own, secrets=stolen), beside.expected())
    denied(tasks.probes(slot, *beside.own, secrets=stolen, kind="app"), beside.expected())
    own = tasks.router_key(slot)
    assert tasks.probes(slot, "router=OWN", secrets={"OWN": own}) == {"router=OWN": "ok"}


def only_the_api_reaches_the_app(tasks: Tasks, beside: Neighbour) -> None:
    """The API asks the neighbour's app through its socket; its ports are not the machine's."""
    request = "GET /kept HTTP/1.0\r\n\r\n"
    answered = tasks.do("talk", beside.slot, task_id=beside.task_id, channel="app.sock", text=request)
    assert answered["answer"].endswith("private")
    outside = probes_as_root(tasks.box, f"port={PORT}", f"port={DEBUG_PORT}", "abstract=att-debug")
    assert set(outside.values()) == {"ECONNREFUSED"}


def app_is_out_of_reach(tasks: Tasks, project: str, slot: int, other: int) -> None:
    """Of the real app in `slot` a task in the slot `other` gets at nothing: port, sockets, log, key.

    The sockets are all there are in the project's folder: the app's, its terminal's, the agent's, a debugger's.
    """
    status = tasks.box.told("runtime", "status", project)
    folder = f"/var/lib/att/projects/p{slot:03}"
    sockets = tasks.box.run("find", folder, "-type", "s").stdout.split()
    files = [f"{folder}/tasks/{status['task_id']}/log", f"{folder}/work/pyproject.toml"]
    assert f"{folder}/tasks/{status['task_id']}/app.sock" in sockets
    seen = [f"connect={one}" for one in sockets] + [f"read={one}" for one in files]
    assert set(probes_as_root(tasks.box, *seen).values()) == {"ok"}
    expected = dict.fromkeys(seen, "ENOENT") | {f"port={status['port']}": "ECONNREFUSED", "router=STOLEN": NO_KEY}
    stolen = {"STOLEN": key_in_use(tasks.box, slot)}
    denied(tasks.probes(other, *expected, secrets=stolen), expected)


def key_in_use(box: Box, slot: int) -> str:
    """The key for the router that the running app of a slot was given, read as root from its credential."""
    spec = box.run("sh", "-c", f"cat /run/credentials/att-app@p{slot:03}-*.service/spec").stdout
    return str(json.loads(spec)["secrets"]["ATT_ROUTER_KEY"])


def slot_of(box: Box, slug: str) -> int:
    """The slot of a project, as the API's database has it."""
    program = (
        f"import sqlite3, sys; database = sqlite3.connect('file:{DATABASE}?mode=ro', uri=True, timeout=60);"
        "print(database.execute('SELECT slot FROM projects WHERE slug = ?', sys.argv[1:]).fetchone()[0])"
    )
    return int(box.run("python3", "-c", program, slug).stdout)
