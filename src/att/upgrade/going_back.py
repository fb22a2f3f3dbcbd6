"""Rollbacks of the engine: each asks the policy, and what it said is recorded, before stage0's code goes back."""

from att.kernel.errors import NotFound, Refused
from att.release.installed import digest_of, verify_release
from att.release.version import VERSION_CHARS_MAX
from att.upgrade.tools import Tools
from att_stage0 import rollback
from att_stage0.asked_for import CannotGoBack
from att_stage0.decision import on_request, way_back
from att_stage0.policy.decision import PHASE, FailureClass, Override, Target, failure_class_of
from att_stage0.transaction import Phase, State, Transaction
from att_stage0.verdicts import Denied


def demand_allowed(tools: Tools, to: str | None, override: Override, by: str) -> str:
    """Return the release that a wish to go back means, `to` or the previous one.

    Raises NotFound(no_rollback_target) for one that was named and is not there, else Refused(no_rollback_target,
    schema_too_new, version_floor, rollback_override); the audit log has why.
    """
    world = tools.world
    links = world.links()
    named = to if to is None or len(to) <= VERSION_CHARS_MAX else f"{to[:VERSION_CHARS_MAX]}…"
    policy = on_request(links, named or links.previous, tools.context(), override)
    if policy.allowed:
        return policy.release
    values = {"kind": "rollback", "source": links.current or "", "target": policy.release, "by": by}
    nothing = Transaction("", State.IDLE, Phase.DONE, world.clock.boot_id(), world.clock.now(), values=values)
    world.audit(PHASE, nothing, phase=PHASE, **policy.values())
    denied = CannotGoBack(policy)
    if named is not None and policy.target is Target.MISSING:
        raise NotFound(denied.code, str(denied), data=policy.values())
    raise _refused(denied)


def verify_target(tools: Tools, transaction: Transaction) -> str:
    """Look at every file of the release that a rollback was asked to, record the decision, return its digest.

    Raises Refused as `demand_allowed` does.
    """
    target = tools.release(transaction.target)
    problems = verify_release(target)
    override = Override.ALLOW if transaction.values.get("override") else Override.NONE
    links = tools.world.links()
    policy = on_request(links, transaction.target, transaction.context, override, intact=not problems)
    rollback.record_policy(tools.world, transaction, policy, FailureClass.OPERATOR)
    if not policy.allowed:
        raise _refused(CannotGoBack(policy), f": {problems[0].path} is {problems[0].kind}" if problems else "")
    return digest_of(target)


def fall_back(tools: Tools, transaction: Transaction, failure: str, detail: str) -> Transaction:
    """Go back to where a transaction began because its target failed, or stay as it is where the policy says no."""
    world = tools.world
    step = way_back(transaction, world.links(), world.moment(), failure_class_of(failure), detail)
    if isinstance(step, Denied):
        return rollback.deny(world, transaction, step)
    return rollback.roll_back(world, transaction, step, live=True)


def _refused(error: CannotGoBack, more: str = "") -> Refused:
    return Refused(error.code, f"{error}{more}", data=error.policy.values())
