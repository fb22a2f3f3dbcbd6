"""The checker of settings agrees with jsonschema and with the model, and names what is wrong."""

from importlib import resources
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from att.config import json_schema
from att.config.decision import contradictions, findings, leaves, unsupported
from att.config.document import dotted, read
from att.config.layers import lay
from att.config.settings import Settings

SCHEMA = json_schema.load()
WORDS = ["log", "api", "disk", "jobs", "level", "warn_percent", "limit_percent", "allowed_hosts", "running_max", "x"]
_value = st.sampled_from([None, True, 0, 1, 50, 99, 100, 10**9, 1.5, "info", "warn", "", "*"]) | st.lists(
    st.sampled_from(["*", "a", 1]), max_size=2
)


def told(values: Any, schema: dict[str, Any] | None = None) -> list[str]:
    return [f"{dotted(path)}: {message}" for path, message in findings(values, schema or SCHEMA)]


def test_the_checker_passes_over_no_keyword_of_the_schema() -> None:
    assert unsupported(SCHEMA) == set()
    assert unsupported({"type": "object", "properties": {"a": {"type": "array", "items": {"oneOf": []}}}}) == {"oneOf"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"disk": {"warn_percnt": 1}}, "disk.warn_percnt: unknown setting, did you mean warn_percent?"),
        ({"dsik": {}}, "dsik: unknown section, did you mean disk?"),
        ({"zzz": {}}, "zzz: unknown section"),
        ({"disk": {"warn_percent": 120}}, "disk.warn_percent: 120 is above the maximum 99"),
        ({"disk": {"warn_percent": 0}}, "disk.warn_percent: 0 is below the minimum 1"),
        ({"disk": {"warn_percent": True}}, "disk.warn_percent: expected a whole number, found true"),
        ({"disk": {"warn_percent": False}}, "disk.warn_percent: expected a whole number, found false"),
        ({"disk": {"warn_percent": "80"}}, "disk.warn_percent: expected a whole number, found '80'"),
        ({"disk": None}, "disk: expected a mapping, found nothing"),
        ({"disk": [1]}, "disk: expected a mapping, found a list"),
        ({"log": {"level": {}}}, "log.level: expected text, found a mapping"),
        ({"log": {"level": "inf"}}, "log.level: 'inf' is not one of debug, info, warning, error, did you mean info?"),
        ({"api": {"allowed_hosts": []}}, "api.allowed_hosts: needs at least 1 entries"),
        ({"api": {"allowed_hosts": ["a"] * 65}}, "api.allowed_hosts: takes at most 64 entries"),
        ({"api": {"allowed_hosts": ["a", 4]}}, "api.allowed_hosts[1]: expected text, found 4"),
        ({"log": {"level": "x" * 90}}, f"log.level: {'x' * 90!r} is not one of debug, info, warning, error"),
        ({"disk": {"warn_percent": "y" * 90}}, f"disk.warn_percent: expected a whole number, found '{'y' * 56}…"),
    ],
)
def test_each_mistake_is_told_with_its_path(values: Any, message: str) -> None:
    assert told(values) == [message]


@pytest.mark.parametrize(
    ("value", "schema", "message"),
    [
        ("", {"type": "string", "minLength": 1}, "is shorter than 1 characters"),
        ("abc", {"type": "string", "maxLength": 2}, "is longer than 2 characters"),
        ("abc", {"type": "string", "pattern": "^x"}, "does not match ^x"),
        ("yes", {"type": "boolean"}, "expected true or false, found 'yes', did you mean true?"),
        ("off", {"type": "boolean"}, "expected true or false, found 'off', did you mean false?"),
        ("maybe", {"type": "boolean"}, "expected true or false, found 'maybe'"),
        (3, {"type": "boolean"}, "expected true or false, found 3"),
        (True, {"type": "number"}, "expected a number, found true"),
        (1, {"type": "null"}, "expected nothing, found 1"),
        ({}, {"type": "object", "required": ["a"]}, "is missing"),
    ],
)
def test_keywords_that_no_setting_uses_yet_hold_too(value: Any, schema: dict[str, Any], message: str) -> None:
    assert [text for _, text in findings(value, schema)] == [message]


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ("ab", {"type": "string", "minLength": 1, "maxLength": 2, "pattern": "^a"}),
        (1.5, {"type": "number", "minimum": 1, "maximum": 2}),
        (None, {"type": "null"}),
        (True, {"type": "boolean"}),
        ({"a": 1, "b": 2}, {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}),
    ],
)
def test_what_keeps_the_schema_gives_no_finding(value: Any, schema: dict[str, Any]) -> None:
    assert list(findings(value, schema)) == []


def test_settings_that_contradict_each_other_are_told() -> None:
    values = Settings().model_dump()
    assert list(contradictions(values)) == []
    values["disk"]["warn_percent"] = values["disk"]["limit_percent"]
    assert [dotted(path) for path, _ in contradictions(values)] == ["disk.warn_percent"]


@given(st.dictionaries(st.sampled_from(WORDS), _value | st.dictionaries(st.sampled_from(WORDS), _value), max_size=4))
def test_checker_jsonschema_and_model_agree_on_every_input(values: dict[str, Any]) -> None:
    ours = not told(values)
    assert ours == jsonschema.Draft202012Validator(SCHEMA).is_valid(values)
    try:
        Settings.model_validate(values)
        model = True
    except ValidationError:
        model = False
    assert ours == model


def test_the_committed_schema_is_what_the_model_says() -> None:
    committed = resources.files("att.config").joinpath(json_schema.FILE).read_text(encoding="utf-8")
    assert committed == json_schema.render(), "run `make generate`"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_defaults_of_schema_and_model_are_the_same_and_valid() -> None:
    layers = lay(SCHEMA, read(""), {})
    assert layers.problems == []
    assert layers.values == Settings().model_dump()


def test_each_setting_says_how_it_takes_effect_and_names_its_variable() -> None:
    for path, leaf in leaves(SCHEMA):
        assert leaf["reload"] == "live" or leaf["reload"].startswith("restart:att-"), path
        assert leaf["env"][0] == json_schema.variable(tuple(map(str, path)))
        assert leaf["description"][:1].isupper(), path
    doors = {dotted(path) for path, leaf in leaves(SCHEMA) if leaf.get("door") == "ssh"}
    assert "upgrade.approval" in doors
