"""`.att/checks.yaml` of a target branch: which checks a pull request must pass, and how they run.

checks:
  tests:
    run: python -m att_nat.tests -q      # a shell command, in a fresh checkout of the pull request's head
    program: nat                         # `python` is NAT's (default), or `plain`: the system's programs alone
    required: true
    timeout_seconds: 600
"""

import re

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from att.kernel.errors import Refused
from att.workspace.schema import Program

PATH = ".att/checks.yaml"
CHECKS_MAX = 20
SECONDS_MAX = 3_600
_NAME = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")


class CheckSpec(BaseModel):
    """How one check runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str = Field(min_length=1, max_length=4_096)
    program: Program = Program.NAT
    required: bool = True
    timeout_seconds: int = Field(default=600, ge=1, le=SECONDS_MAX)

    @field_validator("program")
    @classmethod
    def _of_the_project(cls, program: Program) -> Program:
        if program is Program.ATT:
            raise ValueError("must be nat or plain")
        return program


class ChecksFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    checks: dict[str, CheckSpec] = Field(max_length=CHECKS_MAX)

    @field_validator("checks")
    @classmethod
    def _named_well(cls, checks: dict[str, CheckSpec]) -> dict[str, CheckSpec]:
        for name in checks:
            if not _NAME.match(name):
                raise ValueError(f"the name {name[:64]!r} must be of a-z, 0-9, dot, dash and underscore")
        return checks


def parse(content: bytes | None) -> dict[str, CheckSpec]:
    """Return the checks by name, none where there is no file; Refused(checks_invalid) says what is wrong where."""
    if content is None:
        return {}
    try:
        return ChecksFile.model_validate(yaml.safe_load(content)).checks
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        why = getattr(error, "problem", None) or "it is no YAML"
        raise Refused("checks_invalid", f"cannot read {PATH} of the target branch{where}: {why}") from error
    except (ValidationError, RecursionError, ValueError) as error:
        raise Refused("checks_invalid", f"cannot use {PATH} of the target branch: {_first(error)}") from error


def required(checks: dict[str, CheckSpec]) -> list[str]:
    """Return the names of those that must pass."""
    return sorted(name for name, spec in checks.items() if spec.required)


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)[:200]
    found = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in found["loc"]) or "the file"
    return f"{place}: {found['msg'][:1].lower()}{found['msg'][1:]}"
