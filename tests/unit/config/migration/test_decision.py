"""Files of earlier versions are read as today's settings say it; what is in today's form stays as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.config import json_schema
from att.config.decision import leaves
from att.config.document import read
from att.config.layers import lay
from att.config.migration.decision import STEPS, VERSION, lines_without, migrated
from att.config.migration.text import rewritten

KNOWN = {path for path, _ in leaves(json_schema.load())}
OLD = sorted(one.path for step in STEPS for one in step)
GOOD = {"disk.warn_percent": 70, "log.level": "debug", "api.requests_per_minute": 100, "jobs.running_max": 2}
TEXT = """\
# mine
version: 1   # of the first appliance
api:
  # gone
  session_hours: 12
  requests_per_minute: 100   # stays
  token_days_max: 30

jobs:
  log_mb_max: 4
disk:
  warn_percent: 70
"""


@st.composite
def files(draw: st.DrawFn) -> str:
    """A file in block style with settings of today and of earlier, in any order, with comments between."""
    chosen: dict[str, list[str]] = {}
    for name in draw(st.permutations([*GOOD, *(".".join(path) for path in OLD)]))[: draw(st.integers(0, 11))]:
        section, _, leaf = name.partition(".")
        value = GOOD.get(name) or draw(
            st.sampled_from(["7", "[1, 2]", '"x y"', "\n      - 1\n      - 2", "\n   - 1", "{a: 1}"])
        )
        chosen.setdefault(section, []).append(f"  {leaf}: {value}\n")
    version = draw(st.sampled_from(["", "version: 1\n"]))
    return version + "".join(f"# of {name}\n{name}:\n{''.join(lines)}" for name, lines in chosen.items())


@given(files())
def test_a_file_of_version_1_says_the_same_in_todays_form_and_keeps_its_comments(text: str) -> None:
    before, after = lay(json_schema.load(), read(text), {}), rewritten(text)
    assert before.problems == []
    again = lay(json_schema.load(), read(after.text), {})
    assert (again.values, again.notes, again.problems) == (before.values, (), [])
    assert rewritten(after.text).text == after.text
    assert len(before.notes) == sum(f"  {path[1]}:" in text for path in OLD)
    assert not any("written anew" in note for note in after.notes)


def test_only_the_lines_of_what_is_gone_go() -> None:
    done = rewritten(TEXT)
    assert done.text == (
        "# mine\nversion: 2   # of the first appliance\napi:\n  # gone\n"
        "  requests_per_minute: 100   # stays\ndisk:\n  warn_percent: 70\n"
    )
    assert done.notes[0] == "api.session_hours (line 5): no setting any more and left out: a session lasts 7 days"
    assert done.notes[-1] == "version: 1 became 2"


def test_a_file_in_a_form_without_lines_of_its_own_is_written_anew_and_says_so() -> None:
    done = rewritten('{"api": {"session_hours": 12, "requests_per_minute": 100}, "version": 1}')
    assert read(done.text).values == {"api": {"requests_per_minute": 100}, "version": VERSION}
    assert "without its comments" in done.notes[-1]


@pytest.mark.parametrize("text", ["", "disk:\n  warn_percent: 70\n", f"version: {VERSION}\n", "a: [", "version: 99\n"])
def test_what_needs_no_migration_or_cannot_be_read_keeps_every_byte(text: str) -> None:
    assert rewritten(text).text == text
    assert rewritten(text).notes == ()


def test_a_version_of_a_later_release_is_refused_with_what_helps() -> None:
    (problem,) = migrated(read(f"disk: {{}}\nversion: {VERSION + 1}\n")).document.problems
    assert str(problem).startswith(f"version (line 2, column 1): {VERSION + 1} is newer than what this release reads")
    assert "upgrade the appliance" in problem.message


@pytest.mark.parametrize("value", ["0", "-1", "true", "two", "1.5", "[1]", "null"])
def test_what_is_no_version_is_refused(value: str) -> None:
    (problem,) = migrated(read(f"version: {value}\n")).document.problems
    assert "expected a whole number" in problem.message


def test_a_file_that_says_todays_version_is_held_to_it() -> None:
    found = lay(json_schema.load(), read(f"version: {VERSION}\napi:\n  session_hours: 12\n"), {})
    assert [str(one) for one in found.problems] == ["api.session_hours (line 3, column 3): unknown setting"]


def test_a_document_with_problems_is_left_alone() -> None:
    document = read("a: [")
    assert migrated(document).document is document


def test_a_section_that_is_no_mapping_stays_for_the_checker_to_refuse() -> None:
    assert migrated(read("api: 7\n")).document.values == {"api": 7}


def test_nothing_that_a_step_drops_is_a_setting_of_today() -> None:
    assert KNOWN.isdisjoint(OLD)
    assert len(STEPS) + 1 == VERSION


def test_the_last_lines_of_a_file_go_with_their_key() -> None:
    text = "jobs:\n  log_mb_max:\n    - 1\n\n    - 2\n"
    document = read(text)
    assert lines_without(text.splitlines(keepends=True), document, (("jobs", "log_mb_max"),)) == ["jobs:\n"]
