"""The engine's door and its client over a real socket, with real descriptors, over a model machine."""

import grp
import os
import pwd
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketStream
from tests.crash.machine import Machine
from tests.crash.releases import Content
from tests.fakes.workshop import FakeWorkshop

from att.kernel.errors import AttError, Forbidden, InvalidInput, Refused, TooMany, Unavailable
from att.upgrade import client as clients
from att.upgrade import door as doors
from att.upgrade.client import EngineClient
from att.upgrade.door import Door
from att.upgrade.schema import Transaction as View
from att.upgrade.service import Asked, Engine
from att.upgrade.verbs import Verbs
from att.upgrade.wire import Peer
from att_stage0 import audit
from att_stage0.transaction import Transaction

OPERATOR = Peer(1000, "operator", operator=True, api=False)


class Served:
    """One engine behind a socket; `peer` is who its clients are taken for."""

    def __init__(self, root: Path) -> None:
        self.machine = Machine(root / "machine")
        self.machine.install(Content("1.0.0"))
        self.machine.first_boot()
        self.tools = self.machine.tools()
        self.machine.contents["1.1.0"] = Content("1.1.0")
        self.tools.open = lambda fd: self._open(fd)  # type: ignore[assignment,return-value]
        self.engine = Engine(self.tools)
        self.path = root / "s.sock"
        self.peer = OPERATOR
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self.path))
        self.listener.listen()
        verbs = Verbs(self.engine, self.tools, self.machine.facts, FakeWorkshop(self.machine, root))
        self.door = Door(self.listener, verbs, who=lambda _: self.peer)
        self.thread = threading.Thread(target=self.door.run, args=(lambda: None, 0.02))
        self.thread.start()
        self.client = EngineClient(self.path)

    def _open(self, fd: int) -> object:
        from tests.crash.releases import FakeBundle

        return FakeBundle(Content(os.pread(fd, 100, 0).decode()))

    def close(self) -> None:
        self.engine.join(10)
        self.door.stop()
        self.thread.join()
        self.listener.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.close()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "bundle"
    path.write_text("1.1.0")
    return path


def test_the_audit_log_is_read_while_nobody_puts_a_file_of_it_aside(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path, size: int) -> bytes:
        monkeypatch.setattr(audit, "_TURN_SECONDS_MAX", 0.0)
        with audit.turn(path.parent) as mine:
            return b'{"free":true}' if mine else audit.tail(path, size)

    audit.append(served.tools.world.layout.audit, {"n": 1})
    monkeypatch.setattr("att.upgrade.verbs.tail", read)
    assert [one["n"] for one in served.client.call_now("audit", {"limit": 1})["entries"]] == [1]


@pytest.mark.anyio
async def test_an_upgrade_is_begun_followed_and_committed(served: Served, bundle: Path) -> None:
    begun = await served.client.call_with_file("apply", bundle, {"force": False}, request_id="req_1")
    items = [item async for item in served.client.watch(begun["transaction"])]
    assert items[-1]["result"]["verdict"] == "committed"
    assert next(item["state"] for item in items if item.get("cursor")) == "VERIFIED"
    assert served.client.call_now("status")["current"] == "1.1.0"
    entries = served.client.call_now("audit", {"limit": 50})["entries"]
    assert {entry["request_id"] for entry in entries if entry["transaction"] == begun["transaction"]} == {"req_1"}


@pytest.mark.anyio
async def test_watching_an_engine_that_ends_every_connection_comes_to_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "LOST_SECONDS_MAX", 0.1)
    monkeypatch.setattr(clients, "RETRY_SECONDS", 0.02)
    path = tmp_path / "s.sock"
    taken: list[None] = []

    async def hang_up(connection: SocketStream) -> None:
        await connection.receive()
        taken.append(None)
        await connection.aclose()

    async with await anyio.create_unix_listener(path) as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, hang_up)
        with anyio.fail_after(30), pytest.raises(Unavailable) as caught:
            async for _ in EngineClient(path).watch("newest"):
                pass
        tasks.cancel_scope.cancel()
    assert caught.value.code == "engine_unavailable"
    assert len(taken) > 1


@pytest.mark.anyio
async def test_watching_goes_on_from_a_cursor(served: Served, bundle: Path) -> None:
    begun = await served.client.call_with_file("apply", bundle)
    first = [item async for item in served.client.watch(begun["transaction"])]
    cursors = [item["cursor"] for item in first if item.get("cursor")]
    rest = [item async for item in served.client.watch(begun["transaction"], cursor=cursors[2])]
    assert [item["cursor"] for item in rest if item.get("cursor")] == cursors[3:]


@pytest.mark.anyio
async def test_who_watches_is_told_the_last_record_when_it_is_written_between_two_looks(
    served: Served, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = await served.client.call_with_file("apply", bundle)
    served.engine.join(10)
    whole, shown = served.engine.show(begun["transaction"]), list[str]()

    def show(name: str) -> View:
        shown.append(name)
        return whole if len(shown) > 2 else whole.model_copy(update={"passages": whole.passages[:-1]})

    monkeypatch.setattr(served.engine, "show", show)
    monkeypatch.setattr(served.engine, "status", lambda: {"transaction": None if len(shown) > 1 else whole.id})
    items = [item async for item in served.client.watch(whole.id)]
    assert [item["cursor"] for item in items if item.get("cursor")] == [one.cursor for one in whole.passages]


def test_the_bundle_is_copied_before_it_is_looked_at(served: Served, bundle: Path) -> None:
    begun = served.client.call_now("apply", file=bundle)
    bundle.write_text("6.6.6")
    served.engine.join(10)
    assert served.client.call_now("show", {"transaction": begun["transaction"]})["target"] == "1.1.0"
    assert list(served.tools.world.layout.spool.iterdir()) == []


def test_a_plan_changes_nothing(served: Served, bundle: Path) -> None:
    before = served.client.call_now("status")
    plan = served.client.call_now("plan", file=bundle)
    assert (plan["version"], plan["refusal"], plan["schema_class"]) == ("1.1.0", None, "none")
    assert served.client.call_now("status") == before


def test_the_api_may_not_reset_the_admin(served: Served) -> None:
    served.peer = Peer(990, "att", operator=False, api=True)
    with pytest.raises(Forbidden):
        served.client.call_now("reset_admin")
    assert served.client.call_now("status")["current"] == "1.0.0"


def test_strangers_get_nothing(served: Served) -> None:
    served.peer = Peer(5, "games", operator=False, api=False)
    with pytest.raises(Forbidden):
        served.client.call_now("status")


def test_a_rollback_without_target_is_refused_and_changes_nothing(served: Served) -> None:
    with pytest.raises(Refused) as caught:
        served.client.call_now("rollback", {"to": None})
    assert caught.value.code == "no_rollback_target"
    assert served.client.call_now("history")["transactions"] == []


@pytest.mark.parametrize("verb", ["apply", "plan", "bootstrap_propose", "bootstrap_release"])
def test_a_bundle_or_pack_must_come_as_a_regular_file(served: Served, verb: str, tmp_path: Path) -> None:
    served.peer = Peer(990, "att", operator=False, api=True)
    with pytest.raises(InvalidInput) as caught:
        served.client.call_now(verb)
    assert caught.value.code == "bundle_unreadable"
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = os.open(fifo, os.O_RDWR)
    try:
        with pytest.raises(InvalidInput) as caught:
            served.client.call_now(verb, file=fifo)
    finally:
        os.close(writer)
    assert caught.value.code == "bundle_foreign"


def test_a_file_that_is_not_there_is_told_before_the_engine_is_asked(served: Served, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot read"):
        served.client.call_now("apply", file=tmp_path / "gone")


def test_an_endless_line_is_cut_off(served: Served) -> None:
    with socket.socket(socket.AF_UNIX) as rude:
        rude.connect(str(served.path))
        rude.settimeout(10)
        try:
            for _ in range(40):
                rude.sendall(b"x" * 65_536)
        except OSError:
            return
        assert b"error" in rude.recv(4096)


def test_too_many_connections_are_turned_away(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    idle = []
    try:
        for _ in range(doors.CONNECTIONS_MAX):
            one = socket.socket(socket.AF_UNIX)
            one.connect(str(served.path))
            idle.append(one)
        with pytest.raises((TooMany, Unavailable)):
            served.client.call_now("status")
    finally:
        for one in idle:
            one.close()


def test_nobody_behind_the_socket_is_told_as_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        EngineClient(tmp_path / "gone.sock").call_now("status")
    assert caught.value.code == "engine_unavailable"


def test_a_second_upgrade_names_the_owner_of_the_first(served: Served, bundle: Path) -> None:
    with served.machine.world().lock(), pytest.raises(AttError) as caught:
        served.client.call_now("apply", file=bundle)
    assert caught.value.code == "upgrade_running"
    assert list(served.tools.world.layout.spool.iterdir()) == []


def test_the_members_of_the_operators_are_counted_by_either_file(monkeypatch: pytest.MonkeyPatch) -> None:
    group = grp.struct_group(("att-operators", "x", 900, ["ann", "bea"]))
    first = pwd.struct_passwd(("operator", "x", 1000, 900, "", "/", "/bin/sh"))
    other = pwd.struct_passwd(("games", "x", 5, 5, "", "/", "/bin/sh"))
    monkeypatch.setattr(grp, "getgrnam", {"att-operators": group}.__getitem__)
    monkeypatch.setattr(pwd, "getpwall", lambda: [first, other])
    assert doors.operators() == {"ann", "bea", "operator"}
    monkeypatch.setattr(doors, "OPERATORS", "nobody-has-this")
    assert doors.operators() == frozenset()


def test_root_and_unknown_uids_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doors.peer(0).operator
    assert not doors.peer(3_999_999).operator
    assert not doors.peer(65534).api


def test_a_rollback_that_waited_for_the_end_of_a_commit_is_left_to_the_next_engine(
    served: Served, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, waits, told = served.tools.world, threading.Event(), list[AttError]()
    left = threading.Event()
    engine = Engine(served.tools, release="1.0.0", on_commit=left.set)

    def ask() -> None:
        try:
            engine.rollback("1.0.0", Asked("operator"))
        except AttError as error:
            told.append(error)

    asking, looked = threading.Thread(target=ask), world.transaction

    def look() -> Transaction | None:
        found = looked()
        if threading.current_thread() is asking:
            waits.set()
        return found

    def recorded(transaction: Transaction) -> None:
        if transaction.finished:
            asking.start()
            assert waits.wait(10)

    monkeypatch.setattr(world, "transaction", look)
    monkeypatch.setattr(world, "on_record", recorded)
    with bundle.open("rb") as file:
        engine.apply(file.fileno(), Asked("operator"))
        assert engine.join(10)
    asking.join(10)
    assert left.is_set()
    assert [error.code for error in told] == ["engine_leaving"]
    assert [one.kind for one in engine.history(10)] == ["upgrade"]


def test_a_client_whom_an_engine_that_hands_over_turns_away_asks_the_next_one(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "RETRY_SECONDS", 0.0)
    turned_away: list[str] = []

    def leaves_first() -> dict[str, object]:
        if not turned_away:
            turned_away.append("engine_leaving")
            raise Unavailable("engine_leaving", "cannot begin: the engine hands over", retry_after_seconds=1)
        return {"current": "1.1.0"}

    monkeypatch.setattr(served.engine, "status", leaves_first)
    assert served.client.call_now("status")["current"] == "1.1.0"
    assert turned_away == ["engine_leaving"]
