"""Upgrades, rollbacks, repairs, cleanups, deaths and power cuts in any order leave what upgrade.md demands."""

import random
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.crash.calls import watched
from tests.crash.faults import Faulty
from tests.crash.moments import seeded
from tests.crash.releases import Content
from tests.crash.twice import OLD, RECOVERIES, died, wrongs

from att.kernel.errors import AttError
from att.upgrade.service import Asked
from att_stage0.asked_for import CannotGoBack, operator_rollback

NEVER = 100_000
deaths = st.one_of(st.just(NEVER), st.integers(1, 240), st.integers(1, 60))
sicknesses = st.one_of(st.just(""), st.sampled_from(("probation", "never ready", "unit", "migration", "self-test")))
classes = st.sampled_from(("none", "additive", "breaking"))


class AnyOrder(RuleBasedStateMachine):
    """One machine. After a death nothing happens but recoveries, the first of which may die as well."""

    def __init__(self) -> None:
        super().__init__()
        self._held = ExitStack()
        folder = Path(self._held.enter_context(tempfile.TemporaryDirectory(prefix="any-order-")))
        watch = self._held.enter_context(watched())
        self.machine = Faulty(folder / "m")
        watch(self.machine)
        self.machine.install(OLD)
        self.machine.first_boot()
        self.machine.watch()
        self.steps = OLD.steps
        self.number = 0
        self.down = False

    @initialize(chance=st.one_of(st.none(), st.integers(0, 1000)))
    def power(self, chance: int | None) -> None:
        self.machine.chance = None if chance is None else random.Random(chance)

    def does(self, act: Callable[[Faulty], object], death: int) -> None:
        try:
            self.down = died(self.machine, act, death)
        except (AttError, CannotGoBack):
            self.machine.crash_at = None

    @precondition(lambda self: not self.down)
    @rule(change=classes, sickness=sicknesses, death=deaths)
    def upgrade(self, change: str, sickness: str, death: int) -> None:
        self.number += 1
        content = Content(f"1.1.{self.number}", steps=self._steps(change))
        self.machine.sick = {content.version: sickness}
        self.does(lambda machine: machine.apply(content, despite_baseline=True), death)

    def has_a_way_back(self) -> bool:
        return not self.down and self.machine.world().links().previous is not None

    def _steps(self, change: str) -> tuple[tuple[int, int, str], ...]:
        current = self.machine.world().links().current
        assert current is not None
        known = self.machine.contents[current].steps
        schema = self.machine._schema(self.machine.world().links().database or "")
        while known[-1][0] < schema.version:  # an additive migration stayed when its release went
            known = (*known, (known[-1][0] + 1, schema.min_reader, "additive"))
        version, reader, _ = known[-1]
        if change == "none":
            return known
        return (*known, (version + 1, version + 1 if change == "breaking" else reader, change))

    @precondition(lambda self: self.has_a_way_back())
    @rule(death=deaths)
    def roll_back(self, death: int) -> None:
        self.does(lambda machine: machine.engine().rollback(None, Asked("test")), death)

    @precondition(lambda self: self.has_a_way_back())
    @rule(death=deaths)
    def roll_back_by_stage0(self, death: int) -> None:
        def act(machine: Faulty) -> None:
            with machine.world().lock():
                operator_rollback(machine.world(), None, "test")

        self.does(act, death)

    @precondition(lambda self: not self.down)
    @rule(death=deaths)
    def clean_up(self, death: int) -> None:
        self.does(lambda machine: machine.engine().sweep(), death)

    @precondition(lambda self: not self.down)
    @rule(death=deaths)
    def repair(self, death: int) -> None:
        self.does(lambda machine: machine.engine().repair(), death)

    @precondition(lambda self: self.down)
    @rule(death=deaths, name=st.sampled_from(sorted(RECOVERIES)))
    def recover(self, death: int, name: str) -> None:
        self.machine.dead = False
        self.does(RECOVERIES[name], death)

    @invariant()
    def whole(self) -> None:
        """What a machine at rest is; it boots once more to show it."""
        if not self.down:
            assert list(wrongs(self.machine)) == []

    def teardown(self) -> None:
        self.machine.disk.close()
        self.machine.quiet = 1
        self._held.close()
        shutil.rmtree(self.machine.root, ignore_errors=True)


QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def test_any_order_leaves_a_whole_machine() -> None:
    few = settings(max_examples=8, stateful_step_count=6, suppress_health_check=QUIET)
    run_state_machine_as_test(AnyOrder, settings=few)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_any_order_of_many_leaves_a_whole_machine() -> None:
    number, _ = seeded()
    many = settings(
        max_examples=400, stateful_step_count=15, derandomize=False, database=None, suppress_health_check=QUIET
    )
    run_state_machine_as_test(seed(number)(AnyOrder), settings=many)
