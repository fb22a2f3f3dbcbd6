import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from att_nat import document
from att_nat.document import DEPTH_MAX, merge, read
from att_nat.problem import Code, Place
from att_nat.variables import Unsettled

GOOD = """\
llms:
  main:
    _type: openai
    model: m
workflow: {_type: react_agent, llm_name: main}
"""


def test_each_key_and_value_knows_its_line_and_column() -> None:
    found = read("c.yml", GOOD)
    assert found.data == yaml.safe_load(GOOD)
    assert found.place(("llms", "main", "model")) == Place("c.yml", 4, 12)
    assert found.place(("llms", "main", "model"), key=True) == Place("c.yml", 4, 5)
    assert found.place(("workflow", "llm_name")) == Place("c.yml", 5, 42)
    assert found.place(("workflow", "nothing", "there")) == Place("c.yml", 5, 1), "the nearest ancestor's key"
    assert found.place(("nowhere",)) == Place("c.yml")


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "says"),
    [
        ("", Code.EMPTY, 1, 1, "empty"),
        ("# nothing\n", Code.EMPTY, 1, 1, "empty"),
        ("[1, 2]", Code.NOT_A_MAPPING, 1, 1, "mapping"),
        ("a: [1", Code.YAML_INVALID, 2, 1, "expected"),
        ("a:\n\t- b", Code.YAML_INVALID, 2, 1, "cannot start any token"),
        ("a: 1\n--- \nb: 2", Code.YAML_INVALID, 2, 1, "another document"),
        ("a: *x", Code.YAML_INVALID, 1, 4, "undefined alias"),
        ("a: &a [*a]", Code.TOO_LARGE, 1, 4, "deeper"),
        ("a:\n  b: !!python/object:os.system x", Code.YAML_INVALID, 2, 6, "constructor"),
        ("a: !own {b: 1}", Code.YAML_INVALID, 1, 4, "tag"),
        ("? [a]\n: b", Code.YAML_INVALID, 1, 3, "plain value"),
        ("a: 2024-99-99", Code.YAML_INVALID, 1, 4, "month"),
        ("a: !!timestamp x", Code.YAML_INVALID, 1, 4, "cannot be read"),
        ("a: !!set x", Code.YAML_INVALID, 1, 4, "plain value"),
        ("a: " + "9" * 5000, Code.YAML_INVALID, 1, 4, "4300 digits"),
        ("a: \x00", Code.YAML_INVALID, 1, 1, "character"),
        ("a: 1\nb: ${HOME", Code.VARIABLE_INVALID, 2, 4, "closing brace"),
        ("a: 1\n<<: 3", Code.YAML_INVALID, 2, 5, "<<"),
        ("[" * 100_000, Code.TOO_LARGE, 1, DEPTH_MAX + 1, "deeper"),
        ("x" * (document.TEXT_CHARS_MAX + 1), Code.TOO_LARGE, 1, 1, "longer"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, code: Code, line: int, column: int, says: str) -> None:
    found = read("c.yml", text)
    assert found.data == {}
    (problem,) = found.problems
    assert (problem.code, problem.place) == (code, Place("c.yml", line, column))
    assert says in problem.message


def test_a_tab_gets_its_own_hint() -> None:
    (problem,) = read("c.yml", "a:\n\t- b").problems
    assert "never with tabs" in problem.hint


def test_a_repeated_key_is_told_where_it_stands_again() -> None:
    found = read("c.yml", "a:\n  b: 1\n  b: 2\n")
    (problem,) = found.problems
    assert (problem.code, problem.place, problem.path) == (Code.KEY_REPEATED, Place("c.yml", 3, 3), "a.b")
    assert found.data == {"a": {"b": 2}}, "as NAT reads it"


def test_a_text_of_few_bytes_that_unfolds_to_millions_of_values_is_refused_at_once() -> None:
    text = "a: &a [x,x,x,x,x,x,x,x,x]\n"
    for name, former in zip("bcdefghij", "abcdefghi", strict=True):
        text += f"{name}: &{name} [{','.join([f'*{former}'] * 9)}]\n"
    started = time.process_time()
    (problem,) = read("c.yml", text).problems
    assert problem.code is Code.TOO_LARGE
    assert time.process_time() - started < 5


def test_anchors_and_merged_mappings_are_read_as_nat_reads_them() -> None:
    text = "x: &x {k: 1, l: 2}\nz: &z {l: 7, m: 8}\ny:\n  <<: [*x, *z]\n  k: 3\n"
    found = read("c.yml", text)
    assert found.data == yaml.safe_load(text) == {"x": {"k": 1, "l": 2}, "z": {"l": 7, "m": 8}, "y": found.data["y"]}
    assert found.data["y"] == {"k": 3, "l": 2, "m": 8}
    assert found.place(("y", "k")) == Place("c.yml", 5, 6)
    assert found.place(("y", "m"), key=True) == Place("c.yml", 2, 14)


def test_a_file_reference_is_not_settled_and_its_kind_is_checked() -> None:
    found = read("c.yml", "a: file://prompt.md\nb: file://code.py\n")
    assert isinstance(found.data["a"], Unsettled)
    (problem,) = found.problems
    assert (problem.code, problem.path) == (Code.FILE_REFERENCE, "b")


def test_a_config_over_its_base_is_merged_as_nat_does_and_keeps_both_places() -> None:
    base = read("base.yml", "llms:\n  a: {_type: x, deep: {k: 1}}\n  b: {_type: y}\nlist: [1, 2, 3]\n")
    over = read("c.yml", "llms:\n  a: {deep: 7}\nlist: [4]\n")
    merged = merge(base, over)
    assert merged.data == {"llms": {"a": {"_type": "x", "deep": 7}, "b": {"_type": "y"}}, "list": [4]}
    assert merged.place(("llms", "a", "_type")).file == "base.yml"
    assert merged.place(("llms", "a", "deep")) == Place("c.yml", 2, 13)
    assert ("llms", "a", "deep", "k") not in merged.values
    assert merged.place(("list", 2)) == Place("c.yml", 3, 1), "what the base had there is gone"


@pytest.mark.parametrize("text", ["a: 1\t\n", "a:\t1\n", "a: [\t1]\n", "a: \t"])
def test_a_tab_between_tokens_is_refused_as_nat_refuses_it(text: str) -> None:
    assert [problem.code for problem in read("c.yml", text).problems] == [Code.YAML_INVALID]


def test_a_tab_in_a_text_is_kept() -> None:
    assert read("c.yml", "a: 'b\tc'\n").data == {"a": "b\tc"}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"])
def test_a_variable_stands_in_the_line_that_yaml_counts(end: str) -> None:
    (problem,) = read("c.yml", f"a: 1{end}b: ${{").problems
    assert problem.place == Place("c.yml", 2, 4)


_SIGNS = """a b : - [ ] { } &x *x <<: !!int !!set ? > ' " # ${A} ${A:-1} ${ 1 0x 1e9 2024-01-01 = é \\"""
PIECES = st.sampled_from([*_SIGNS.split(), " ", "\n", "  ", ": ", "- ", "|\n", "\t", "\ufeff", "\u2028"])


@given(st.one_of(st.text(), st.lists(PIECES).map("".join)))
def test_any_text_is_read_or_refused_and_every_place_is_in_it(text: str) -> None:
    found = read("c.yml", text)
    lines = text.splitlines() or [""]
    for place in [*found.keys.values(), *found.values.values(), *(problem.place for problem in found.problems)]:
        assert 1 <= place.line <= len(lines) + 1
        assert place.column >= 1
        if place.line <= len(lines):
            assert place.column <= len(lines[place.line - 1]) + 2


@given(st.lists(PIECES).map("".join))
def test_a_text_without_variables_is_read_as_yaml_reads_it(text: str) -> None:
    if "${" in text or "file://" in text:
        return
    found = read("c.yml", text)
    try:
        expected = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, AttributeError, TypeError, LookupError, ArithmeticError):
        assert found.problems, "what YAML refuses is refused"
        return
    if not found.problems:
        assert repr(found.data) == repr(expected)
