"""The steps that change what runs: switch, restart, trial, commit. What fails here is rolled back by stage0's code."""

from att.health.decision import (
    Fail,
    FailureClass,
    Pass,
    Trial,
    crash_loop,
    deadline_seconds,
    judge,
)
from att.health.thresholds import Thresholds
from att.kernel.errors import Failed
from att.upgrade.remembered import remember_start
from att.upgrade.tools import Tools
from att_stage0 import cleanup, rollback, services
from att_stage0.layout import API
from att_stage0.recover import arm
from att_stage0.transaction import Phase, State, Transaction
from att_stage0.units import FENCE, UnitsFailed

MARGIN_SECONDS = 60.0
_API = f"{API}.service"
_POLL_SECONDS = 0.2
_IDLE_POLL_SECONDS = 0.5
"""Between looks that nobody waits for: a look starts a program, which a service that starts beside it has to pay."""
_ANSWER_SECONDS = 2.0
_TURNS_SECONDS = 25.0


class TrialFailed(Exception):
    """The new release is not kept."""

    def __init__(self, failure: FailureClass, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure


def switch(tools: Tools, transaction: Transaction, attempt: int) -> Transaction:
    """SWITCHED: watchdog armed, then database, rollback target and release point to the new ones, durably.

    Failed(snapshot_failed) where the lock that keeps writes out of the former database did not hold up to here.
    """
    world, layout = tools.world, tools.world.layout
    if transaction.schema_class != "none" and world.units.state(FENCE).active != "active":
        raise Failed("snapshot_failed", "cannot switch: the write lock was lost, so the copy may lack newer writes")
    limits = tools.thresholds(transaction)
    trial_seconds = limits.restart_seconds + deadline_seconds(limits) + MARGIN_SECONDS
    deadline = world.clock.monotonic() + trial_seconds
    arm(world, transaction.id, deadline)
    world.record(
        transaction.id,
        State.SWITCHED,
        Phase.INTENT,
        attempt=attempt,
        deadline=deadline,
        former_previous=world.links().previous or "",
        trial_seconds=trial_seconds,
        ready_seconds=limits.ready_seconds,
        restart_seconds=limits.restart_seconds,
    )
    world.switch(layout.database, transaction.database_target)
    world.switch(layout.previous, f"releases/{transaction.source}")
    world.switch(layout.current, f"releases/{transaction.target}")
    return world.record(transaction.id, State.SWITCHED, Phase.DONE, deadline=deadline)


def restart(tools: Tools, transaction: Transaction, attempt: int) -> Transaction:
    """RESTARTED: the manager has the new units, and another process than the former one runs."""
    world = tools.world
    deadline = transaction.deadline
    world.record(transaction.id, State.RESTARTED, Phase.INTENT, attempt=attempt, deadline=deadline)
    services.stop_surplus(world, coming=transaction.target, going=transaction.source)
    world.before_effect("reload units")
    world.units.reload()
    names = services.running(world.layout, transaction.target)
    for name in names:
        # systemctl restarts the others when one of several is broken: look before any of them is touched.
        load = world.units.state(name).load
        if load != "loaded":
            raise TrialFailed(FailureClass.DEPLOY, f"the new release's unit {name} is {load}")
    world.units.reset_failed(names)
    world.before_effect("restart services")
    # Clients wait for the API: it has the processors for itself until it answers.
    world.units.restart([name for name in names if name == _API])
    services.assert_sockets(world, transaction.target)
    _await_replaced(tools, transaction)
    services.drop_lock(world)
    others = [name for name in names if name != _API]
    if _await_answer(tools, transaction):
        _restart_in_turn(tools, others)
    else:
        world.before_effect("restart the other services")
        world.units.restart(others)
    return world.record(
        transaction.id, State.RESTARTED, Phase.DONE, deadline=deadline, restarted_at=world.clock.monotonic()
    )


def _await_replaced(tools: Tools, transaction: Transaction) -> None:
    world = tools.world
    until = world.clock.monotonic() + transaction.number("restart_seconds", 60.0)
    while world.clock.monotonic() < until:
        invocation = world.units.state(_API).invocation
        if invocation not in ("", transaction.invocation):
            return
        world.clock.sleep(_POLL_SECONDS)
    raise TrialFailed(FailureClass.DEPLOY, "the service was not restarted in time")


def _await_answer(tools: Tools, transaction: Transaction) -> bool:
    """Wait until the API answers, and then until it answers at once: those who waited for it are answered then.

    False when it does not, or neither starts nor crashes any more: what that means the trial judges. Raises
    `TrialFailed` for one that crashes again and again, which the other services need not be restarted for.
    """
    world = tools.world
    # Time of the watchdog's margin, not of the trial's.
    until = world.clock.monotonic() + min(transaction.number("ready_seconds", 0.0), MARGIN_SECONDS / 2)
    answered = False
    while (asked := world.clock.monotonic()) < until:
        if world.readyz(_ANSWER_SECONDS).release:
            answered = True
            if world.clock.monotonic() - asked < rollback.AT_ONCE_SECONDS:
                break
        else:
            state = world.units.state(_API)
            if (said := crash_loop(state.restarts)) is not None:
                raise TrialFailed(FailureClass.DEPLOY, said)
            if state.active not in ("active", "activating"):
                return False
        world.clock.sleep(_IDLE_POLL_SECONDS)
    return answered


def _restart_in_turn(tools: Tools, names: list[str]) -> None:
    """Restart one after the other, each once the former runs: what waited for the API is answered meanwhile.

    One that does not come up is not waited for, and after `_TURNS_SECONDS` none is: the trial judges them all.
    """
    world = tools.world
    until = world.clock.monotonic() + _TURNS_SECONDS
    for name in names:
        former = world.units.state(name).invocation
        world.before_effect(f"restart {name}")
        world.units.restart([name])
        while world.clock.monotonic() < until:
            state = world.units.state(name)
            if state.restarts or (state.invocation not in ("", former) and state.active != "activating"):
                break
            world.clock.sleep(_IDLE_POLL_SECONDS)


def prove(tools: Tools, transaction: Transaction, attempt: int) -> Transaction:
    """PROBATION: the gate's rounds until the verdict; raises `TrialFailed`."""
    world = tools.world
    deadline = transaction.deadline
    limits = tools.thresholds(transaction)
    world.record(transaction.id, State.PROBATION, Phase.INTENT, attempt=attempt, deadline=deadline)
    # The restart started every service, also those that otherwise wait to be asked: one that is not up cannot be.
    units = (
        *services.sockets(world.layout, transaction.target),
        *services.running(world.layout, transaction.target),
    )
    trial = Trial(
        began=world.clock.monotonic(),
        target=transaction.target,
        former_process=transaction.invocation,
        accepted=frozenset(transaction.baseline_failing),
    )
    passed = _rounds(tools, trial, units, limits)
    return world.record(
        transaction.id, State.PROBATION, Phase.DONE, deadline=deadline, start_seconds=round(passed.start_seconds, 3)
    )


def _rounds(tools: Tools, trial: Trial, units: tuple[str, ...], limits: Thresholds) -> Pass:
    while True:
        look = tools.probe.look(trial.target, units, limits.probe_timeout_seconds)
        trial, verdict = judge(trial, look, limits)
        match verdict:
            case Pass():
                return verdict
            case Fail():
                raise TrialFailed(verdict.failure, verdict.detail)
            case _:
                tools.tell("probation" if trial.good_since is not None else "waiting for readiness", verdict.percent)
                tools.world.clock.sleep(limits.interval_seconds)


def commit(tools: Tools, transaction: Transaction, attempt: int) -> Transaction:
    """COMMITTED: the only point of no return. Writes that a fence held go on right after it."""
    done = tools.world.record(transaction.id, State.COMMITTED, Phase.DONE, attempt=attempt)
    services.drop_fence(tools.world)
    return done


def clean(tools: Tools, transaction: Transaction) -> Transaction:
    """Everything after the verdict; the manager takes the new release's engine unit for its next start."""
    seconds = transaction.number("start_seconds", 0.0)
    if seconds > 0:
        remember_start(tools.world, transaction.target, seconds)
    done = cleanup.finish_commit(tools.world, transaction)
    tools.world.units.reload()
    return done


def failure_of(error: Exception) -> tuple[FailureClass, str]:
    """Class and sentence of what ended a transaction after its switch."""
    if isinstance(error, TrialFailed):
        return error.failure, str(error)
    if isinstance(error, UnitsFailed):
        return FailureClass.DEPLOY, str(error)
    return FailureClass.DEPLOY, f"{type(error).__name__}: {error}"
