"""Decides which release runs and what recovery does next: pure, values in, verdict out.

The generator asks `choose` before anything runs; recovery asks `recovery` and makes the verdict durable. Both see the
same journal, links and boot, and the present boot counts as an attempt for both, so they cannot disagree.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import assert_never

from att_stage0.policy.decision import (
    Context,
    Decision,
    FailureClass,
    Override,
    decide,
    failure_class_of,
    judge_target,
)
from att_stage0.transaction import Phase, State, Transaction
from att_stage0.verdicts import (
    Actor,
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

ATTEMPTS_MAX = 3


def recovery(transaction: Transaction | None, links: Links, moment: Moment, actor: Actor) -> Recovery:
    """Say what has to be done now with what an engine, a boot or a crash left behind."""
    if transaction is None:
        return _derive(links, check_database=True)
    match transaction.state:
        case State.IDLE | State.REFUSED | State.ROLLED_BACK:
            return _derive(links, check_database=False)
        case State.VERIFIED | State.STAGED | State.PREFLIGHT | State.SNAPSHOT:
            return DropStaging()
        case State.SWITCHED | State.RESTARTED | State.PROBATION:
            return _unproven(transaction, links, moment, actor)
        case State.COMMITTED:
            return _derive(links, check_database=False) if transaction.cleaned else FinishCommit()
        case State.ROLLING_BACK:
            return _going_back(transaction, links, moment)
        case State.FAILED_SAFE:
            return StaySafe(str(transaction.failure.get("detail", "an upgrade and its rollback failed")))
        case _ as never:
            assert_never(never)


def _unproven(transaction: Transaction, links: Links, moment: Moment, actor: Actor) -> Recovery:
    same_boot = transaction.boot == moment.boot
    if transaction.state is State.SWITCHED and transaction.phase is Phase.INTENT:
        return way_back(transaction, links, moment, FailureClass.INTERRUPTED, "the switch was interrupted")
    if transaction.target not in links.releases:
        return way_back(transaction, links, moment, FailureClass.DEPLOY, "the new release is not complete on disk")
    if not same_boot and transaction.schema_class == "breaking":
        # The fence fell with the machine: running on would take writes that a rollback then loses.
        detail = "the machine restarted in the trial of a breaking migration"
        return way_back(transaction, links, moment, FailureClass.INTERRUPTED, detail)
    if same_boot and transaction.deadline is not None and moment.monotonic > transaction.deadline:
        detail = "the new release did not prove healthy in time"
        return way_back(transaction, links, moment, FailureClass.WATCHDOG, detail)
    if same_boot and actor is Actor.WATCHDOG:
        return Wait(transaction.deadline)
    attempt = transaction.attempt + (actor is Actor.ENGINE or not same_boot)
    if attempt > ATTEMPTS_MAX:
        detail = f"interrupted {ATTEMPTS_MAX} times before it was proven"
        return way_back(transaction, links, moment, FailureClass.WATCHDOG, detail)
    return Reenter(attempt)


def way_back(
    transaction: Transaction,
    links: Links,
    moment: Moment,
    failure: FailureClass,
    detail: str,
    override: Override = Override.NONE,
) -> RollBack | Denied:
    """Say how to go back from the transaction's target to its source, or that the policy forbids it."""
    source = transaction.source
    target = judge_target(
        source,
        deployed=transaction.target,
        complete=links.releases,
        below_floor=is_below_floor(source, links.floor),
    )
    policy = decide(failure, transaction.context, target, override, release=source)
    if not policy.allowed:
        return Denied(failure, detail, policy)
    return RollBack(1, failure, detail, restores_database(transaction, links, moment), policy)


def on_request(links: Links, to: str | None, context: Context, override: Override, *, intact: bool = True) -> Decision:
    """Say whether an operator's wish to go back to release `to` is granted; `intact`: its files are as installed."""
    database = links.databases.get(links.database or "")
    schema = links.releases.get(to or "")
    target = judge_target(
        to,
        deployed=links.current,
        complete=links.releases,
        below_floor=is_below_floor(to or "", links.floor),
        reads_data=schema is None or database is None or database.min_reader <= schema,
        intact=intact,
    )
    return decide(FailureClass.OPERATOR, context, target, override, release=to or "")


def _going_back(transaction: Transaction, links: Links, moment: Moment) -> Recovery:
    if transaction.attempt >= ATTEMPTS_MAX:
        return StaySafe(f"the rollback was interrupted {ATTEMPTS_MAX} times")
    failure = transaction.failure
    detail = str(failure.get("detail", "the rollback was interrupted"))
    if not transaction.policy_recorded:  # an engine that knew no policy began it
        verdict = way_back(transaction, links, moment, failure_class_of(failure.get("class")), detail)
        return verdict if isinstance(verdict, Denied) else replace(verdict, attempt=transaction.attempt + 1)
    restores = restores_database(transaction, links, moment)
    return RollBack(transaction.attempt + 1, str(failure.get("class", "interrupted")), detail, restores)


def restores_database(transaction: Transaction, links: Links, moment: Moment) -> bool:
    """Whether going back takes the former database directory.

    A breaking migration always does: the fence kept writes out of the copy. An additive one keeps the copy as soon as
    another process than the former one may have written to it; the former one has served the former directory all
    along. After a reboot, services ran (or will) on what the link says, and both hold the same rows up to then.
    """
    if transaction.database_target == transaction.database_source:
        return False
    if transaction.schema_class == "breaking":
        return True
    served = transaction.values.get("invocation_boot") == moment.boot and transaction.invocation == moment.invocation
    if served and moment.invocation != "":
        return True
    return links.database == transaction.database_source


@dataclass(frozen=True)
class Chosen:
    """The release whose services run; `engine` is the one whose upgrade engine runs: the old one until COMMITTED."""

    release: str | None
    engine: str | None
    unfinished: bool


def choose(transaction: Transaction | None, links: Links, boot: str) -> Chosen:
    """Say which release's units to load, at boot or at a daemon-reload."""
    verdict = recovery(transaction, links, Moment(boot, 0.0), Actor.BOOT)
    unfinished = transaction is not None and not transaction.finished
    match verdict:
        case Repoint():
            return Chosen(verdict.release, verdict.release, unfinished)
        case Reenter() if transaction is not None:
            engine = transaction.source if transaction.source in links.releases else transaction.target
            return Chosen(transaction.target, engine, unfinished)
        case RollBack() if transaction is not None and transaction.source in links.releases:
            return Chosen(transaction.source, transaction.source, unfinished)
        case FinishCommit() if transaction is not None and transaction.target in links.releases:
            return Chosen(transaction.target, transaction.target, unfinished)
        case _:
            release = _standing(links)
            return Chosen(release, release, unfinished)


def _standing(links: Links) -> str | None:
    return next((name for name in _candidates(links) if name in links.releases), None)


def _derive(links: Links, *, check_database: bool) -> Recovery:
    if links.current is None and links.database is None and not links.releases:
        return Nothing()
    for release, database in _pairs(links):
        if release in links.releases and (not check_database or _fits(links, release, database)):
            if (release, database) == (links.current, links.database):
                return Nothing()
            return Repoint(release, database)
    return StaySafe("no complete release fits the database")


def _pairs(links: Links) -> Iterator[tuple[str, str | None]]:
    known = links.databases.get(links.database or "")
    for release in _candidates(links):
        yield release, links.database
        if known is not None and known.origin in links.databases:
            yield release, known.origin


def _candidates(links: Links) -> tuple[str, ...]:
    named = [name for name in (links.current, links.previous) if name is not None]
    found = (*named, *sorted((n for n in links.releases if n not in named), key=version_key, reverse=True))
    return tuple(name for name in found if name == links.current or not is_below_floor(name, links.floor))


def _fits(links: Links, release: str, database: str | None) -> bool:
    schema = links.releases[release]
    known = links.databases.get(database or "")
    return schema is None or known is None or known.min_reader <= schema <= known.version


def is_below_floor(version: str, floor: str) -> bool:
    """Whether a version is lower than the security floor; no floor is below nobody."""
    return floor != "" and version_key(version) < version_key(floor)


def version_key(version: str) -> tuple[tuple[int, str], ...]:
    """Sorts `0.10.0` after `0.9.1`, and `1.2.0.dev3` before `1.2.0`."""
    main, _, development = version.partition(".dev")
    numbers = [(int(part), "") if part.isdigit() else (0, part) for part in main.split(".")]
    count = development.split("+")[0]
    return (*numbers, (-1, "") if not development else (-2, ""), (int(count) if count.isdigit() else 0, development))
