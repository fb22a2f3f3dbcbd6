"""What goes to stdout, and the progress line on stderr."""

import io
import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from att.surfaces.cli.output import item_of, text_of
from att.surfaces.cli.progress import ProgressLine

VALUE = {"status": "ok", "reasons": [], "on": True, "off": False, "none": None, "names": ["a", "b"]}


def test_scalars_are_aligned_and_read_as_words() -> None:
    assert text_of(VALUE, "table").splitlines() == [
        "status   ok",
        "reasons  -",
        "on       yes",
        "off      no",
        "none     -",
        "names    a, b",
    ]


def test_lists_of_objects_become_tables_below_the_rest() -> None:
    value = {"status": "ok", "checks": [{"name": "api", "detail": "x" * 200, "empty": None}], "rest": [{"a": {"b": 1}}]}
    assert text_of(value, "table").splitlines() == [
        "status  ok",
        "",
        "checks:",
        "NAME  DETAIL",
        f"api   {'x' * 71}…",
        "",
        "rest:",
        "A",
        '{"b": 1}',
    ]


def test_a_page_is_its_rows_and_what_leads_on() -> None:
    assert text_of({"jobs": [{"id": "1"}], "next_cursor": None}, "table") == "ID\n1\n"
    assert "next_cursor  c2" in text_of({"jobs": [{"id": "1"}], "next_cursor": "c2"}, "table")
    assert text_of({"jobs": [], "next_cursor": None}, "table") == "jobs         -\nnext_cursor  -\n"


def test_nested_objects_and_long_text_are_indented() -> None:
    assert text_of({"a": {"b": 1}, "c": "x\ny", "d": {}}, "table") == "a:\n  b  1\nc:\n  x\n  y\n"
    assert text_of(7, "table") == "7\n"
    assert text_of({}, "table") == ""


def test_columns_of_a_long_list_are_chosen() -> None:
    row = {"setting": "a.b", "value": 1, "origin": "file", "where": "att.yaml:3", "description": "long"}
    assert text_of({"path": "/p", "items": [row], "problems": []}, "table", "att.config.show").splitlines() == [
        "path  /p",
        "",
        "items:",
        "SETTING  VALUE  ORIGIN  WHERE",
        "a.b      1      file    att.yaml:3",
    ]


def test_a_stream_item_is_its_text_a_json_line_or_a_yaml_document() -> None:
    item = {"cursor": "1", "text": "hello"}
    assert item_of(item, "table") == "hello\n"
    assert json.loads(item_of(item, "json")) == item
    assert yaml.safe_load(item_of(item, "yaml")) == item


def test_a_gap_before_an_item_is_told() -> None:
    assert item_of({"text": "later\n", "missing_bytes": 7}, "table") == "... 7 bytes are kept no longer ...\nlater\n"
    assert item_of({"cursor": "1"}, "table") == '{"cursor": "1"}\n'


_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=15,
)


@given(st.dictionaries(st.text(max_size=5), _value, max_size=4))
def test_every_result_can_be_shown_in_every_form(value: dict[str, object]) -> None:
    text_of(value, "table")
    assert json.loads(text_of(value, "json")) == value
    assert yaml.safe_load(text_of(value, "yaml")) == value


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_one_line_is_drawn_again() -> None:
    stream = Terminal()
    line = ProgressLine(stream)
    line.show("upload", 50.0, 12.4)
    line.log("said")
    line.show("switch")
    line.done()
    line.done()
    told = stream.getvalue()
    assert f"\r[{'#' * 12}{'-' * 12}]  50 % upload, 12 s left\x1b[K" in told
    assert "\r\x1b[Ksaid\n" in told
    assert told.endswith(f"\r[{'-' * 24}] switch\x1b[K\n")


@pytest.mark.parametrize(("percent", "lines"), [([1, 2, 3], 1), ([5, 15, 16, 25], 3)])
def test_without_a_terminal_a_line_is_written_at_each_tenth(percent: list[float], lines: int) -> None:
    stream = io.StringIO()
    line = ProgressLine(stream)
    for one in percent:
        line.show("upload", one)
    line.log("said")
    line.done()
    assert len(stream.getvalue().splitlines()) == lines + 1
