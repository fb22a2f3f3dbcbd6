"""How a proposal stands: what the engine tells of it over its socket."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from att.kernel.errors import AttError
from att.upgrade.approvals import decision
from att.upgrade.approvals.decision import Setting
from att.upgrade.approvals.schema import Cycle, Denial, Held, Paused, Proposal, Record


class Problem(BaseModel):
    """A refusal as the engine would give it now."""

    code: str
    detail: str
    hint: str = ""


class Said(BaseModel):
    """One approval; `protected` counts the protected paths that it names."""

    by: str
    door: str
    at: datetime
    protected: int


class Standing(BaseModel):
    """One proposal and what is still missing; `proposal` is there when it was asked for by its number."""

    number: int
    commit: str
    tree: str = Field(description="Digest of the whole tree")
    base: str
    seen: str = Field(description="Digest of all that is proposed; who approves says it back")
    releases: bool
    subject: str = Field(description="As the API told it: not to be trusted")
    protected: int = Field(description="How many protected paths it changes")
    dropped: int = Field(description="How many tests it collects no more, as the API told it")
    at: datetime
    by: str
    approvals: list[Said]
    denied: Denial | None
    problem: Problem | None = Field(description="Why it could not be released yet; null when enough was said")
    proposal: Proposal | None = None


class Status(BaseModel):
    """Where changes of the appliance by itself stand, oldest first."""

    paused: Paused | None
    held: Held | None = Field(description="The merge that has to be reverted before anything is released on top of it")
    setting: Literal["required", "auto"]
    operators: int = Field(description="How many people could approve")
    base: str = Field(description="The running release's commit")
    proposals: list[Standing]
    cycles: list[Cycle]
    problems: list[str] = Field(description="Files of the engine that cannot be read")


def standing(
    record: Record, denials: Sequence[Denial], *, base: str, setting: Setting, operators: int, whole: bool = False
) -> Standing:
    """Return how a proposal stands against the running release's commit, `base`."""
    proposal, change = record.proposal, record.proposal.change
    denied = decision.denial_of(change, denials)
    problem = (
        decision.base_problem(proposal, base)
        or (decision.denied_problem(denied) if denied else None)
        or decision.approvals_problem(change, record.approvals, setting=setting, operators=operators)
    )
    return Standing(
        number=proposal.number,
        commit=change.commit,
        tree=change.tree,
        base=proposal.base,
        seen=seen_of(proposal),
        releases=change.releases,
        subject=proposal.subject,
        protected=len(change.protected),
        dropped=len(change.dropped),
        at=proposal.at,
        by=proposal.by,
        approvals=[Said(by=one.by, door=one.door, at=one.at, protected=len(one.protected)) for one in record.approvals],
        denied=denied,
        problem=told(problem) if problem else None,
        proposal=proposal if whole else None,
    )


def seen_of(proposal: Proposal) -> str:
    """Return a digest of what somebody who approves has to have seen, in whichever words it was shown."""
    shown = proposal.model_dump_json(include={"number", "base", "change"})
    return hashlib.sha256(shown.encode()).hexdigest()


def told(error: AttError) -> Problem:
    """Return a refusal as part of an answer."""
    return Problem(code=error.code, detail=error.detail, hint=error.hint)
