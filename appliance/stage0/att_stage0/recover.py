"""Finishes or reverts what an engine, a crash or a power cut left: at boot, by the watchdog, by an operator."""

import argparse
import contextlib
import json
import secrets
import sys
from pathlib import Path
from typing import assert_never

from att_stage0 import cleanup, rollback, services
from att_stage0.decision import (
    Actor,
    DropStaging,
    FinishCommit,
    Links,
    Nothing,
    Recovery,
    Reenter,
    Repoint,
    RollBack,
    StaySafe,
    Wait,
    recovery,
    restores_database,
)
from att_stage0.layout import APPLIANCE_TOML, ENGINE, Layout
from att_stage0.readiness import SocketReadyz
from att_stage0.steps import StepPrinter
from att_stage0.transaction import Phase, State, Transaction
from att_stage0.units import TIMER, Systemctl, UnitsFailed
from att_stage0.world import Busy, SystemClock, World

BOOT_GRACE_SECONDS = 300.0
TRIAL_SECONDS_DEFAULT = 600.0


class CannotGoBack(Exception):
    """A rollback was asked for that has nowhere to go; `code` is one of the engine's."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def recover(world: World, actor: Actor) -> tuple[Recovery, Transaction | None]:
    """Ask the decision once and carry it out; the caller holds the lock. A second call finds nothing to do."""
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
    world: World, verdict: StaySafe | DropStaging | RollBack | FinishCommit, transaction: Transaction, *, live: bool
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


def operator_rollback(world: World, to: str | None, by: str) -> Transaction:
    """Roll back by command, without an engine; the caller holds the lock. Raises `CannotGoBack`."""
    transaction = world.transaction()
    if transaction is not None and not transaction.finished:
        moment = world.moment()
        if isinstance(recovery(transaction, world.links(), moment, Actor.OPERATOR), Reenter):
            step = RollBack(1, "operator", f"asked for by {by}", restores_database(transaction, world.links(), moment))
            return rollback.roll_back(world, transaction, step, live=True)
        verdict, transaction = recover(world, Actor.OPERATOR)
        if transaction is not None and isinstance(verdict, RollBack):
            return transaction
    links = world.links()
    target = to or links.previous
    check_target(links, target)
    begun = world.record(
        f"txn_{secrets.token_hex(8)}",
        State.ROLLING_BACK,
        Phase.INTENT,
        kind="rollback",
        source=target,
        target=links.current or "",
        former_previous=links.current or "",
        schema_class="none",
        database_source=links.database or "",
        by=by,
        began=world.clock.now(),
        failure={"class": "operator", "detail": f"asked for by {by}"},
    )
    return rollback.roll_back(world, begun, RollBack(1, "operator", f"asked for by {by}", False), live=True)


def check_target(links: Links, target: str | None) -> None:
    """Raise `CannotGoBack` unless `target` is a complete release, not the current one, that can read the database."""
    if target is None or target == links.current or target not in links.releases:
        raise CannotGoBack("no_rollback_target", f"cannot roll back: no retained release {target or 'to go back to'}")
    schema, database = links.releases[target], links.databases.get(links.database or "")
    if schema is not None and database is not None and database.min_reader > schema:
        raise CannotGoBack("schema_too_new", f"cannot roll back to {target}: it cannot read the database")


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
    if not world.readyz(5.0).proves(current, ()):
        names = services.running(world.layout, current)
        world.units.reset_failed(names)
        world.before_effect("restart services")
        world.units.restart(names)
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


def main(arguments: list[str] | None = None) -> int:
    """`recover --boot | --watchdog | --rollback [--to VERSION] | --repair`; 0 when the machine is or becomes sound."""
    parser = argparse.ArgumentParser(prog="recover", description=__doc__)
    how = parser.add_mutually_exclusive_group(required=True)
    for name in ("boot", "watchdog", "rollback", "repair"):
        how.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--to", metavar="VERSION")
    parser.add_argument("--by", default="operator")
    parser.add_argument("--facts", type=Path, default=APPLIANCE_TOML)
    chosen = parser.parse_args(arguments)
    layout = Layout.read(chosen.facts)
    world = World(
        layout, Systemctl(), SocketReadyz(layout.api_socket), SystemClock(), on_record=StepPrinter(sys.stderr)
    )
    try:
        return _run(world, chosen)
    except CannotGoBack as error:
        return _say(4, code=error.code, detail=str(error))
    except Busy as error:
        return _say(4, code="upgrade_running", detail=str(error))
    except (OSError, UnitsFailed) as error:
        return _say(4, code="internal", detail=str(error))


def _run(world: World, chosen: argparse.Namespace) -> int:
    if chosen.watchdog:
        verdict, transaction = watchdog(world)
    else:
        with world.lock(wait_seconds=30.0):
            if chosen.repair:
                detail = repair(world)
                return _say(4 if detail else 0, repaired=detail is None, detail=detail or "")
            if chosen.rollback:
                done = operator_rollback(world, chosen.to, chosen.by)
                return _say(0 if done.state is State.ROLLED_BACK else 4, state=done.state, release=done.source)
            verdict, transaction = recover(world, Actor.BOOT)
    state = transaction.state if transaction else State.IDLE
    return _say(0, verdict=type(verdict).__name__, state=state)


def _say(exit_code: int, **answer: object) -> int:
    print(json.dumps(answer))  # noqa: T201
    return exit_code
