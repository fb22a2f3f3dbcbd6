from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel, Field
from tests.unit.surfaces.world import TABLE

from att.kernel.errors import NotFound
from att.kernel.operation import Effect, Kind, Route
from att.surfaces import table

SHOW = next(operation for operation in TABLE if operation.name == "att.thing.show")


class Unknown(BaseModel):
    other: str = ""


class Endless(BaseModel):
    thing_id: str
    offsets: list[int | None] = Field(default_factory=list)


def test_a_good_table_has_no_defects() -> None:
    assert table.defects(TABLE) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": "thing.show"}, "dotted lower-case"),
        ({"name": "att." + "x" * 61}, "at most 64"),
        ({"summary": "two\nlines"}, "one line"),
        ({"route": Route("GET", "things/{thing_id}")}, "start with a slash"),
        ({"request": Unknown}, "thing_id is no field"),
        ({"route": Route("GET", "/things/{other}"), "request": Unknown}, "must be a required field"),
        ({"effect": Effect.CHANGE}, "GET must not change"),
        ({"kind": Kind.STREAM}, "cursor, limit and follow"),
        ({"kind": Kind.STREAM, "route": Route("POST", "/things/{thing_id}")}, "read with GET"),
        ({"kind": Kind.CONTENT}, "needs the field upload"),
        ({"request": Endless}, "the number offsets must have a least and a greatest value"),
    ],
)
def test_each_rule_is_held(change: dict[str, Any], sentence: str) -> None:
    assert any(sentence in defect for defect in table.defects([replace(SHOW, **change)]))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"route": Route("GET", "/other")}, "the name att.thing.show is taken twice"),
        ({"name": "att.thing_show"}, "the underscored name att_thing_show is taken twice"),
        ({"name": "att.thing.other"}, "the route GET /things/{} is taken twice"),
    ],
)
def test_names_and_routes_are_unique(change: dict[str, Any], sentence: str) -> None:
    assert sentence in table.defects([SHOW, replace(SHOW, **change)])


def test_a_literal_segment_is_tried_before_a_parameter() -> None:
    paths = [operation.route.path for operation in table.by_precision(TABLE)]
    assert paths.index("/things/load") < paths.index("/things/{thing_id}")


@pytest.mark.parametrize("name", ["att.tools.search", "att_tools_search"])
def test_an_operation_is_found_by_either_name(name: str) -> None:
    assert table.find(name).name == "att.tools.search"


@pytest.mark.parametrize("name", ["att.nothing", "att_nothing", "", "att.tools.other"])
def test_a_name_that_is_none_is_not_found(name: str) -> None:
    with pytest.raises(NotFound):
        table.find(name)
