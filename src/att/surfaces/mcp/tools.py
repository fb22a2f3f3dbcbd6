"""Which tools are listed, and what each looks like to a model: made from the operation alone."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import mcp_types as types
from pydantic import BaseModel, ConfigDict, Field, create_model

from att.jobs.schema import JobRef
from att.kernel.errors import InvalidInput
from att.kernel.operation import Effect, Kind, Operation, Retry

PLAN = (
    "att.project.create",
    "att.project.list",
    "att.project.status",
    "att.code.read",
    "att.code.write",
    "att.code.search",
    "att.code.diff",
    "att.git.status",
    "att.git.commit",
    "att.git.push",
    "att.git.branch",
    "att.git.pr.create",
    "att.git.pr.merge",
    "att.git.pr.review",
    "att.git.log",
    "att.git.actions",
    "att.runtime.start",
    "att.runtime.stop",
    "att.runtime.logs",
    "att.runtime.status",
    "att.test.run",
    "att.test.results",
    "att.debug.errors",
    "att.debug.logs",
    "att.deploy.build",
    "att.deploy.push",
    "att.deploy.run",
)
"""The plan's tools, listed as soon as their rooms exist."""
ALWAYS = ("att.status", "att.upgrade.plan", "att.job.show", "att.tools.search")
ALL = "all"
UNDERSCORE = "underscore"
CONFIRMATION_FIELD = "confirmation_id"
FOLLOW_FIELD = "follow"


def listed(table: Sequence[Operation], rooms: str | None) -> list[Operation]:
    """Return the operations of `tools/list`: the plan's and ours, with those of `rooms` (names, or `all`) beside."""
    wanted = {room.strip() for room in (rooms or "").split(",") if room.strip()}
    known = {operation.words[0] for operation in table}
    for room in wanted - known - {ALL}:
        raise InvalidInput("invalid_input", f"cannot list the tools of {room[:64]}: no such room", field="tools")
    chosen = {*PLAN, *ALWAYS}
    return [o for o in table if ALL in wanted or o.words[0] in wanted or o.name in chosen]


def tool(operation: Operation, *, underscored: bool) -> types.Tool:
    """Return the tool of one operation."""
    return types.Tool(
        name=operation.underscored if underscored else operation.name,
        title=operation.summary,
        description=_description(operation),
        input_schema=input_schema(operation),
        output_schema=output_schema(operation),
        annotations=types.ToolAnnotations(
            title=operation.summary,
            read_only_hint=operation.effect is Effect.READ,
            destructive_hint=operation.effect is Effect.DESTROY,
            idempotent_hint=operation.retry is Retry.IDEMPOTENT,
            open_world_hint=False,
        ),
    )


@cache
def input_schema(operation: Operation) -> dict[str, Any]:
    """Return the JSON Schema of a call's arguments."""
    schema = {
        "type": "object",
        "properties": {},
        **operation.request.model_json_schema(),
        "additionalProperties": False,
    }
    properties = dict(schema["properties"])
    if operation.kind is Kind.STREAM:
        properties.pop(FOLLOW_FIELD, None)
    if operation.effect is Effect.DESTROY:
        properties[CONFIRMATION_FIELD] = {
            "type": "string",
            "description": "The id of the answer `confirmation_required`; leave it out in the first call.",
        }
    return {**schema, "properties": properties}


@cache
def answer_model(operation: Operation) -> type[BaseModel]:
    """Return the model of the structured answer: the result; of a job its reference with the result once it is done."""
    if operation.kind is Kind.JOB:
        maybe: Any = operation.result | None
        return create_model(f"{operation.result.__name__}Job", __base__=JobRef, result=(maybe, Field(default=None)))
    if operation.kind is Kind.STREAM:
        return create_model(
            f"{operation.result.__name__}Page",
            __config__=ConfigDict(extra="forbid"),
            items=(list[operation.result], Field()),  # type: ignore[name-defined]  # the type is a value here
            next_cursor=(str | None, Field(default=None, description="Hand it back as `cursor` to read on.")),
        )
    return operation.result


@cache
def output_schema(operation: Operation) -> dict[str, Any]:
    """Return the JSON Schema of the structured answer."""
    return answer_model(operation).model_json_schema(mode="serialization")


def _description(operation: Operation) -> str:
    text = operation.summary + "."
    about = (operation.request.__doc__ or "").strip()
    if about and not about.startswith("!!!"):
        text += f" Arguments: {about}"
    if operation.kind is Kind.JOB:
        text += " Long work: answers with a job id, or with the result when progress is asked for; see att.job.show."
    if operation.effect is Effect.DESTROY:
        text += " Destroys: asks for confirmation first."
    return f"{text} Needs the role {operation.role.name.lower()}."
