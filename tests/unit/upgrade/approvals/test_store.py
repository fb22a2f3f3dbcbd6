"""The engine's files about changes of the appliance by itself."""

import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.crash.machine import Crash, Machine

from att.kernel.errors import Failed, TooLarge
from att.upgrade.approvals.schema import (
    APPROVALS_MAX,
    Approval,
    Change,
    Cycle,
    Denial,
    Difference,
    Held,
    Paused,
    Proposal,
    Record,
)
from att.upgrade.approvals.store import DENIALS_MAX, Store

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
A, TREE = "a" * 40, "1" * 64


def record(number: int = 7, *, paths: int = 0, minute: int = 0) -> Record:
    protected = tuple(f"src/att/upgrade/{'x' * 200}{at}" for at in range(paths))
    proposal = Proposal(
        number=number,
        base=A,
        change=Change(commit=A, tree=TREE, protected=protected),
        difference=Difference(),
        by="att(uid 990)",
        at=NOON.replace(minute=minute),
    )
    return Record(proposal=proposal)


def denial(number: int) -> Denial:
    return Denial(number=number, commit=A, tree=TREE, by="ann(uid 1000)", at=NOON)


CYCLE = Cycle(job="job_1", number=7, commit=A, transaction="txn_1", at=NOON)
PAUSED = Paused(by="ann(uid 1000)", at=NOON, reason="a visit")
HELD = Held(commit=A, number=7)
WRITES: list[tuple[str, Callable[[Store], Any], Callable[[Store], Any]]] = [
    ("proposals/7.json", lambda store: store.put_record(record()), lambda store: store.record(7)),
    ("cycles/job_1.json", lambda store: store.put_cycle(CYCLE), lambda store: store.cycle("job_1")),
    ("denials.json", lambda store: store.put_denials((denial(7),)), lambda store: store.denials()),
    ("paused.json", lambda store: store.put_paused(PAUSED), lambda store: store.paused()),
    ("held.json", lambda store: store.put_held(HELD), lambda store: store.held()),
]
EACH = pytest.mark.parametrize(("name", "write", "read"), WRITES, ids=[name for name, _, _ in WRITES])


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def store(machine: Machine) -> Store:
    return Store(machine.world())


def place(machine: Machine, name: str) -> Path:
    return machine.layout.upgrade_state / "bootstrap" / name


@EACH
def test_what_is_written_is_there_for_the_next_engine_and_for_root_alone(
    machine: Machine, store: Store, name: str, write: Callable[[Store], Any], read: Callable[[Store], Any]
) -> None:
    assert not read(store)
    write(store)
    assert read(Store(machine.world())) == read(store) != ()
    assert read(store) in (record(), CYCLE, (denial(7),), PAUSED, HELD)
    assert stat.S_IMODE(place(machine, name).stat().st_mode) == 0o600
    assert stat.S_IMODE(place(machine, name).parent.stat().st_mode) == 0o700


@EACH
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"more": 1}', b"\xff", b"[" * 100_000, b" " * 800_000])
def test_a_file_that_cannot_be_read_is_named_and_left_as_it_is(
    machine: Machine,
    store: Store,
    name: str,
    write: Callable[[Store], Any],
    read: Callable[[Store], Any],
    content: bytes,
) -> None:
    write(store)
    place(machine, name).write_bytes(content)
    with pytest.raises(Failed, match=name) as caught:
        read(store)
    assert caught.value.code == "bootstrap_damaged"
    assert place(machine, name).read_bytes() == content


@EACH
def test_a_death_while_writing_leaves_what_was_there(
    machine: Machine, store: Store, name: str, write: Callable[[Store], Any], read: Callable[[Store], Any]
) -> None:
    machine.dies_before = f"write {Path(name).name}"
    with pytest.raises(Crash):
        write(store)
    assert not read(store)
    left = place(machine, name).with_name(f".{Path(name).name}.new")
    left.write_text("half of")
    assert (store.records(), store.cycles()) == (([], []), ([], []))
    write(store)
    assert read(store)
    assert not left.exists()


def test_the_others_are_still_told_when_one_cannot_be_read(machine: Machine, store: Store) -> None:
    for number in (9, 7, 8):
        store.put_record(record(number, minute=number))
    place(machine, "proposals/8.json").write_text("{")
    found, problems = store.records()
    assert [one.proposal.number for one in found] == [7, 9]
    assert len(problems) == 1
    assert "proposals/8.json" in problems[0]


def test_a_file_in_a_place_of_which_the_name_is_a_folder_is_told(machine: Machine, store: Store) -> None:
    place(machine, "paused.json").mkdir(parents=True)
    with pytest.raises(Failed) as caught:
        store.paused()
    assert caught.value.code == "bootstrap_damaged"


def test_what_is_taken_back_is_gone(store: Store) -> None:
    store.put_paused(PAUSED)
    store.put_held(HELD)
    store.put_record(record())
    store.put_cycle(CYCLE)
    for _ in range(2):
        store.put_paused(None)
        store.put_held(None)
        store.drop_record(7)
        store.drop_cycle("job_1")
    assert (store.paused(), store.held(), store.record(7), store.cycle("job_1")) == (None, None, None, None)


def test_more_than_a_line_of_the_socket_holds_is_refused_and_the_former_stays(store: Store) -> None:
    store.put_record(record())
    with pytest.raises(TooLarge) as caught:
        store.put_record(record(paths=4_000))
    assert caught.value.code == "change_too_large"
    assert store.record(7) == record()


def test_the_newest_denials_are_kept(store: Store) -> None:
    store.put_denials(tuple(denial(number) for number in range(1, DENIALS_MAX + 3)))
    assert [one.number for one in store.denials()] == list(range(3, DENIALS_MAX + 3))


def test_approvals_of_one_proposal_are_bounded() -> None:
    said = Approval(commit=A, tree=TREE, by="ann", door="ssh", kind="person", at=NOON)
    with pytest.raises(ValueError, match="approvals"):
        Record(proposal=record().proposal, approvals=(said,) * (APPROVALS_MAX + 1))


def test_the_folders_are_durable_before_anything_lies_in_them(
    machine: Machine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        synced.append(Path(f"/proc/self/fd/{fd}").readlink().name)
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    store.put_cycle(CYCLE)
    assert synced == [machine.layout.upgrade_state.name, "bootstrap", ".job_1.json.new", "cycles"]
