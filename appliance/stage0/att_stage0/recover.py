"""Finishes or reverts what an engine, a crash or a power cut left: at boot, by the watchdog, by an operator."""

import contextlib
import json
from typing import assert_never

from att_stage0 import cleanup, rollback, services
from att_stage0.decision import recovery, restores_database
from att_stage0.layout import ENGINE
from att_stage0.policy.decision import PHASE as POLICY_PHASE
from att_stage0.policy.decision import Context, FailureClass, Target, decide
from att_stage0.transaction import Phase, State, Transaction
from att_stage0.units import TIMER, UnitsFailed
from att_stage0.verdicts import (
    Actor,
    Denied,
    DropStaging,
    FinishCommit,
    Nothing,
    Recovery,
    Reenter,
    Repoint,
    RollBack,
    StaySafe,
    Wait,
)
from att_stage0.world import Busy, World

BOOT_GRACE_SECONDS = 300.0
TRIAL_SECONDS_DEFAULT = 600.0


def recover(world: World, actor: Actor) -> tuple[Recovery, Transaction | None]:
    """Ask the decision once and carry it out; the caller holds the lock. A second call finds nothing to do."""
    world.settle()
    world.sweep()
    transaction = world.transaction()
    verdict = recovery(transaction, world.links(), world.moment(), actor)
    if transaction is not None:
        return verdict, _carry_out(world, verdict, transaction, actor)
    match verdict:
        case Repoint():
            _repoint(world, verdict, live=actor is not Actor.BOOT)
        case StaySafe():
            world.write(world.layout.maintenance, verdict.detail + "\n")
        case _:
            pass
    return verdict, None


def _carry_out(world: World, verdict: Recovery, transaction: Transaction, actor: Actor) -> Transaction:
    live = actor is not Actor.BOOT
    match verdict:
        case Nothing():
            cleanup.disarm(world)
        case Repoint():
            _repoint(world, verdict, live=live)
        case Wait():
            pass
        case Reenter():
            # Within one boot only the engine can go on: it knows whether the services were restarted yet.
            if transaction.boot != world.clock.boot_id():
                return reenter(world, transaction, verdict.attempt)
        case _:
            return _finish(world, verdict, transaction, live=live)
    return transaction


def _finish(
    world: World,
    verdict: StaySafe | DropStaging | RollBack | Denied | FinishCommit,
    transaction: Transaction,
    *,
    live: bool,
) -> Transaction:
    match verdict:
        case StaySafe():
            return _stay_safe(world, transaction, verdict)
        case DropStaging():
            if live:
                services.drop_fence(world)
            detail = "the upgrade was interrupted before it changed anything"
            return cleanup.drop(world, transaction, code="upgrade_interrupted", detail=detail)
        case RollBack():
            return rollback.roll_back(world, transaction, verdict, live=live)
        case Denied():
            return rollback.deny(world, transaction, verdict)
        case FinishCommit():
            return cleanup.finish_commit(world, transaction)
        case _ as never:
            assert_never(never)


def reenter(world: World, transaction: Transaction, attempt: int) -> Transaction:
    """A boot in the middle of a trial: the target's services start with this boot and have to prove themselves."""
    if transaction.database_source:
        world.switch(world.layout.database, transaction.database_target)
    world.switch(world.layout.previous, f"releases/{transaction.source}")
    world.switch(world.layout.current, f"releases/{transaction.target}")
    seconds = transaction.number("trial_seconds", TRIAL_SECONDS_DEFAULT) + BOOT_GRACE_SECONDS
    deadline = world.clock.monotonic() + seconds
    arm(world, transaction.id, deadline)
    return world.record(transaction.id, State.PROBATION, Phase.INTENT, attempt=attempt, deadline=deadline)


def arm(world: World, transaction: str, deadline: float) -> None:
    """Set the time (monotonic seconds of this boot) at which the watchdog may act."""
    armed = {"transaction": transaction, "boot": world.clock.boot_id(), "monotonic": deadline}
    world.write(world.layout.deadline, json.dumps(armed) + "\n")
    world.before_effect("start the watchdog")
    with contextlib.suppress(UnitsFailed):  # it is started with the machine; this makes sure
        world.units.restart([TIMER])


def armed_deadline(world: World) -> float | None:
    """The armed time, None where none counts in this boot."""
    try:
        found = json.loads(world.layout.deadline.read_bytes())
        return float(found["monotonic"]) if found["boot"] == world.clock.boot_id() else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _repoint(world: World, verdict: Repoint, *, live: bool) -> None:
    if verdict.release != world.links().current:
        # No transaction speaks for it, so the audit log alone says that the machine goes to another release.
        policy = decide(FailureClass.INTERRUPTED, Context.APPLIANCE, Target.VALID, release=verdict.release)
        nobody = Transaction("", State.IDLE, Phase.DONE, world.clock.boot_id(), world.clock.now())
        world.audit(POLICY_PHASE, nobody, phase=POLICY_PHASE, **policy.values())
    if verdict.database is not None:
        world.switch(world.layout.database, verdict.database)
    world.switch(world.layout.current, f"releases/{verdict.release}")
    if live:
        world.units.reload()
        world.units.restart(services.running(world.layout, verdict.release))
        services.assert_sockets(world, verdict.release)


def _stay_safe(world: World, transaction: Transaction, verdict: StaySafe) -> Transaction:
    if transaction.state is State.FAILED_SAFE:
        world.write(world.layout.maintenance, verdict.detail + "\n")
        return transaction
    if transaction.state is State.ROLLING_BACK:
        restores = restores_database(transaction, world.links(), world.moment())
        rollback.links_back(world, transaction, restores_database=restores)
    return rollback.stay_safe(world, transaction, verdict.detail)


def repair(world: World) -> str | None:
    """Finish what is unfinished, then make the current release serve; None when it is healthy, else why not."""
    _, transaction = recover(world, Actor.OPERATOR)
    current = world.links().current
    if current is None or current not in world.links().releases:
        return "there is no complete release"
    if transaction is not None and not transaction.finished:
        return None if transaction.state is State.PROBATION else f"the transaction is {transaction.state}"
    world.units.reload()
    services.assert_sockets(world, current)
    bare = transaction or Transaction("", State.IDLE, Phase.DONE, "", 0.0)
    if world.layout.others_wait.exists() or not world.readyz(5.0).proves(current, ()):
        names = services.running(world.layout, current)
        world.units.reset_failed(names)
        world.before_effect("restart services")
        world.units.restart(names)
        world.unlink(world.layout.others_wait)
    detail = rollback.prove(world, current, bare)
    if detail is None:
        services.drop_fence(world)
        world.unlink(world.layout.maintenance)
        if transaction is not None and transaction.state is State.FAILED_SAFE:
            world.record(transaction.id, State.ROLLED_BACK, Phase.DONE, repaired=True)
    return detail


def watchdog(world: World) -> tuple[Recovery, Transaction | None]:
    """Act when the armed deadline has passed; an engine that hangs past it loses its process, and so the lock."""
    deadline = armed_deadline(world)
    late = deadline is not None and world.clock.monotonic() > deadline
    try:
        with world.lock():
            verdict, transaction = recover(world, Actor.WATCHDOG)
        if isinstance(verdict, Wait):
            # The lock was free, so no engine works on the trial: have one go on with it.
            world.units.restart([f"{ENGINE}.service"])
        return verdict, transaction
    except Busy:
        if not late:
            return Wait(deadline), None
    world.units.kill(f"{ENGINE}.service")
    with world.lock(wait_seconds=30.0):
        return recover(world, Actor.WATCHDOG)
