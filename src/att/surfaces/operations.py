"""The one operation that is about operations: search the table for what ATT can do."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from att.kernel.operation import Context, Effect, Operation, Role, Route
from att.surfaces import table

NAME_WEIGHT, SUMMARY_WEIGHT, FIELD_WEIGHT = 4, 2, 1


class ToolSearch(BaseModel):
    """What to look for; all words count, none must match exactly."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(default="", max_length=200, description="words; empty lists everything")
    room: str | None = Field(default=None, max_length=64, description="only this room: git, upgrade, token …")
    limit: int = Field(default=20, ge=1, le=200, description="tools at most")


class Tool(BaseModel):
    """One operation: call it by this name over MCP, by its route over REST, as a command of attctl."""

    name: str
    summary: str
    kind: str
    effect: str
    role: str
    command: str
    route: str
    input_schema: dict[str, Any]


class ToolPage(BaseModel):
    """The best matches first; `total` counts all that matched."""

    tools: list[Tool]
    total: int


async def search(_: Context, request: ToolSearch) -> ToolPage:
    """Find operations by words of their name, summary and fields."""
    words = request.query.lower().replace(".", " ").replace("_", " ").split()
    candidates = [o for o in table.operations() if request.room in (None, o.words[0])]
    scored = [(score(operation, words), operation) for operation in candidates]
    found = [operation for points, operation in sorted(scored, key=lambda pair: -pair[0]) if points or not words]
    return ToolPage(tools=[_tool(operation) for operation in found[: request.limit]], total=len(found))


def score(operation: Operation, words: list[str]) -> int:
    """Return how well `operation` matches: names count most, then the summary, then field names."""
    weighed = (
        (NAME_WEIGHT, " ".join(operation.words)),
        (SUMMARY_WEIGHT, operation.summary.lower()),
        (FIELD_WEIGHT, " ".join(operation.request.model_fields)),
    )
    return sum(weight for word in words for weight, text in weighed if word in text)


def _tool(operation: Operation) -> Tool:
    return Tool(
        name=operation.name,
        summary=operation.summary,
        kind=operation.kind.value,
        effect=operation.effect.value,
        role=operation.role.name.lower(),
        command="attctl " + " ".join(operation.words),
        route=f"{operation.route.method} /api/v1{operation.route.path}",
        input_schema=operation.request.model_json_schema(),
    )


OPERATIONS = (
    Operation(
        name="att.tools.search",
        summary="Search everything ATT can do by words",
        request=ToolSearch,
        result=ToolPage,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("GET", "/tools"),
        handler=search,
        example='--query "upgrade history"',
    ),
)
