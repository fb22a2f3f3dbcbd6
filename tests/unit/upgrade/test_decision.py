"""Which step comes next, and which bundles are not taken."""

from dataclasses import replace

import pytest
from tests.crash.releases import Content, FakeBundle

from att.release.schema import Metadata
from att.upgrade.decision import Machine, Schema, Space, Step, next_step, refusal, schema_refusal, space_refusal
from att_stage0.transaction import Phase, State, Transaction

MACHINE = Machine("1.0.0", contract=1, python="3.13", stage0=1, installed={"1.0.0": "d0"})
D = "d1"


def txn(state: State, phase: Phase, **values: object) -> Transaction:
    return Transaction("t", state, phase, "b", 0.0, values=values)


@pytest.mark.parametrize(
    ("state", "phase", "step"),
    [
        (State.VERIFIED, Phase.INTENT, Step.VERIFY),
        (State.VERIFIED, Phase.DONE, Step.STAGE),
        (State.STAGED, Phase.INTENT, Step.STAGE),
        (State.STAGED, Phase.DONE, Step.PREFLIGHT),
        (State.PREFLIGHT, Phase.DONE, Step.SNAPSHOT),
        (State.SNAPSHOT, Phase.DONE, Step.SWITCH),
        (State.SWITCHED, Phase.DONE, Step.RESTART),
        (State.RESTARTED, Phase.INTENT, Step.RESTART),
        (State.RESTARTED, Phase.DONE, Step.PROVE),
        (State.PROBATION, Phase.INTENT, Step.PROVE),
        (State.PROBATION, Phase.DONE, Step.COMMIT),
        (State.COMMITTED, Phase.DONE, Step.CLEAN),
        (State.ROLLING_BACK, Phase.INTENT, Step.ROLL_BACK),
        (State.ROLLED_BACK, Phase.DONE, Step.STOP),
        (State.FAILED_SAFE, Phase.DONE, Step.STOP),
        (State.REFUSED, Phase.DONE, Step.STOP),
        (State.IDLE, Phase.DONE, Step.STOP),
    ],
)
def test_each_state_leads_to_one_step(state: State, phase: Phase, step: Step) -> None:
    assert next_step(txn(state, phase)) is step


def test_a_cleaned_commit_is_the_end() -> None:
    assert next_step(txn(State.COMMITTED, Phase.DONE, cleaned=True)) is Step.STOP


def metadata(**changes: object) -> Metadata:
    return FakeBundle(Content("1.1.0", **changes)).metadata  # type: ignore[arg-type]


def code(found: object) -> str:
    return getattr(found, "code", "")


def test_a_fitting_bundle_is_taken() -> None:
    assert refusal(metadata(), D, MACHINE, force=False) is None


@pytest.mark.parametrize(
    ("machine", "wanted"),
    [
        (replace(MACHINE, installed={"1.1.0": "other"}), "version_same"),
        (replace(MACHINE, floor="1.2.0"), "version_floor"),
        (replace(MACHINE, contract=0), "image_too_old"),
        (replace(MACHINE, stage0=0), "image_too_old"),
        (replace(MACHINE, python="3.14"), "image_too_old"),
        (replace(MACHINE, bad=(("1.1.0", D),)), "version_bad"),
        (replace(MACHINE, current="0.9.0"), "from_version"),
    ],
)
def test_a_bundle_that_does_not_fit_is_refused_with_its_code(machine: Machine, wanted: str) -> None:
    assert code(refusal(metadata(), D, machine, force=False)) == wanted


def test_a_bundle_that_needs_a_newer_image_says_so() -> None:
    found = refusal(metadata(), D, replace(MACHINE, contract=0), force=False)
    assert found is not None
    assert "new image needed" in found.detail


def test_force_tries_a_bad_version_again_and_nothing_more() -> None:
    assert refusal(metadata(), D, replace(MACHINE, bad=(("1.1.0", D),)), force=True) is None
    assert code(refusal(metadata(), D, replace(MACHINE, floor="2.0.0"), force=True)) == "version_floor"


def test_the_same_version_with_another_digest_than_the_bad_one_is_taken() -> None:
    assert refusal(metadata(), D, replace(MACHINE, bad=(("1.1.0", "d2"),)), force=False) is None


def test_the_installed_version_again_is_a_repair_whatever_it_starts_from() -> None:
    same = replace(MACHINE, current="1.1.0", installed={"1.1.0": D})
    assert refusal(metadata(from_versions=("==0.5.0",)), D, same, force=False) is None


def test_a_release_older_than_the_database_tolerates_is_refused() -> None:
    assert schema_refusal(1, Schema(3, 1), "1.0.0") is None
    assert code(schema_refusal(1, Schema(3, 2), "1.0.0")) == "schema_too_new"


def test_twice_the_room_is_demanded() -> None:
    room = Space("/x", free_bytes=10**9, free_inodes=None, need_bytes=10**8, need_inodes=10)
    assert space_refusal(room) is None
    assert code(space_refusal(replace(room, free_bytes=2 * 10**8))) == "disk_full"
    assert space_refusal(replace(room, free_inodes=1020)) is None
    assert code(space_refusal(replace(room, free_inodes=1019))) == "disk_inodes"
