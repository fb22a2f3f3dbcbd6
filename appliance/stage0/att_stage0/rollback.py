"""The one way back, for the engine, boot recovery, the watchdog and the operator: links, data, restart, proof.

Two halves: `revert` touches only the disk, so that a boot can do it before anything runs; `settle` needs the service
manager and ends in ROLLED_BACK or FAILED_SAFE. Each may run again from its start.
"""

import contextlib
import dataclasses
import json
import time
from typing import Any

from att_stage0 import cleanup, services
from att_stage0.layout import API
from att_stage0.policy.decision import Decision
from att_stage0.transaction import Phase, State, Transaction
from att_stage0.units import UnitsFailed
from att_stage0.verdicts import Denied, RollBack
from att_stage0.world import World

PROOFS_IN_A_ROW = 3
PROOF_PAUSE_SECONDS = 0.5
READY_SECONDS_DEFAULT = 120.0
INSIST_TIMES = 3
LOGS_KEPT = 50
ALONE_SECONDS_MAX = 30.0
AT_ONCE_SECONDS = 0.5
_API = f"{API}.service"


def roll_back(world: World, transaction: Transaction, step: RollBack, *, live: bool) -> Transaction:
    """Go back to the transaction's source. `live`: services run and are restarted and proven; else only the disk.

    What allowed it is in the journal before anything is done.
    """
    if step.policy is not None:
        transaction = record_policy(world, transaction, step.policy, step.failure_class)
    if transaction.state is not State.ROLLING_BACK or transaction.phase is Phase.INTENT:
        transaction = revert(world, transaction, step, live=live)
    elif live:
        transaction = _record(world, transaction, Phase.DONE, attempt=step.attempt)
    return settle(world, transaction) if live else transaction


def deny(world: World, transaction: Transaction, verdict: Denied) -> Transaction:
    """Do not go back: journal why, and stay as it is until people come."""
    transaction = record_policy(world, transaction, verdict.policy, verdict.failure_class)
    failure = {"class": verdict.failure_class, "code": "rollback_denied"}
    failed = dataclasses.replace(transaction, values={**transaction.values, "failure": failure})
    return stay_safe(world, failed, f"{verdict.detail}, and the rollback is denied: {verdict.policy.reason}")


def record_policy(world: World, transaction: Transaction, policy: Decision, failure_class: str) -> Transaction:
    """Journal and audit what was decided. Where not even the reserve has room, the audit log alone has it."""
    values = {**policy.values(), "rollback_failure_class": failure_class, "context": transaction.context.value}
    try:
        return world.record_policy(transaction, values)
    except OSError:
        return dataclasses.replace(transaction, values={**transaction.values, **values})


def revert(world: World, transaction: Transaction, step: RollBack, *, live: bool) -> Transaction:
    """Journal the rollback, then point all links back; what only the target has is stopped first."""
    values: dict[str, Any] = {
        "failure": {**transaction.failure, "class": step.failure_class, "detail": step.detail},
        "restores_database": step.restores_database,
        "log": transaction.values.get("log") or _log_name(world),
        **{name: value for name, value in transaction.values.items() if name.startswith("rollback_")},
    }
    transaction = _record(world, transaction, Phase.INTENT, attempt=step.attempt, **values)
    if live:
        _write_log(world, transaction)
        with contextlib.suppress(UnitsFailed):  # a unit that does not stop must not keep the links from going back
            services.stop_surplus(world, coming=transaction.source, going=transaction.target)
    links_back(world, transaction, restores_database=step.restores_database)
    return _record(world, transaction, Phase.DONE)


def links_back(world: World, transaction: Transaction, *, restores_database: bool) -> None:
    """Release, database and rollback target as they were before the switch; already so is no effect."""
    layout = world.layout
    if transaction.database_source:
        database = transaction.database_source if restores_database else transaction.database_target
        world.switch(layout.database, database)
    world.switch(layout.current, f"releases/{transaction.source}")
    if transaction.former_previous:
        world.switch(layout.previous, f"releases/{transaction.former_previous}")
    else:
        world.unlink(layout.previous)


def settle(world: World, transaction: Transaction) -> Transaction:
    """Make the service manager follow the links, then prove the source healthy."""
    try:
        world.before_effect("reload units")
        _insist(world.units.reload)
        if not _never_replaced(world, transaction):
            _restart_api(world, transaction)
        _insist(lambda: services.drop_fence(world))
        _insist(lambda: services.assert_sockets(world, transaction.source))
        _restart_others(world, transaction)
        proof = prove(world, transaction.source, transaction)
    except UnitsFailed as error:
        proof = str(error)
    if proof is not None:
        return stay_safe(world, transaction, f"the former release is not healthy either: {proof}")
    remember_bad(world, transaction)
    cleanup.after_rollback(world, transaction)
    cleanup.disarm(world)
    world.unlink(world.layout.maintenance)
    return _record(world, transaction, Phase.DONE, state=State.ROLLED_BACK)


def stay_safe(world: World, transaction: Transaction, detail: str) -> Transaction:
    """Stop changing things: maintenance page, a record, and people who find both."""
    world.write(world.layout.maintenance, detail + "\n")
    cleanup.disarm(world)
    failure = {"class": "health_failure", **transaction.failure, "detail": detail}
    return _record(world, transaction, Phase.DONE, state=State.FAILED_SAFE, failure=failure)


def prove(world: World, release: str, transaction: Transaction) -> str | None:
    """Wait until `release` answers ready several times in a row without restarts; None when it does, else why not."""
    deadline = world.clock.monotonic() + transaction.number("ready_seconds", READY_SECONDS_DEFAULT)
    passed, restarts, detail = 0, -1, "it was not asked"
    while world.clock.monotonic() < deadline:
        answer = world.readyz(5.0)
        now = world.units.state(_API).restarts
        good = answer.proves(release, transaction.baseline_failing)
        passed = passed + 1 if good and now == restarts else int(good)
        restarts, detail = now, answer.detail
        if answer.release not in ("", release):
            detail = f"release {answer.release} answers"
        if passed >= PROOFS_IN_A_ROW:
            return None
        world.clock.sleep(PROOF_PAUSE_SECONDS)
    return detail


def remember_bad(world: World, transaction: Transaction) -> None:
    """Refuse this version next time, where it was the release's own fault."""
    if transaction.kind != "upgrade" or transaction.failure.get("class") in ("interrupted", "operator", None):
        return
    path = world.layout.bad_versions
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        found = []
    known = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    entry = {
        "version": transaction.target,
        "digest": transaction.digest,
        "at": world.clock.now(),
        "transaction": transaction.id,
        "failure": dict(transaction.failure),
    }
    known = [one for one in known if (one.get("version"), one.get("digest")) != (entry["version"], entry["digest"])]
    world.write(path, json.dumps([*known, entry], indent=1) + "\n")


def blame(world: World, transaction: Transaction, *, code: str, detail: str) -> Transaction:
    """The release failed by its own fault before the switch: keep the units' journals, refuse the version next time."""
    failure = {"class": "deploy_failure", "code": code, "detail": detail}
    transaction = world.record(
        transaction.id, transaction.state, transaction.phase, failure=failure, log=_log_name(world)
    )
    _write_log(world, transaction)
    remember_bad(world, transaction)
    return transaction


def _log_name(world: World) -> str:
    return time.strftime("rollback-%Y%m%dT%H%M%SZ.log", time.gmtime(world.clock.now()))


def _restart_api(world: World, transaction: Transaction) -> None:
    stays = world.units.state(_API).active == "active"
    if stays and world.readyz(2.0).proves(transaction.source, transaction.baseline_failing):
        return
    # The target's writers must be gone before the fence file falls; the lock of the source would only hold it up.
    _insist(lambda: services.drop_lock(world))
    world.units.reset_failed(services.running(world.layout, transaction.source))
    world.write(world.layout.others_wait, transaction.id + "\n")
    world.before_effect("restart services")
    _insist(lambda: world.units.restart([_API]))
    deadline = world.clock.monotonic() + transaction.number("restart_seconds", 60.0)
    while world.clock.monotonic() < deadline and world.readyz(2.0).release == transaction.target:
        world.clock.sleep(PROOF_PAUSE_SECONDS)


def _restart_others(world: World, transaction: Transaction) -> None:
    """Restart the others once the API answers at once or has trouble: those who waited for it are answered then.

    The file says that they are still the target's, to whoever goes on after an end between the two restarts.
    """
    if not world.layout.others_wait.exists():
        return
    until = world.clock.monotonic() + ALONE_SECONDS_MAX
    while (asked := world.clock.monotonic()) < until:
        if world.readyz(2.0).release == transaction.source:
            if world.clock.monotonic() - asked < AT_ONCE_SECONDS:
                break
        elif world.units.state(_API).restarts:
            break
        world.clock.sleep(PROOF_PAUSE_SECONDS)
    names = [name for name in services.running(world.layout, transaction.source) if name != _API]
    world.before_effect("restart the other services")
    _insist(lambda: world.units.restart(names))
    world.unlink(world.layout.others_wait)


def _never_replaced(world: World, transaction: Transaction) -> bool:
    # One that is being stopped is the former one too, but whoever comes next is the target's.
    api = world.units.state(_API)
    same_boot = world.clock.boot_id() == transaction.values.get("invocation_boot")
    return same_boot and api.active == "active" and api.invocation == transaction.invocation != ""


def _insist(act: Any) -> None:
    for left in reversed(range(INSIST_TIMES)):
        try:
            act()
        except UnitsFailed:
            if not left:
                raise
        else:
            return


def _record(
    world: World,
    transaction: Transaction,
    phase: Phase,
    *,
    state: State = State.ROLLING_BACK,
    attempt: int = 1,
    **values: Any,
) -> Transaction:
    """Append; where not even the reserve has room, go on without: the links, which need none, are what counts."""
    try:
        return world.record(transaction.id, state, phase, attempt=attempt, **values)
    except OSError:
        if phase is Phase.DONE:
            return _record_anew(world, transaction, state, values)
        return dataclasses.replace(
            transaction, state=state, phase=phase, attempt=attempt, values={**transaction.values, **values}
        )


def _record_anew(world: World, transaction: Transaction, state: State, values: dict[str, Any]) -> Transaction:
    # The links are back already, so an absent journal derives the right release; its blocks make room.
    world.journal.discard()
    try:
        return world.record(transaction.id, state, Phase.DONE, **{**transaction.values, **values})
    except OSError:
        return dataclasses.replace(transaction, state=state, phase=Phase.DONE, values={**transaction.values, **values})


def _write_log(world: World, transaction: Transaction) -> None:
    """The journals of the units since the transaction began, for people; a full disk does not stop a rollback."""
    since = transaction.number("began", transaction.at)
    failure = transaction.failure
    parts = [
        f"rollback of {transaction.target} to {transaction.source}, transaction {transaction.id}",
        f"{failure.get('class')}: {failure.get('detail')}",
    ]
    for name in services.running(world.layout, transaction.target):
        try:
            state = world.units.state(name)
            parts += [
                f"== {name}: {state.active}, restarts {state.restarts}",
                world.units.log(name, since),
            ]
        except UnitsFailed as error:
            parts.append(f"== {name}: {error}")
    path = world.layout.logs / str(transaction.values["log"])
    try:
        world.write(path, "\n".join(parts) + "\n", mode=0o640)
        # A clock that went back gives the newest a name among the oldest.
        others = sorted(one for one in world.layout.logs.glob("rollback-*.log") if one != path)
        for old in others[: max(0, len(others) + 1 - LOGS_KEPT)]:
            old.unlink(missing_ok=True)
    except OSError as error:
        world.audit("log_failed", transaction, error=str(error))
