"""The power is cut at each state of an upgrade while a client writes: every boot is healthy, every kept row is there.

QEMU is killed with the disk kept: what the guest had not made durable by then is lost, as by a real power cut.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from dev.vm.image import Image
from tests.appliance.vm.operated import Operated
from tests.bench.table import Row, write
from tests.e2e.vm.power import Aim, Writer, boot_id, cut_at, ended

from att_stage0.transaction import State

CUTS_MIN = 12
TRIES_MAX = 4
REQUIRED = frozenset(
    {
        State.STAGED,
        State.SNAPSHOT,
        State.SWITCHED,
        State.RESTARTED,
        State.PROBATION,
        State.COMMITTED,
        State.ROLLING_BACK,
    }
)
AIMS = (
    (Aim(State.STAGED, "intent"), "good_additive"),
    (Aim(State.STAGED, "done"), "good_none"),
    (Aim(State.SNAPSHOT, "intent"), "good_additive"),
    (Aim(State.SNAPSHOT, "done"), "good_additive"),
    (Aim(State.SWITCHED, "intent"), "good_additive"),
    (Aim(State.SWITCHED, "done"), "good_none"),
    (Aim(State.RESTARTED, "intent"), "good_none"),
    (Aim(State.RESTARTED, "done"), "good_none"),
    (Aim(State.PROBATION, "intent"), "good_none"),
    (Aim(State.PROBATION, "done"), "good_none"),
    (Aim(State.COMMITTED, "done"), "good_none"),
    (Aim(State.ROLLING_BACK, "intent"), "does_not_start"),
)


@dataclass
class Story:
    """One appliance and all its power cuts; `hits` are the states that its journal says were cut."""

    appliance: Operated
    writer: Writer
    hits: list[State] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def cut(self, aim: Aim, variant: str) -> None:
        """Cut the power of an upgrade at a record, boot, and see that the appliance is well and has every row."""
        appliance = self.appliance
        before, boot = appliance.release(), boot_id(appliance)
        bundle, version = appliance.bundles.next(variant)
        there = appliance.bring(bundle)
        assert self.writer.write(), "the appliance took no write before the upgrade"
        with self.writer.writing():
            assert cut_at(appliance, there, aim), f"the upgrade ended without {aim}"
        seconds = appliance.boot()
        transaction, hit = ended(appliance, boot)
        status = appliance.status_becomes_ok()
        assert transaction.target in {version, ""}, transaction
        assert transaction.state is verdict(hit), f"{hit}: {transaction}"
        expected = version if transaction.state is State.COMMITTED else before
        assert status["release"] == appliance.release() == expected
        assert set(appliance.sockets().values()) == {"active"}
        assert appliance.guest.shell("systemctl --failed --plain --no-legend") == ""
        assert self.writer.lost() == []
        self.hits.append(hit.state)
        kept = f"{len(self.writer.acknowledged)} rows kept, 0 lost"
        ready = f"ready after {seconds:.0f} s, {transaction.state}, release {expected}, {kept}"
        row = Row(f"{len(self.hits)}: {variant}, cut at {aim}", f"{hit} was the last record; {ready}")
        print(f"{row.what}: {row.figure}")
        self.rows.append(row)


def verdict(hit: Aim) -> State:
    """What a good release's upgrade must end as when the journal ends with this record."""
    match hit.state:
        case State.COMMITTED | State.PROBATION | State.RESTARTED:
            return State.COMMITTED
        case State.SWITCHED:
            return State.ROLLED_BACK if hit.phase == "intent" else State.COMMITTED
        case State.ROLLING_BACK | State.ROLLED_BACK:
            return State.ROLLED_BACK
        case _:
            return State.REFUSED


@pytest.fixture(scope="module")
def story(image: Image, booted: Operated) -> Iterator[Story]:
    """The cuts in order; their table is written at the end, also of those before one that failed."""
    found = Story(booted, Writer(booted))
    yield found
    if len(found.hits) >= CUTS_MIN:
        write("power-cuts", "make e2e", found.rows, of=f"image {image.version}")


@pytest.mark.parametrize(("aim", "variant"), AIMS, ids=[str(aim).replace(" ", "-") for aim, _ in AIMS])
def test_after_a_power_cut_the_appliance_is_healthy_and_has_every_acknowledged_row(
    appliance: Operated, story: Story, aim: Aim, variant: str
) -> None:
    assert appliance is story.appliance
    story.cut(aim, variant)


def test_every_state_was_hit(appliance: Operated, story: Story) -> None:
    assert appliance is story.appliance
    # A state of a few milliseconds may be over before the power is: it is tried again.
    again = {state: variant for aim, variant in reversed(AIMS) if (state := aim.state) in REQUIRED}
    for state, variant in again.items():
        for _ in range(TRIES_MAX):
            if state in story.hits:
                break
            story.cut(next(aim for aim, _ in AIMS if aim.state is state), variant)
    assert set(story.hits) >= REQUIRED
    assert len(story.hits) >= CUTS_MIN
