"""A rollback that an operator asks for where no engine answers: the policy first, then the one way back."""

import secrets

from att_stage0 import rollback
from att_stage0.decision import on_request, recovery, way_back
from att_stage0.policy.decision import Context, Decision, FailureClass, Override, Status, Target
from att_stage0.recover import recover
from att_stage0.transaction import Phase, State, Transaction
from att_stage0.verdicts import Actor, Denied, Reenter, RollBack
from att_stage0.world import World

_CODES = {Target.BELOW_FLOOR: "version_floor", Target.UNREADABLE: "schema_too_new"}


class CannotGoBack(Exception):
    """A rollback was asked for that the policy does not allow; `code` is one of the engine's."""

    def __init__(self, policy: Decision) -> None:
        super().__init__(f"cannot roll back{f' to {policy.release}' if policy.release else ''}: {policy.reason}")
        self.policy = policy
        self.code = _CODES.get(policy.target, "no_rollback_target")
        if policy.target is Target.VALID:
            self.code = "rollback_override" if policy.status is Status.ASK else "rollback_denied"


def operator_rollback(
    world: World,
    to: str | None,
    by: str,
    *,
    context: Context = Context.APPLIANCE,
    override: Override = Override.NONE,
) -> Transaction:
    """Roll back by command, without an engine; the caller holds the lock. Raises `CannotGoBack`."""
    detail = f"asked for by {by}"
    transaction = world.transaction()
    if transaction is not None and not transaction.finished:
        if isinstance(recovery(transaction, world.links(), world.moment(), Actor.OPERATOR), Reenter):
            return _out_of_trial(world, transaction, detail, override)
        verdict, transaction = recover(world, Actor.OPERATOR)
        if transaction is not None and isinstance(verdict, RollBack):
            return transaction
    links = world.links()
    policy = on_request(links, to or links.previous, context, override)
    values = {
        "kind": "rollback",
        "direct": True,
        "source": policy.release,
        "target": links.current or "",
        "former_previous": links.current or "",
        "schema_class": "none",
        "database_source": links.database or "",
        "by": by,
        "began": world.clock.now(),
        "context": context.value,
        "failure": {"class": FailureClass.OPERATOR.value, "detail": detail},
    }
    name, now = f"txn_{secrets.token_hex(8)}", world.clock.now()
    asked = Transaction(name, State.IDLE, Phase.DONE, world.clock.boot_id(), now, values=values)
    decided = rollback.record_policy(world, asked, policy, FailureClass.OPERATOR)
    if not policy.allowed:
        raise CannotGoBack(policy)
    begun = world.record(name, State.ROLLING_BACK, Phase.INTENT, **decided.values)
    return rollback.roll_back(world, begun, RollBack(1, FailureClass.OPERATOR, detail, False), live=True)


def _out_of_trial(world: World, transaction: Transaction, detail: str, override: Override) -> Transaction:
    step = way_back(transaction, world.links(), world.moment(), FailureClass.OPERATOR, detail, override)
    if isinstance(step, Denied):
        rollback.record_policy(world, transaction, step.policy, step.failure_class)
        raise CannotGoBack(step.policy)
    return rollback.roll_back(world, transaction, step, live=True)
