"""An engine that dies at any effect of its work, and dies again at any effect of its recovery: what is left then."""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.faults import Faulty
from tests.crash.machine import Crash, Machine, problems, snapshot_of
from tests.crash.releases import Content

from att.upgrade.service import Asked
from att_stage0.asked_for import operator_rollback
from att_stage0.journal import decode
from att_stage0.recover import repair
from att_stage0.transaction import State, fold

OLD = Content("1.0.0")
CLASSES = {
    "none": Content("1.1.0"),
    "additive": Content("1.1.0", steps=((1, 1, "none"), (2, 1, "additive"))),
    "breaking": Content("1.1.0", steps=((1, 1, "none"), (2, 2, "breaking"))),
}
DATABASES_MAX = 4
"""The live one, two that are kept, and the copy of a transaction."""
_RESERVE = ".upgrade/reserve"
"""Whoever begins makes it anew."""


@dataclass(frozen=True)
class Work:
    """What the engine does when it dies, on a machine that `before` made ready."""

    act: Callable[[Faulty], object]
    before: Callable[[Faulty], object] = lambda _machine: None
    again: bool = False
    """Whether whoever asked for it has to ask again: no record speaks of it, so no recovery goes on with it."""


def upgrade(name: str, sickness: str = "") -> Work:
    """An upgrade to a release of this class of migration."""

    def before(machine: Faulty) -> None:
        machine.sick["1.1.0"] = sickness

    return Work(lambda machine: machine.apply(CLASSES[name]), before)


def roll_back(machine: Faulty) -> None:
    machine.engine().rollback(None, Asked("test"))


def roll_back_by_stage0(machine: Faulty) -> None:
    with machine.world().lock():
        operator_rollback(machine.world(), None, "test")


def full(machine: Faulty) -> None:
    """As many releases and databases as are kept."""
    for number, content in enumerate((CLASSES["additive"], CLASSES["additive"], CLASSES["additive"])):
        steps = (*content.steps, *((3 + step, 1, "additive") for step in range(number)))
        machine.apply(Content(f"1.0.{number + 1}", steps=steps))


def one_more(machine: Faulty) -> None:
    steps = ((1, 1, "none"), *((number, 1, "additive") for number in range(2, 6)))
    machine.apply(Content("1.1.0", steps=steps))


def sweep(machine: Faulty) -> None:
    machine.engine().sweep()


def left_alone(machine: Faulty) -> None:
    """Releases that nothing keeps, and temporaries."""
    full(machine)
    for number in range(2):
        Content(f"0.{number}.0").install(machine.layout.releases)
    (machine.layout.opt / ".switch-current-0123456789ab").symlink_to("nowhere")


def repaired(machine: Faulty) -> None:
    with machine.world().lock():
        repair(machine.world())


def sick_twice(machine: Faulty) -> None:
    """FAILED_SAFE, with its cause gone."""
    machine.sick |= {"1.1.0": "never ready", "1.0.0": "never ready"}
    machine.apply(CLASSES["none"], despite_baseline=True)
    machine.sick.clear()


WORKS: dict[str, Work] = {
    **{f"upgrade, {name}": upgrade(name) for name in CLASSES},
    **{f"upgrade that fails its trial, {name}": upgrade(name, "probation") for name in CLASSES},
    "upgrade whose migration fails": upgrade("additive", "migration"),
    "upgrade that removes an old release": Work(one_more, full),
    "rollback asked for": Work(roll_back, lambda machine: machine.apply(CLASSES["additive"])),
    "rollback by stage0": Work(roll_back_by_stage0, lambda machine: machine.apply(CLASSES["none"])),
    "cleanup": Work(sweep, left_alone, again=True),
    "repair after FAILED_SAFE": Work(repaired, sick_twice, again=True),
}


def a_power_cut(machine: Machine) -> None:
    machine.power_cut()
    machine.boot()


RECOVERIES: dict[str, Callable[[Machine], None]] = {
    "power": a_power_cut,
    "engine": Machine.engine_restarts,
    "watchdog": Machine.watchdog_fires,
}


def made(root: Path, watch: Callable[[Faulty], None], work: Work, chance: random.Random | None = None) -> Faulty:
    """Return a machine that is about to do this work, watched from now on."""
    machine = Faulty(root, chance=chance)
    watch(machine)
    machine.install(OLD)
    machine.first_boot()
    work.before(machine)
    machine.effects.clear()
    machine.watch()
    return machine


@dataclass
class Tried:
    """What was tried: how often, which effects were died at, and every end that no machine may come to."""

    effects: int = 0
    deaths: int = 0
    pairs: int = 0
    first: set[str] = field(default_factory=set)
    second: set[str] = field(default_factory=set)
    bad: list[str] = field(default_factory=list)


def died(machine: Faulty, act: Callable[[Faulty], object], at: int) -> bool:
    """Have it die before its effect number `at` from now; False when it ended before."""
    machine.crash_at = len(machine.effects) + at
    try:
        act(machine)
    except Crash:
        return True
    machine.crash_at = None
    return False


def recovered(machine: Faulty, name: str) -> None:
    """Recover it for good."""
    machine.dead = False
    RECOVERIES[name](machine)


def wrongs(machine: Machine, *, committed: str = "") -> Iterator[str]:
    """Yield every invariant that does not hold (upgrade.md, "How to prove it"); the machine boots once more."""
    yield from problems(machine)
    if committed and machine.world().links().current != committed:
        yield f"{committed} was committed, {machine.world().links().current} runs"
    count = len(list(machine.facts.paths.api_state.glob("db-*")))
    if count > DATABASES_MAX:
        yield f"{count} databases"
    before = snapshot_of(machine.layout.opt)
    machine.power_cut()
    machine.boot()
    yield from (f"after another boot: {problem}" for problem in problems(machine))
    after = snapshot_of(machine.layout.opt)
    changed = sorted(name for name in {*before, *after} - {_RESERVE} if before.get(name) != after.get(name))
    if changed:
        yield f"recovery is not idempotent: {changed}"


def committed_by(machine: Faulty) -> str:
    """The release whose commit is durable, before anybody recovers."""
    found = fold(decode(machine.disk.durable(machine.layout.journal)).records)
    if not found or found[-1].state is not State.COMMITTED or found[-1].cleaned:
        return ""
    return found[-1].target


def try_pairs(
    folder: Path, watch: Callable[[Faulty], None], work: Work, seeds: random.Random, *, places: int, again: int
) -> Tried:
    """Have `work` die at up to `places` of its effects, by chance, and each recovery at up to `again` of its own."""
    found = Tried()
    machine = made(folder / "whole", watch, work)
    work.act(machine)
    found.effects = len(machine.effects)
    found.bad += wrongs(machine)
    machine.disk.close()
    machine.quiet = 1
    shutil.rmtree(folder / "whole")
    for number in sorted(seeds.sample(range(1, found.effects + 1), min(places, found.effects))):
        names = seeds.choices(list(RECOVERIES), k=2)
        count = _one(folder, watch, work, found, (number, names, None, seeds))
        for second in seeds.sample(range(1, count + 1), min(again, count)):
            _one(folder, watch, work, found, (number, names, second, seeds))
    return found


def _one(
    folder: Path,
    watch: Callable[[Faulty], None],
    work: Work,
    found: Tried,
    case: tuple[int, list[str], int | None, random.Random],
) -> int:
    """Die once, or twice, and recover; returns how many effects the first recovery had."""
    number, (first, last), second, seeds = case
    chance = random.Random(seeds.random()) if seeds.random() < 0.5 else None
    machine = made(folder / "m", watch, work, chance)
    try:
        if not died(machine, work.act, number):
            return 0
        committed, found.deaths = committed_by(machine), found.deaths + 1
        found.first.add(machine.point)
        machine.dead = False
        began = len(machine.effects)
        if second is not None and died(machine, RECOVERIES[first], second):
            found.second.add(machine.point)
            committed, found.pairs = committed_by(machine) or committed, found.pairs + 1
            recovered(machine, last)
        elif second is None:
            recovered(machine, first)
        count = len(machine.effects) - began
        if work.again:
            work.act(machine)
        found.bad += (f"{case[:3]}, {machine.point}: {wrong}" for wrong in wrongs(machine, committed=committed))
        return count
    finally:
        machine.disk.close()
        machine.quiet = 1
        shutil.rmtree(folder / "m")
