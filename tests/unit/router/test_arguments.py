"""A tool's arguments come out of the message as its schema asks."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.router.arguments import fill


def of(properties: dict[str, Any], text: str, required: list[str] | None = None, **groups: str) -> dict[str, Any]:
    names = list(properties) if required is None else required
    return fill({"type": "object", "properties": properties, "required": names}, text, groups)


STRING, INTEGER, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (STRING, "tell me of Paris", "tell me of Paris"),
        (STRING, 'look for "red shoes" now', "red shoes"),
        (STRING, "x: Paris, please", "Paris"),
        (STRING, "the x is 'New York'", "New York"),
        (INTEGER, "take 12 of them", 12),
        (INTEGER, "x=7, or 9", 7),
        (INTEGER, "none at all", 0),
        ({**INTEGER, "default": 5}, "none at all", 5),
        (NUMBER, "weigh 1.5 kg", 1.5),
        (NUMBER, "weigh -2 kg", -2),
        ({"type": "boolean"}, "do it", True),
        ({"type": "boolean"}, "do not do it", False),
        ({"type": "boolean"}, "x: no", False),
        ({"enum": ["celsius", "fahrenheit"]}, "in Fahrenheit please", "fahrenheit"),
        ({"enum": ["celsius", "fahrenheit"]}, "hot?", "celsius"),
        ({"const": 3}, "hm", 3),
        ({"type": "null"}, "hm", None),
        ({"type": ["null", "integer"]}, "of 4", 4),
        ({"type": ["null"]}, "of 4", None),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, "of 4", 4),
        ({"type": "array", "items": INTEGER}, "sum 1, 2 and 3", [1, 2, 3]),
        ({"type": "array", "items": STRING}, 'both "a" and "b"', ["a", "b"]),
        ({"type": "array"}, "just this", ["just this"]),
        ({"type": "array", "items": STRING}, "x: one", ["one"]),
        ({"type": "object", "properties": {"n": INTEGER}, "required": ["n"]}, "of 4", {"n": 4}),
    ],
)
def test_one_required_value(schema: dict[str, Any], text: str, value: object) -> None:
    assert of({"x": schema}, text) == {"x": value}


def test_values_are_taken_in_turn_and_none_twice() -> None:
    found = of({"from": INTEGER, "to": INTEGER, "word": STRING}, 'from: 2, up to 9 of "this"')
    assert found == {"from": 2, "to": 9, "word": "this"}


def test_what_is_not_required_is_given_when_the_message_holds_it() -> None:
    properties = {"query": STRING, "limit": INTEGER, "flag": {"type": "boolean"}, "sort": {"enum": ["a", "b"]}}
    assert of(properties, "cats", required=["query"]) == {"query": "cats"}
    found = of(properties, 'find "cats", 5 of them, sort: b', required=["query"])
    assert found == {"query": "cats", "limit": 5, "sort": "b"}


def test_a_rules_groups_come_first_as_the_schemas_type() -> None:
    assert of({"n": INTEGER, "x": NUMBER}, "take 3", n="8.0", x="2.5") == {"n": 8, "x": 2.5}
    assert of({"n": INTEGER}, "take 3", n="many") == {"n": "many"}


def test_references_are_followed_and_circles_end() -> None:
    schema = {
        "properties": {"tree": {"$ref": "#/$defs/Tree"}},
        "required": ["tree"],
        "$defs": {"Tree": {"type": "object", "properties": {"in": {"$ref": "#/$defs/Tree"}}, "required": ["in"]}},
    }
    found: Any = fill(schema, "hm", {})
    depth = 0
    while found:
        found, depth = next(iter(found.values())), depth + 1
    assert 2 < depth < 20


def test_a_list_of_lists_ends() -> None:
    circle: dict[str, Any] = {"type": "array", "items": {"$ref": "#/$defs/L"}}
    assert fill({"properties": {"x": circle}, "required": ["x"], "$defs": {"L": circle}}, "hm", {})["x"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
words = st.sampled_from(
    ["type", "properties", "required", "items", "enum", "anyOf", "$ref", "$defs", "const", "default"]
)
schemas = st.recursive(
    json_values | st.sampled_from(["object", "array", "integer", "string", "#/$defs/a"]),
    lambda inner: st.dictionaries(words | st.text(max_size=4), inner, max_size=5) | st.lists(inner, max_size=3),
    max_leaves=30,
)


@given(schemas, st.text(max_size=200))
def test_no_schema_and_no_message_break_it(schema: Any, text: str) -> None:
    given_schema = schema if isinstance(schema, dict) else {"properties": {"x": schema}, "required": ["x"]}
    assert fill(given_schema, text, {}) == fill(given_schema, text, {})
