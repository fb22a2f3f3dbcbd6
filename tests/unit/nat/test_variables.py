import pytest
from hypothesis import given
from hypothesis import strategies as st

from att_nat.document import read
from att_nat.variables import Unsettled, Variables


@pytest.mark.parametrize(
    ("text", "value", "settled"),
    [
        ("port: ${PORT:-8000}", 8000, True),
        ("port: ${PORT-8000}", 8000, True),
        ("port: '${PORT:-8000}'", "8000", True),
        ("port: ${PORT:=8000}", 8000, True),
        ("port: ${PORT:-}", None, True),
        ("port: http://${HOST:-here}:${PORT:-1}/", "http://here:1/", True),
        ("port: ${PORT}", "${PORT}", False),
        ("port: a ${PORT} b", "a ${PORT} b", False),
        ("port: ${PORT:-${OTHER:-1}}", "${PORT:-${OTHER:-1}}", False),
        ("port: ${PORT:?why}", "${PORT:?why}", False),
        ("port: [${PORT:-a}, b]", ["a", "b"], True),
        ("port: \\${PORT:-x}", "\\${PORT:-x}", True),
        ("port: $PORT", "$PORT", True),
    ],
)
def test_a_variable_is_what_nat_puts_in_its_place(text: str, value: object, settled: bool) -> None:
    found = read("c.yml", text)
    assert found.problems == []
    assert found.data["port"] == value
    assert isinstance(found.data["port"], Unsettled) is not settled


def test_variables_without_a_default_are_listed_with_their_place() -> None:
    found = read("c.yml", "a: ${A}\nb: x ${B:-1} ${C}\n")
    assert [(name, place.line, place.column) for name, place in found.variables] == [("A", 1, 4), ("C", 2, 14)]


def test_a_variable_does_not_move_what_stands_behind_it() -> None:
    found = read("c.yml", "a: {b: ${A:-a very long default}, c: 1}")
    assert found.place(("a", "c"), key=True).column == 35


@given(st.lists(st.sampled_from(["${", "}", "A", ":-", "\\", "$", "\n", " ", "x", "${B}", "${C:-d}"])).map("".join))
def test_placeholders_keep_the_length_and_every_line(text: str) -> None:
    found = Variables(text)
    assert len(found.text) == len(text)
    assert [len(line) for line in found.text.split("\n")] == [len(line) for line in text.split("\n")]


def test_more_variables_than_placeholders_are_left_as_they_are() -> None:
    found = Variables("${A} " * 7000)
    assert len(found.text) == len("${A} " * 7000)
    assert found.text.endswith("${A} ")
