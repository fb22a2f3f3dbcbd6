"""The reader of settings files: what it takes, what it refuses, and that nothing makes it fall over."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.config.document import BYTES_MAX, DEPTH_MAX, Place, dotted, read


def test_values_and_the_place_of_each_setting_are_read() -> None:
    document = read("disk:\n  warn_percent: 80\napi:\n  allowed_hosts:\n    - a.example\n    - 'b'\n")
    assert document.problems == []
    assert document.values == {"disk": {"warn_percent": 80}, "api": {"allowed_hosts": ["a.example", "b"]}}
    assert document.places["disk", "warn_percent"] == Place(2, 3)
    assert document.places["api", "allowed_hosts", 1] == Place(6, 7)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("012", 12),
        ("0x1f", 31),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("'80'", "80"),
        ("12:30", "12:30"),
        ("9" * 30, 1e30),
    ],
)
def test_plain_words_follow_the_yaml_1_2_core_schema(text: str, value: object) -> None:
    assert read(f"a: {text}").values == {"a": value}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3", "a (line 3, column 1): given twice, first on line 1"),
        ("a: &x 1\nb: *x", "b (line 2, column 4): an alias; write the value out"),
        ("a: !!python/object:os.system x", "a (line 1, column 4): a tag"),
        ("a: 1\n---\nb: 2", "line 2, column 1: a second document"),
        ("? [1]\n: 2", "line 1, column 3: a key must be a word"),
        ("*x : 1", "an alias; write the value out"),
        ("- 1", "the file must be a mapping of sections"),
        ("word", "the file must be a mapping of sections"),
        ("a: [", "did not find expected node content"),
        ("a: \x00", "not YAML"),
        ("[" * 10_000, f"not YAML: nested deeper than {DEPTH_MAX} levels"),
        ("#" * (BYTES_MAX + 1), "larger than 256 KiB"),
    ],
)
def test_what_a_settings_file_has_no_use_for_is_refused_with_its_place(text: str, told: str) -> None:
    problems = [str(problem) for problem in read(text).problems]
    assert any(told in problem for problem in problems), problems


def test_many_mistakes_end_the_reading_instead_of_filling_memory() -> None:
    assert len(read("a: *x\n" + "".join(f"k{n}: *x\n" for n in range(5_000))).problems) <= 21


def test_json_indented_with_tabs_is_read() -> None:
    assert read('{\n\t"disk": {\n\t\t"warn_percent": 70\n\t}\n}').values == {"disk": {"warn_percent": 70}}


def test_paths_are_written_with_dots_and_indexes() -> None:
    assert dotted(("api", "allowed_hosts", 2)) == "api.allowed_hosts[2]"
    assert dotted(()) == ""


@given(st.text(max_size=400))
def test_no_text_makes_the_reader_raise(text: str) -> None:
    read(text)


@given(st.text(alphabet="ab:-[]{}&*!?|>'\"# \n\t%@`,~0", max_size=200))
def test_no_soup_of_yaml_signs_makes_the_reader_raise(text: str) -> None:
    read(text)


# YAML has no surrogate pairs: what JSON writes as two escapes is beyond a settings file.
_text = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), min_size=1, max_size=8)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(_text, _json, max_size=4))
def test_every_json_object_is_read_as_what_it_says(values: dict[str, object]) -> None:
    document = read(json.dumps(values))
    assert document.problems == []
    assert document.values == values
