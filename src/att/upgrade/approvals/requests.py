"""What the verbs about changes of the appliance by itself take over the engine's socket."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from att.kernel.errors import InvalidInput
from att.upgrade.approvals.schema import (
    PATHS_MAX,
    REASON_CHARS_MAX,
    SUBJECT_CHARS_MAX,
    Commit,
    Digest,
    Job,
    Number,
)
from att.upgrade.wire import Ask

CHECKS_MAX = 64
_Name = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]
_Check = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Propose(_Request):
    """A pull request's head; the pack comes as the descriptor."""

    number: Number
    commit: Commit
    releases: bool = True
    dropped: list[_Name] = Field(default=[], max_length=PATHS_MAX)
    subject: str = Field(default="", max_length=SUBJECT_CHARS_MAX)


class Withdraw(_Request):
    """What is asked for no more."""

    number: Number


class Release(_Request):
    """A merge, by the job of the cycle; the pack comes as the descriptor."""

    number: Number
    commit: Commit
    job: Job
    checks: list[_Check] = Field(default=[], max_length=CHECKS_MAX)


class Approve(_Request):
    """What was looked at; `protected` names every protected path, or none."""

    number: Number
    commit: Commit
    tree: Digest
    seen: Digest
    protected: list[_Name] = Field(default=[], max_length=PATHS_MAX)


class Deny(_Request):
    """What is not to become a release."""

    number: Number
    reason: str = Field(default="", max_length=REASON_CHARS_MAX)


class Pause(_Request):
    """Why nothing is to be released for now."""

    reason: str = Field(default="", max_length=REASON_CHARS_MAX)


class Resume(_Request):
    """Nothing to say."""


class Look(_Request):
    """All, or one of them in full."""

    number: Number | None = None
    job: Job | None = None


def read[T: _Request](ask: Ask, kind: type[T]) -> T:
    """Return the arguments of a request; InvalidInput names the one that does not fit."""
    try:
        return kind.model_validate(dict(ask.args))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        text = f"cannot {ask.verb.replace('_', ' ')}: {field}: {first['msg']}"
        raise InvalidInput("invalid_input", text, field=field) from error
