"""The launcher's protocol: one JSON line asks, one answers. Who may ask: the API and root; to build: root. Pure."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from att.kernel.errors import InvalidInput
from att.workspace.schema import TaskKind, TaskSpec

LINE_BYTES_MAX = 4 * 1024 * 1024


class _Ask(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    slot: int = Field(ge=0)


class Start(_Ask):
    """Start a task in a slot."""

    verb: Literal["start"] = "start"
    spec: TaskSpec


class About(_Ask):
    """Stop, look at, or forget a task of a slot."""

    verb: Literal["stop", "state", "forget"]
    task_id: str = Field(max_length=64)
    kind: TaskKind


class Build(BaseModel):
    """Do the job of building ATT that lies in the folder of that name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    verb: Literal["build"] = "build"
    job: str = Field(max_length=64)


Ask = Start | About | Build
_ASKS: TypeAdapter[Ask] = TypeAdapter(Annotated[Ask, Field(discriminator="verb")])


def read_ask(line: bytes) -> Ask:
    """Return what a line asks for; InvalidInput without a word of its content, which may be secret."""
    try:
        return _ASKS.validate_json(line)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise InvalidInput("invalid_input", f"cannot read the request: {where} is not valid", field=where) from None


def line_of(value: dict[str, Any]) -> bytes:
    """Return one line."""
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def may_ask(uid: int, *, api_uid: int) -> bool:
    """Whether the peer is the API or root."""
    return uid in (0, api_uid)


def may_build(uid: int) -> bool:
    """Whether the peer may have ATT itself built: root, which the upgrade engine is, and nobody else."""
    return uid == 0
