"""The rule file is checked as a whole, and read again when it changes."""

import os
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from att.router.script import DEFAULT_FILE, FILE_BYTES_MAX, LiveScript, ScriptInvalid, filled, json_schema, parse


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("rules: 3", "$.rules"),
        ("rule: []", "unknown field"),
        ("rules: [{match: a}]", "$.rules[0]"),
        ("rules: [{match: '(', say: x}]", "$.rules[0].match"),
        ("rules: [{match: a, say: x}, {match: a, call: '['}]", "$.rules[1].call"),
        ("rules: [{match: a, say: x, pace_ms: 99999}]", "pace_ms"),
        ("rules: [{match: '', say: x}]", "match"),
        ("rules: [{match: a, says: x}]", "unknown field"),
        ("a: b: c", "no YAML"),
        ("[" * 1_000, "no YAML"),
        ("- 1", "object"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(text: str, where: str) -> None:
    with pytest.raises(ScriptInvalid) as told:
        parse(text)
    assert where in str(told.value)


def test_an_empty_file_is_a_script_without_rules() -> None:
    assert parse("").rules == ()


def test_the_default_file_holds_and_fits_the_schema() -> None:
    text = DEFAULT_FILE.read_text(encoding="utf-8")
    assert parse(text).rules
    Draft202012Validator(json_schema()).validate(yaml.safe_load(text))


def test_templates_know_no_more_than_they_are_given() -> None:
    assert filled("{a} {b} {a.b} {{a}} {", {"a": "1"}) == "1  {a.b} {1} {"


def change(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1_000_000))


def test_a_changed_file_holds_at_once_and_a_wrong_one_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    live = LiveScript(path)
    default = live.current()
    change(path, "otherwise: first")
    assert live.current().otherwise == "first"
    change(path, "otherwise: [1]")
    assert live.current().otherwise == "first"
    assert live.problem is not None
    assert "$.otherwise" in live.problem
    change(path, "x" * (FILE_BYTES_MAX + 1))
    assert live.current().otherwise == "first"
    path.write_bytes(b"\xff")
    assert live.current().otherwise == "first"
    change(path, "otherwise: second, longer")
    assert live.current().otherwise == "second, longer"
    assert live.problem is None
    path.unlink()
    assert live.current() == default
