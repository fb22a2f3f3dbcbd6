"""Which release is which, and which source says so."""

import pytest

from att.upgrade.release_sources import (
    ServiceSource,
    first_answer,
    ids_of,
)
from att.upgrade.schema import ReleaseIds
from att_stage0.readiness import Readiness
from att_stage0.transaction import Phase, State
from att_stage0.transaction import Transaction as Journalled
from att_stage0.units import UnitsFailed

SILENT = Readiness(False, "", (), "no answer")


class Says:
    def __init__(self, name: str | None, error: Exception | None = None) -> None:
        self.name, self.error, self.asked = name, error, False

    def read(self) -> ReleaseIds | None:
        self.asked = True
        if self.error is not None:
            raise self.error
        return ReleaseIds(deployed_release_id=self.name) if self.name else None


def ids(found: ReleaseIds) -> tuple[str | None, ...]:
    """requested, previous, rollback, deployed, rollback target, source."""
    return tuple(found.release_ids().values())


# -- the chain


def test_the_first_source_that_knows_answers_and_the_others_are_not_asked() -> None:
    last = Says("3")
    assert first_answer([Says(None), Says("2"), last]).deployed_release_id == "2"
    assert not last.asked


@pytest.mark.parametrize("error", [OSError("unreadable"), UnitsFailed("systemctl hangs")])
def test_a_source_that_fails_is_passed_over(error: Exception) -> None:
    assert first_answer([Says("1", error), Says("2")]).deployed_release_id == "2"


def test_where_nobody_knows_every_id_is_none() -> None:
    assert ids(first_answer([Says(None)])) == (None,) * 6


def test_a_service_that_does_not_answer_knows_nothing() -> None:
    assert ServiceSource(lambda _: SILENT).read() is None


# -- every state


@pytest.mark.parametrize(
    ("state", "phase", "deployed", "way_back"),
    [
        (State.IDLE, Phase.DONE, "1.0.0", "1.0.0"),
        (State.SNAPSHOT, Phase.DONE, "1.0.0", "1.0.0"),
        (State.SWITCHED, Phase.INTENT, "1.0.0", "1.0.0"),
        (State.SWITCHED, Phase.DONE, "1.1.0", "1.0.0"),
        (State.RESTARTED, Phase.INTENT, "1.1.0", "1.0.0"),
        (State.PROBATION, Phase.INTENT, "1.1.0", "1.0.0"),
        (State.COMMITTED, Phase.DONE, "1.1.0", "1.0.0"),
        (State.ROLLING_BACK, Phase.INTENT, "1.1.0", "1.0.0"),
        (State.ROLLING_BACK, Phase.DONE, "1.0.0", "1.0.0"),
        (State.ROLLED_BACK, Phase.DONE, "1.0.0", "0.9.0"),
        (State.FAILED_SAFE, Phase.DONE, "1.0.0", "0.9.0"),
        (State.REFUSED, Phase.DONE, "1.0.0", None),
    ],
)
def test_each_state_says_what_is_deployed(state: State, phase: Phase, deployed: str, way_back: str | None) -> None:
    values = {"source": "1.0.0", "target": "1.1.0", "former_previous": "0.9.0"}
    found = ids_of(Journalled("t", state, phase, "b", 0.0, values=values))
    assert ids(found) == ("1.1.0", "1.0.0", way_back, deployed, None, "journal")
