"""What recovery does, for every state a transaction can be found in."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att_stage0.decision import (
    ATTEMPTS_MAX,
    Chosen,
    choose,
    is_below_floor,
    on_request,
    recovery,
    restores_database,
    version_key,
)
from att_stage0.policy.decision import Context, Override
from att_stage0.transaction import Phase, State, Transaction
from att_stage0.verdicts import (
    Actor,
    Database,
    Denied,
    DropStaging,
    FinishCommit,
    Links,
    Moment,
    Nothing,
    Recovery,
    Reenter,
    Repoint,
    RollBack,
    StaySafe,
    Wait,
)

LINKS = Links("1.0.0", None, "db-1", {"1.0.0": 1, "1.1.0": 2}, {"db-1": Database(1, 1), "db-2": Database(2, 1, "db-1")})
SWITCHED = replace(LINKS, current="1.1.0", previous="1.0.0", database="db-2")
HERE = Moment("boot-1", 100.0, "run-2")
VALUES = {
    "kind": "upgrade", "source": "1.0.0", "target": "1.1.0", "schema_class": "additive",
    "database_source": "db-1", "database_target": "db-2", "invocation": "run-1", "invocation_boot": "boot-1",
}  # fmt: skip
UNPROVEN = (State.SWITCHED, State.RESTARTED, State.PROBATION)


def txn(state: State, phase: Phase = Phase.DONE, **changes: object) -> Transaction:
    given: dict[str, object] = {"boot": "boot-1", "attempt": 1, "deadline": 200.0}
    values = {**VALUES, **{key: value for key, value in changes.items() if key not in given}}
    given |= {key: value for key, value in changes.items() if key in given}
    return Transaction("txn_1", state, phase, at=0.0, values=values, **given)  # type: ignore[arg-type]  # the keywords come from a table


@pytest.mark.parametrize("state", [State.VERIFIED, State.STAGED, State.PREFLIGHT, State.SNAPSHOT])
def test_before_the_switch_everything_is_dropped(state: State) -> None:
    assert recovery(txn(state), LINKS, HERE, Actor.BOOT) == DropStaging()


@pytest.mark.parametrize("actor", Actor)
def test_an_interrupted_switch_goes_back(actor: Actor) -> None:
    verdict = recovery(txn(State.SWITCHED, Phase.INTENT), SWITCHED, HERE, actor)
    assert isinstance(verdict, RollBack)
    assert verdict.failure_class == "interrupted"


@pytest.mark.parametrize("state", UNPROVEN)
def test_after_a_reboot_the_trial_begins_anew(state: State) -> None:
    assert recovery(txn(state, boot="boot-0"), SWITCHED, HERE, Actor.BOOT) == Reenter(2)


@pytest.mark.parametrize("state", UNPROVEN)
def test_a_reboot_in_the_trial_of_a_breaking_migration_goes_back_with_its_data(state: State) -> None:
    verdict = recovery(txn(state, boot="boot-0", schema_class="breaking"), SWITCHED, HERE, Actor.BOOT)
    assert isinstance(verdict, RollBack)
    assert verdict.restores_database


def test_trials_are_capped() -> None:
    verdict = recovery(txn(State.PROBATION, boot="boot-0", attempt=ATTEMPTS_MAX), SWITCHED, HERE, Actor.BOOT)
    assert isinstance(verdict, RollBack)
    assert verdict.failure_class == "watchdog_failure"


def test_a_target_that_is_not_complete_goes_back() -> None:
    links = replace(SWITCHED, releases={"1.0.0": 1})
    verdict = recovery(txn(State.PROBATION, boot="boot-0"), links, HERE, Actor.BOOT)
    assert isinstance(verdict, RollBack)
    assert verdict.failure_class == "deploy_failure"


def test_the_watchdog_waits_until_the_deadline_and_not_longer() -> None:
    assert recovery(txn(State.PROBATION), SWITCHED, HERE, Actor.WATCHDOG) == Wait(200.0)
    late = replace(HERE, monotonic=201.0)
    assert isinstance(recovery(txn(State.PROBATION), SWITCHED, late, Actor.WATCHDOG), RollBack)
    assert recovery(txn(State.PROBATION, deadline=None), SWITCHED, late, Actor.WATCHDOG) == Wait(None)


def test_a_deadline_of_another_boot_counts_for_nothing() -> None:
    late = replace(HERE, monotonic=10_000.0)
    assert recovery(txn(State.PROBATION, boot="boot-0"), SWITCHED, late, Actor.BOOT) == Reenter(2)


def test_an_engine_that_takes_over_in_the_same_boot_counts_as_an_attempt() -> None:
    assert recovery(txn(State.RESTARTED), SWITCHED, HERE, Actor.ENGINE) == Reenter(2)
    assert recovery(txn(State.RESTARTED), SWITCHED, HERE, Actor.OPERATOR) == Reenter(1)


def test_a_rollback_goes_on_with_its_reason_until_the_cap() -> None:
    failure = {"class": "health_failure", "detail": "sick"}
    decided = txn(State.ROLLING_BACK, failure=failure, rollback_policy_status="allow")
    verdict = recovery(decided, SWITCHED, HERE, Actor.BOOT)
    assert verdict == RollBack(2, "health_failure", "sick", False)
    worn = txn(State.ROLLING_BACK, attempt=ATTEMPTS_MAX)
    assert isinstance(recovery(worn, SWITCHED, HERE, Actor.BOOT), StaySafe)


def test_a_rollback_that_an_engine_without_a_policy_began_is_decided_before_it_goes_on() -> None:
    failure = {"class": "health_failure", "detail": "sick"}
    verdict = recovery(txn(State.ROLLING_BACK, failure=failure), SWITCHED, HERE, Actor.BOOT)
    assert isinstance(verdict, RollBack)
    assert (verdict.attempt, verdict.policy and verdict.policy.status) == (2, "allow")
    gone = replace(SWITCHED, releases={"1.1.0": 2})
    assert isinstance(recovery(txn(State.ROLLING_BACK, failure=failure), gone, HERE, Actor.BOOT), Denied)


# -- whether a rollback is allowed

LATE = replace(HERE, monotonic=201.0)


def test_every_rollback_comes_with_the_decision_that_allows_it() -> None:
    verdict = recovery(txn(State.PROBATION), SWITCHED, LATE, Actor.WATCHDOG)
    assert isinstance(verdict, RollBack)
    assert verdict.policy is not None
    assert (verdict.policy.status, verdict.policy.release) == ("allow", "1.0.0")


@pytest.mark.parametrize(
    ("transaction", "links", "target"),
    [
        (txn(State.PROBATION), replace(SWITCHED, releases={"1.1.0": 2}), "missing"),
        (txn(State.PROBATION, source=""), SWITCHED, "missing"),
        (txn(State.PROBATION, source="1.1.0"), SWITCHED, "equals_deployed"),
        (txn(State.PROBATION), replace(SWITCHED, floor="1.0.1"), "below_floor"),
    ],
)
def test_a_way_back_to_nowhere_is_denied(transaction: Transaction, links: Links, target: str) -> None:
    verdict = recovery(transaction, links, LATE, Actor.WATCHDOG)
    assert isinstance(verdict, Denied)
    assert (verdict.failure_class, verdict.policy.target) == ("watchdog_failure", target)
    assert choose(transaction, links, "boot-1").release == "1.1.0"


def test_a_floor_that_the_source_reaches_denies_nothing() -> None:
    verdict = recovery(txn(State.PROBATION), replace(SWITCHED, floor="1.0.0"), LATE, Actor.WATCHDOG)
    assert isinstance(verdict, RollBack)


def test_a_trial_of_an_incomplete_release_whose_source_is_gone_keeps_what_is_there() -> None:
    links = replace(SWITCHED, releases={"0.9.0": 1})
    assert isinstance(recovery(txn(State.PROBATION), links, HERE, Actor.BOOT), Denied)
    assert choose(txn(State.PROBATION), links, "boot-1").release == "0.9.0"


@pytest.mark.parametrize(
    ("to", "links", "intact", "target"),
    [
        ("1.0.0", SWITCHED, True, "valid"),
        ("1.0.0", SWITCHED, False, "damaged"),
        ("1.1.0", SWITCHED, True, "equals_deployed"),
        (None, SWITCHED, True, "missing"),
        ("1.0.0", replace(SWITCHED, floor="1.1.0"), True, "below_floor"),
        ("1.0.0", replace(SWITCHED, databases={"db-2": Database(2, 2)}), True, "unreadable_data"),
        ("1.0.0", replace(SWITCHED, databases={}), True, "valid"),
        ("1.0.0", replace(SWITCHED, releases={"1.0.0": None}), True, "valid"),
    ],
)
def test_a_wish_to_go_back_is_judged_by_the_disk(to: str | None, links: Links, intact: bool, target: str) -> None:
    found = on_request(links, to, Context.APPLIANCE, Override.NONE, intact=intact)
    assert (found.target, found.allowed, found.release) == (target, target == "valid", to or "")


@pytest.mark.parametrize(
    ("version", "floor", "below"),
    [("1.0.0", "", False), ("1.0.0", "1.0.0", False), ("1.0.0", "1.0.1", True), ("1.0.1.dev3+gabc", "1.0.1", True)],
)
def test_a_version_is_below_a_higher_floor_alone(version: str, floor: str, below: bool) -> None:
    assert is_below_floor(version, floor) is below


def test_what_was_committed_is_never_rolled_back() -> None:
    for actor in Actor:
        assert recovery(txn(State.COMMITTED, attempt=99), SWITCHED, HERE, actor) == FinishCommit()
    assert recovery(txn(State.COMMITTED, cleaned=True), SWITCHED, HERE, Actor.BOOT) == Nothing()


def test_failed_safe_stays() -> None:
    assert recovery(txn(State.FAILED_SAFE, failure={"detail": "both"}), LINKS, HERE, Actor.BOOT) == StaySafe("both")


@pytest.mark.parametrize("state", [State.IDLE, State.REFUSED, State.ROLLED_BACK])
def test_a_finished_transaction_leaves_sound_links_alone(state: State) -> None:
    assert recovery(txn(state), LINKS, HERE, Actor.BOOT) == Nothing()


# -- the journal is lost


@pytest.mark.parametrize(
    ("links", "verdict"),
    [
        (Links(None, None, None), Nothing()),
        (LINKS, Nothing()),
        (SWITCHED, Nothing()),
        (replace(LINKS, current="gone"), Repoint("1.0.0", "db-1")),
        (replace(SWITCHED, current="gone"), Repoint("1.0.0", "db-2")),
        (replace(LINKS, current="1.1.0", previous="1.0.0"), Repoint("1.0.0", "db-1")),
        (replace(LINKS, releases={}), StaySafe("no complete release fits the database")),
        (replace(LINKS, database=None), Nothing()),
        (replace(LINKS, releases={"1.0.0": None}), Nothing()),
        (replace(LINKS, floor="1.1.0"), Nothing()),
        (replace(LINKS, current="gone", floor="1.1.0"), StaySafe("no complete release fits the database")),
    ],
)
def test_a_lost_journal_is_replaced_by_what_the_disk_says(links: Links, verdict: Recovery) -> None:
    assert recovery(None, links, HERE, Actor.BOOT) == verdict


def test_a_release_that_cannot_read_the_linked_database_gets_the_one_it_was_copied_from() -> None:
    links = replace(SWITCHED, current="1.0.0", previous=None)
    breaking = {"db-1": Database(1, 1), "db-2": Database(2, 2, "db-1")}
    verdict = recovery(None, replace(links, databases=breaking), HERE, Actor.BOOT)
    assert verdict == Repoint("1.0.0", "db-1")


# -- which data a rollback keeps


@pytest.mark.parametrize(
    ("transaction", "links", "moment", "restores"),
    [
        (txn(State.PROBATION, database_target="db-1"), LINKS, HERE, False),
        (txn(State.PROBATION, schema_class="breaking"), SWITCHED, HERE, True),
        (txn(State.PROBATION, schema_class="nonsense"), SWITCHED, HERE, True),
        (txn(State.PROBATION), SWITCHED, HERE, False),
        (txn(State.RESTARTED, Phase.INTENT), SWITCHED, replace(HERE, invocation="run-1"), True),
        (txn(State.SWITCHED, Phase.INTENT), LINKS, Moment("boot-2", 1.0), True),
        (txn(State.SWITCHED, Phase.INTENT), SWITCHED, Moment("boot-2", 1.0), False),
        (txn(State.SWITCHED, invocation=""), SWITCHED, replace(HERE, invocation=""), False),
    ],
)
def test_a_rollback_keeps_the_database_that_may_hold_the_newest_rows(
    transaction: Transaction, links: Links, moment: Moment, restores: bool
) -> None:
    assert restores_database(transaction, links, moment) is restores


# -- what the generator loads

TRANSACTIONS = st.one_of(
    st.none(),
    st.builds(
        txn,
        st.sampled_from(State),
        st.sampled_from(Phase),
        boot=st.sampled_from(["boot-0", "boot-1"]),
        attempt=st.integers(1, 4),
        schema_class=st.sampled_from(["none", "additive", "breaking"]),
        cleaned=st.booleans(),
        failure=st.just({}),
    ),
)
NAMES = st.sampled_from([None, "1.0.0", "1.1.0", "gone"])
MACHINES = st.builds(
    Links,
    NAMES,
    NAMES,
    st.sampled_from(["db-1", "db-2", None]),
    st.sampled_from([{}, {"1.0.0": 1}, {"1.0.0": 1, "1.1.0": 2}, {"1.1.0": 2}]),
    st.just(LINKS.databases),
)


@given(TRANSACTIONS, MACHINES)
def test_only_a_complete_release_is_ever_chosen(transaction: Transaction | None, links: Links) -> None:
    chosen = choose(transaction, links, "boot-1")
    assert chosen.release is None or chosen.release in links.releases
    assert chosen.engine is None or chosen.engine in links.releases
    assert (chosen.release is None) <= (not links.releases)


@given(TRANSACTIONS, MACHINES)
def test_a_boot_decides_the_same_for_the_generator_and_for_recovery(
    transaction: Transaction | None, links: Links
) -> None:
    chosen = choose(transaction, links, "boot-1")
    verdict = recovery(transaction, links, Moment("boot-1", 0.0), Actor.BOOT)
    if isinstance(verdict, Reenter):
        assert chosen.release == "1.1.0"
    if isinstance(verdict, RollBack) and "1.0.0" in links.releases:
        assert chosen == Chosen("1.0.0", "1.0.0", unfinished=True)
    if isinstance(verdict, Repoint):
        assert chosen.release == verdict.release


def test_the_former_engine_drives_the_trial_where_it_is_still_there() -> None:
    trial = txn(State.PROBATION)
    assert choose(trial, SWITCHED, "boot-1") == Chosen("1.1.0", "1.0.0", unfinished=True)
    alone = replace(SWITCHED, releases={"1.1.0": 2})
    assert choose(trial, alone, "boot-1") == Chosen("1.1.0", "1.1.0", unfinished=True)


def test_a_committed_release_brings_its_own_engine() -> None:
    assert choose(txn(State.COMMITTED), SWITCHED, "boot-1") == Chosen("1.1.0", "1.1.0", unfinished=True)


def test_versions_sort_as_releases_follow_each_other() -> None:
    names = ["1.2.0", "0.10.0", "1.2.0.dev10+gabc", "0.9.1", "1.2.0.dev3+gabc"]
    assert sorted(names, key=version_key) == ["0.9.1", "0.10.0", "1.2.0.dev3+gabc", "1.2.0.dev10+gabc", "1.2.0"]
