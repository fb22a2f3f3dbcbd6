"""Boot recovery, the engine and an operator want to end the same upgrade in the same moment, each in its process."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from tests.crash.ailing import Seen
from tests.crash.appliance import NEXT, Appliance, parts_of
from tests.crash.appliance import made as installed_at
from tests.crash.machine import Crash
from tests.crash.test_struck_calls import bring
from tests.crash.twice import wrongs

from att_stage0.asked_for import CannotGoBack, operator_rollback
from att_stage0.recover import recover
from att_stage0.verdicts import Actor
from att_stage0.world import Busy

MOMENTS = ("journal STAGED done", "journal SWITCHED done", "journal RESTARTED done")
ROUNDS = 4
SECONDS_MAX = 60.0
ACTED, REFUSED, FAILED = 0, 3, 1


def by_boot(machine: Appliance) -> int:
    """att-recover.service."""
    machine.reload()
    with machine.world().lock():
        recover(machine.world(), Actor.BOOT)
    return ACTED


def by_engine(machine: Appliance) -> int:
    """The engine, which goes on with what it finds."""
    machine.reload()
    machine.engine().resume()
    transaction = machine.world().transaction()
    if transaction is not None and not transaction.finished:
        raise Busy("the engine left it to another")
    return ACTED


def by_operator(machine: Appliance) -> int:
    """`attctl rollback` without an engine."""
    machine.reload()
    with machine.world().lock():
        try:
            operator_rollback(machine.world(), None, "test")
        except CannotGoBack:
            return REFUSED
    return ACTED


OWNERS: dict[str, Callable[[Appliance], int]] = {"boot": by_boot, "engine": by_engine, "operator": by_operator}


def three_owners(folder: Path) -> Seen:
    """Interrupt an upgrade at each moment, and let all three loose on it."""
    told: dict[str, int] = {"busy": 0}
    for moment in MOMENTS:
        for number in range(ROUNDS):
            place = folder / f"{moment.split()[1]}-{number}"
            place.mkdir()
            told["busy"] += _one(place, moment)
    return Seen(
        f"one acts, the others are told that another does ({told['busy']} times in {len(MOMENTS) * ROUNDS} rounds) "
        "and find nothing left to do",
        "none lost",
        "asking again",
    )


def _one(place: Path, moment: str) -> int:
    machine = _interrupted(place, moment)
    go, said = os.pipe(), os.pipe()
    children = [_child(machine, act, go, said) for act in OWNERS.values()]
    os.close(go[0])
    os.close(go[1])  # at once, to all
    os.close(said[1])
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    with os.fdopen(said[0]) as pipe:
        busy = pipe.read().count("b")
    assert set(codes) <= {ACTED, REFUSED}, (moment, codes)
    machine.power_cut()
    machine.boot()
    assert list(wrongs(machine)) == [], moment
    return busy


def _interrupted(place: Path, moment: str) -> Appliance:
    parts_of(NEXT).write(place / f"{NEXT.version}.attb")
    machine = installed_at(place / "root")
    machine.dies_before = moment
    try:
        bring(NEXT)(machine)
    except Crash:
        machine.power_cut()
    return machine


def _child(machine: Appliance, act: Callable[[Appliance], int], go: tuple[int, int], said: tuple[int, int]) -> int:
    child = os.fork()
    if child:
        return child
    code = FAILED
    try:
        os.close(go[1])
        os.read(go[0], 1)
        code = _insist(machine, act, said[1])
    finally:
        os._exit(code)


def _insist(machine: Appliance, act: Callable[[Appliance], int], said: int) -> int:
    """Ask again while another acts, as the service manager and a person do."""
    until = time.monotonic() + SECONDS_MAX
    while time.monotonic() < until:
        try:
            return act(machine)
        except Busy:
            os.write(said, b"b")
            os.sched_yield()
    return FAILED
