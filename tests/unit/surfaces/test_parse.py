"""A request's values are taken as the schema says, never converted from something else."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict

from att.audit.schema import AuditListRequest
from att.kernel.errors import InvalidInput
from att.kernel.operation import Effect, Operation, Role, Route
from att.surfaces.expose import parse


class Colour(StrEnum):
    RED = "red"


class Everything(BaseModel):
    model_config = ConfigDict(extra="forbid")

    count: int = 0
    share: float = 0.0
    sure: bool = False
    colour: Colour = Colour.RED
    size: Literal["s", "m"] = "s"
    names: list[str] = []
    at: datetime | None = None


async def nothing(_: Any, __: Any) -> Everything:
    return Everything()


def operation(request: type[BaseModel]) -> Operation:
    return Operation(
        name="att.thing.all",
        summary="All kinds of fields",
        request=request,
        result=Everything,
        effect=Effect.READ,
        role=Role.VIEWER,
        route=Route("POST", "/things"),
        handler=nothing,
    )


def test_values_of_the_schemas_types_are_taken() -> None:
    values = {"count": 3, "share": 1, "sure": True, "colour": "red", "size": "m", "names": ["a"]}
    found = parse(operation(Everything), {**values, "at": "2026-01-31T12:00:00Z"})
    assert found == Everything(
        count=3, share=1.0, sure=True, size="m", names=["a"], at=datetime(2026, 1, 31, 12, tzinfo=UTC)
    )


def test_a_whole_number_is_an_integer_however_it_is_written() -> None:
    found = parse(operation(Everything), {"count": 5.0, "share": 5.0})
    assert (found, type(found.model_dump()["share"])) == (Everything(count=5, share=5.0), float)


@pytest.mark.parametrize(
    "values",
    [
        {"count": "3"},
        {"count": 3.5},
        {"count": float("nan")},
        {"count": float("inf")},
        {"count": True},
        {"share": "1.5"},
        {"sure": 1},
        {"sure": "yes"},
        {"colour": "blue"},
        {"names": "a"},
        {"names": [1]},
        {"at": 1_700_000_000},
    ],
)
def test_a_value_of_another_type_is_refused_and_not_converted(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as told:
        parse(operation(Everything), values)
    assert (told.value.field or "").startswith(next(iter(values)))


@pytest.mark.parametrize("moment", ["0.5", "1700000000", "-3"])
def test_a_number_is_no_moment(moment: str) -> None:
    with pytest.raises(InvalidInput) as told:
        parse(operation(AuditListRequest), {"until": moment})
    assert told.value.field == "until"
