"""One setting is changed in a file of somebody's own: every other byte stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.config.document import read
from att.config.edit import with_setting
from att.kernel.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("", "log:\n  level: debug\n"),
        ("# mine\n{}\n", "# mine\nlog:\n  level: debug\n"),
        ("disk:\n  warn_percent: 80", "disk:\n  warn_percent: 80\nlog:\n  level: debug\n"),
        ("log:\n    router: info # why\n", "log:\n    level: debug\n    router: info # why\n"),
        ("log:\n  level: info   # quiet\ndisk: {}\n", "log:\n  level: debug   # quiet\ndisk: {}\n"),
        ('log:\n  level: "info"\n', "log:\n  level: debug\n"),
        ("log:", "log:\n  level: debug\n"),
        ("log: # none yet\ndisk:\n  free_mb_min: 1\n", "log: # none yet\n  level: debug\ndisk:\n  free_mb_min: 1\n"),
    ],
)
def test_the_setting_is_written_where_it_belongs(text: str, after: str) -> None:
    assert with_setting(text, "log", "level", "debug") == after


@pytest.mark.parametrize(
    "text",
    [
        '{"log": {"level": "info"}}',
        "{log: {level: info}}\n",
        "log: {router: info}\n",
        "log:\n  level: |\n    info\n",
        "log: [",
        "log: loud\n",
        "log: &a\n  level: info\n  x: *a\n",
    ],
)
def test_a_form_that_no_line_can_change_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        with_setting(text, "log", "level", "debug")
    assert refused.value.code == "config_uneditable"


words = st.sampled_from(["debug", "info", "warning"])
rows_of = st.dictionaries(st.sampled_from(["level", "router", "x"]), words, min_size=1)
files = st.dictionaries(st.sampled_from(["log", "disk", "api"]), rows_of)


@given(files, st.sampled_from(["log", "disk"]), st.sampled_from(["level", "router"]), words, st.booleans())
def test_only_that_setting_differs_and_comments_stay(
    values: dict[str, dict[str, str]], section: str, name: str, value: str, comments: bool
) -> None:
    mark, text = "  # note" if comments else "", ""
    for one, rows in values.items():
        text += f"{one}:{mark}\n" + "".join(f"   {key}: {inner}{mark}\n" for key, inner in rows.items())
    after = with_setting(text, section, name, value)
    assert read(after).values == {**values, section: {**values.get(section, {}), name: value}}
    assert after.count("# note") == text.count("# note")


@given(st.text(max_size=60))
def test_no_text_is_ever_made_to_say_something_else(text: str) -> None:
    try:
        after = with_setting(text, "log", "level", "debug")
    except InvalidInput:
        return
    before = read(text).values
    assert read(after).values == {**before, "log": {**(before.get("log") or {}), "level": "debug"}}
