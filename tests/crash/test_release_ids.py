"""Which release is which, as an engine on a real disk answers, and each source when the one before it is lost."""

import pytest
from tests.crash.machine import Crash, Machine
from tests.crash.releases import Content
from tests.crash.test_engine_crashes import BREAKING, NONE
from tests.fakes.workshop import FakeWorkshop

from att.kernel.errors import Refused
from att.upgrade.release_sources import (
    GitSource,
    JournalSource,
    RegistrySource,
    ReleaseSource,
    ServiceSource,
    first_answer,
)
from att.upgrade.schema import ReleaseIds, Transaction
from att.upgrade.service import Asked
from att.upgrade.verbs import Verbs
from att.upgrade.wire import Ask, Peer
from att_stage0.asked_for import operator_rollback

PEER = Peer(0, "root", operator=True, api=False)


def ids(found: ReleaseIds) -> tuple[str | None, ...]:
    """requested, previous, rollback, deployed, rollback target, source."""
    return tuple(found.release_ids().values())


def newest(machine: Machine) -> Transaction:
    return machine.engine().show("newest")


# -- the chain


def test_each_source_steps_in_when_the_one_before_it_is_lost(machine: Machine) -> None:
    world = machine.world()
    machine.apply(NONE)
    commits = {"HEAD": "c2", "HEAD^": "c1"}
    chain: list[ReleaseSource] = [
        JournalSource(world),
        RegistrySource(world.layout),
        ServiceSource(machine.readyz),
        GitSource(commits.get),
    ]
    assert ids(first_answer(chain)) == ("1.1.0", "1.0.0", "1.0.0", "1.1.0", None, "journal")
    world.layout.journal.unlink()
    assert ids(first_answer(chain)) == (None, "1.0.0", "1.0.0", "1.1.0", None, "registry")
    (world.layout.release("1.0.0") / ".complete").unlink()
    assert ids(first_answer(chain)) == (None, None, None, "1.1.0", None, "registry")
    world.layout.current.unlink()
    assert ids(first_answer(chain)) == (None, None, None, "1.1.0", None, "service")
    machine.processes.clear()
    assert ids(first_answer(chain)) == (None, "c1", "c1", "c2", None, "git")
    commits.pop("HEAD^")
    assert ids(first_answer(chain)) == (None, None, None, "c2", None, "git")
    commits.clear()
    assert ids(first_answer(chain)) == (None,) * 6


def test_an_incomplete_current_release_is_no_answer_of_the_registry(machine: Machine) -> None:
    (machine.layout.release("1.0.0") / ".complete").unlink()
    assert RegistrySource(machine.layout).read() is None


# -- the engine's answers


def test_the_state_of_an_appliance_that_never_upgraded_comes_from_the_registry(machine: Machine) -> None:
    told = machine.engine().status()
    assert (told["deployed_release_id"], told["release_metadata_source"]) == ("1.0.0", "registry")


def test_a_kept_upgrade_names_all_its_releases(machine: Machine) -> None:
    machine.apply(NONE)
    assert ids(newest(machine)) == ("1.1.0", "1.0.0", "1.0.0", "1.1.0", None, "journal")
    assert newest(machine).rollback_policy_status is None
    assert machine.engine().status()["release_metadata_source"] == "journal"


def test_an_upgrade_that_rolled_back_names_where_it_went(machine: Machine) -> None:
    machine.apply(NONE)
    machine.sick["1.2.0"] = "probation"
    machine.apply(Content("1.2.0"))
    found = newest(machine)
    assert ids(found) == ("1.2.0", "1.1.0", "1.0.0", "1.1.0", "1.1.0", "journal")
    assert (found.rollback_policy_status, found.rollback_target_valid) == ("allow", True)
    assert found.rollback_policy_reason == "a release that failed does not stay"


def test_a_refused_upgrade_leaves_deployed_what_was(machine: Machine) -> None:
    machine.sick["1.1.0"] = "self-test"
    machine.apply(NONE)
    assert ids(newest(machine)) == ("1.1.0", "1.0.0", None, "1.0.0", None, "journal")


def test_a_rollback_that_was_asked_for_names_its_target(machine: Machine) -> None:
    machine.apply(NONE)
    machine.engine().rollback(None, Asked("test"))
    found = newest(machine)
    assert ids(found) == ("1.0.0", "1.1.0", "1.1.0", "1.0.0", "1.0.0", "journal")
    assert (found.rollback_policy_status, found.rollback_policy_reason) == ("allow", "it was asked for")


def test_a_rollback_by_stage0_alone_names_the_same(machine: Machine) -> None:
    machine.apply(NONE)
    world = machine.world()
    with world.lock():
        operator_rollback(world, None, "root")
    assert ids(newest(machine)) == ("1.0.0", "1.1.0", "1.1.0", "1.0.0", "1.0.0", "journal")


def test_a_denied_rollback_says_what_still_runs(machine: Machine) -> None:
    machine.layout.floor.write_text('{"version": "1.1.0"}')
    machine.sick["1.1.0"] = "probation"
    machine.apply(NONE)
    found = newest(machine)
    assert ids(found) == ("1.1.0", "1.0.0", None, "1.1.0", "1.0.0", "journal")
    assert (found.rollback_policy_status, found.rollback_target_valid) == ("deny", False)


def test_an_upgrade_that_is_kept_after_a_decision_to_go_back_tells_of_none(machine: Machine) -> None:
    machine.sick["1.1.0"] = "probation"
    machine.dies_before = "journal ROLLING_BACK intent"
    with pytest.raises(Crash):
        machine.apply(NONE)
    assert newest(machine).rollback_policy_status == "allow"
    machine.sick.clear()
    machine.engine_restarts()
    found = newest(machine)
    assert (found.verdict, found.rollback_policy_status, found.rollback_target_release_id) == ("committed", None, None)


def test_what_leaves_the_journal_keeps_its_ids_in_the_history(machine: Machine) -> None:
    for number in (1, 2, 3):
        machine.apply(Content(f"1.{number}.0"))
    oldest = machine.engine().history(10)[-1]
    assert ids(oldest) == ("1.1.0", "1.0.0", "1.0.0", "1.1.0", None, "journal")


def test_every_event_of_an_upgrade_carries_the_ids(machine: Machine) -> None:
    machine.sick["1.1.0"] = "probation"
    machine.apply(BREAKING)
    verbs = Verbs(machine.engine(), machine.tools(), machine.facts, FakeWorkshop(machine, machine.root))
    told = [value for kind, value in verbs(Ask("watch", {"transaction": "newest"}), PEER, None) if kind == "event"]
    (decided,) = [one for one in told if one["phase"] == "rollback_policy"]
    assert decided["note"] == "allow, a release that failed does not stay"
    for event in told:
        assert (event["requested_release_id"], event["release_metadata_source"]) == ("1.1.0", "journal")
        assert event["rollback_target_release_id"] == "1.0.0"


def test_a_wish_that_is_denied_carries_the_decision(machine: Machine) -> None:
    with pytest.raises(Refused) as caught:
        machine.engine().rollback(None, Asked("test"))
    assert caught.value.data["rollback_policy_reason"] == "there is no complete release to go back to"
