"""Decides whether a rollback is carried out: failure class × context × target × override, pure.

`dev/rollback_policy.py` writes every cell to tests/evidence/rollback-policy.md.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

PHASE = "rollback_policy"
"""The phase of a journal record, an audit line and an event that says what was decided."""


class Status(StrEnum):
    """What the policy says. ASK: only with an explicit override."""

    ALLOW = "allow"
    DENY = "deny"
    ASK = "ask"


class FailureClass(StrEnum):
    """Why to go back. INTERRUPTED: nobody knows whether the release is good. OPERATOR: somebody asked for it."""

    DEPLOY = "deploy_failure"
    WATCHDOG = "watchdog_failure"
    HEALTH = "health_failure"
    INTERRUPTED = "interrupted"
    OPERATOR = "operator"


class Context(StrEnum):
    """What is deployed where. DEV: somebody sits in front of it. APPLIANCE: nobody may be there to help."""

    DEV = "dev"
    APPLIANCE = "appliance"
    PRODUCTION = "production"


class Target(StrEnum):
    """The release to go back to. UNREADABLE: it cannot read the data as they are now."""

    VALID = "valid"
    MISSING = "missing"
    DEPLOYED = "equals_deployed"
    BELOW_FLOOR = "below_floor"
    UNREADABLE = "unreadable_data"
    DAMAGED = "damaged"


class Override(StrEnum):
    """What somebody said explicitly; it never makes an unusable target usable."""

    NONE = "none"
    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True)
class Decision:
    """What was decided of going back to `release`, and why."""

    status: Status
    reason: str
    target: Target
    release: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the rollback is carried out."""
        return self.status is Status.ALLOW

    def values(self) -> dict[str, Any]:
        """What journal, audit log and results say of it."""
        return {
            "rollback_policy_status": self.status.value,
            "rollback_policy_reason": self.reason,
            "rollback_target_valid": self.target is Target.VALID,
            "rollback_target_release_id": self.release,
        }


_UNUSABLE = {
    Target.MISSING: "there is no complete release to go back to",
    Target.DEPLOYED: "the target is what is deployed",
    Target.BELOW_FLOOR: "the target is below the security floor",
    Target.UNREADABLE: "the target cannot read the data as they are now",
    Target.DAMAGED: "the target's files are not those that were installed",
}

_FAILED = (Status.ALLOW, "a release that failed does not stay")
_LOOKED_AT = (Status.ASK, "somebody may want to look at what failed before it goes")
_UNPROVEN = (Status.ALLOW, "a release that nobody proved does not stay")
_ASKED_FOR = (Status.ALLOW, "it was asked for")
_HEALTHY = (Status.ASK, "in production a release that works is given up only by an explicit override")

_MATRIX: dict[FailureClass, dict[Context, tuple[Status, str]]] = {
    FailureClass.DEPLOY: {Context.DEV: _FAILED, Context.APPLIANCE: _FAILED, Context.PRODUCTION: _FAILED},
    FailureClass.WATCHDOG: {Context.DEV: _FAILED, Context.APPLIANCE: _FAILED, Context.PRODUCTION: _FAILED},
    FailureClass.HEALTH: {Context.DEV: _LOOKED_AT, Context.APPLIANCE: _FAILED, Context.PRODUCTION: _FAILED},
    FailureClass.INTERRUPTED: {Context.DEV: _LOOKED_AT, Context.APPLIANCE: _UNPROVEN, Context.PRODUCTION: _UNPROVEN},
    FailureClass.OPERATOR: {Context.DEV: _ASKED_FOR, Context.APPLIANCE: _ASKED_FOR, Context.PRODUCTION: _HEALTHY},
}


def decide(
    failure: FailureClass, context: Context, target: Target, override: Override = Override.NONE, *, release: str = ""
) -> Decision:
    """Say whether to go back to `release`. An unusable target is never gone back to, whatever was said."""
    if target is not Target.VALID:
        return Decision(Status.DENY, _UNUSABLE[target], target, release)
    if override is Override.DENY:
        return Decision(Status.DENY, "it was forbidden explicitly", target, release)
    if override is Override.ALLOW:
        return Decision(Status.ALLOW, "it was allowed explicitly", target, release)
    status, reason = _MATRIX[failure][context]
    return Decision(status, reason, target, release)


def judge_target(
    release: str | None,
    *,
    deployed: str | None,
    complete: Collection[str],
    below_floor: bool = False,
    reads_data: bool = True,
    intact: bool = True,
) -> Target:
    """Say what kind of target a release is; `complete` are the releases that lie complete on the disk."""
    if not release or release not in complete:
        return Target.MISSING
    if release == deployed:
        return Target.DEPLOYED
    if below_floor:
        return Target.BELOW_FLOOR
    if not reads_data:
        return Target.UNREADABLE
    return Target.VALID if intact else Target.DAMAGED


def failure_class_of(text: object) -> FailureClass:
    """Return the class that a journal names; one that this code does not know counts as INTERRUPTED."""
    return next((one for one in FailureClass if one == text), FailureClass.INTERRUPTED)


def context_of(text: object) -> Context:
    """Return the context that a journal names; an appliance where it names none."""
    return next((one for one in Context if one == text), Context.APPLIANCE)
