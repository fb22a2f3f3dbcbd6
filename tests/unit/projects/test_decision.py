"""The rules of projects: names, states, addresses, slots, quota."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from att.projects.decision import (
    NAME_CHARS_MAX,
    SLUG_CHARS_MAX,
    TRANSITIONS,
    ProjectStatus,
    checked_url,
    checked_variable_name,
    file_path,
    free_slot,
    host_of,
    is_below,
    may_become,
    name_in,
    name_problem,
    quota_problem,
    sanitised,
    url_problem,
)


@given(st.text(max_size=200))
def test_project_name_sanitization_idempotent(name: str) -> None:
    assert sanitised(sanitised(name)) == sanitised(name)


@given(st.text(max_size=200))
def test_a_slug_is_of_a_to_z_digits_and_single_dashes_and_short(name: str) -> None:
    slug = sanitised(name)
    assert len(slug) <= SLUG_CHARS_MAX
    assert slug == "" or re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)


@pytest.mark.parametrize(
    ("name", "slug"),
    [("My Bot!", "my-bot"), ("Über  Größe", "uber-groe"), ("../../etc/passwd", "etc-passwd"), ("a" * 60, "a" * 48)],
)
def test_special_characters_are_sanitised_away(name: str, slug: str) -> None:
    assert sanitised(name) == slug
    assert name_problem(name) is None


@pytest.mark.parametrize(("name", "why"), [("", "empty"), (" \n", "empty"), ("数据", "nothing"), ("x" * 101, "101")])
def test_an_empty_too_long_or_wholly_unusable_name_is_refused_with_the_rule(name: str, why: str) -> None:
    problem = name_problem(name) or ""
    assert why in problem
    assert f"1 to {NAME_CHARS_MAX} characters" in problem


def test_every_state_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(ProjectStatus)
    assert {status.value for status in ProjectStatus} == {"created", "cloned", "running", "stopped", "error"}


class StatesOfAProject(RuleBasedStateMachine):
    """A walk along the table: what the words of the states promise holds on every path."""

    def __init__(self) -> None:
        super().__init__()
        self.state = ProjectStatus.CREATED
        self.seen = [self.state]

    @rule(then=st.sampled_from(list(ProjectStatus)))
    def try_to_become(self, then: ProjectStatus) -> None:
        if may_become(self.state, then):
            self.state = then
            self.seen.append(then)

    @precondition(lambda self: self.state is ProjectStatus.STOPPED)
    @rule()
    def only_a_start_or_a_fault_follows_a_stop(self) -> None:
        assert not may_become(self.state, ProjectStatus.CREATED)
        assert may_become(self.state, ProjectStatus.RUNNING)

    @invariant()
    def a_project_never_becomes_new_again(self) -> None:
        later = [state for state in self.seen if state is not self.seen[0]]
        assert not {ProjectStatus.CREATED, ProjectStatus.CLONED} & set(later)

    @invariant()
    def every_state_but_running_may_be_started(self) -> None:
        assert may_become(self.state, ProjectStatus.RUNNING)

    @invariant()
    def what_never_ran_is_not_stopped(self) -> None:
        fresh = {ProjectStatus.CREATED, ProjectStatus.CLONED}
        assert not (self.state in fresh and may_become(self.state, ProjectStatus.STOPPED))


TestStates = StatesOfAProject.TestCase


@pytest.mark.parametrize(
    "url",
    ["https://example.org/a.git", "https://127.0.0.1:8080/team/a", "file:///srv/git/a.git", "https://[::1]:8443/a"],
)
def test_addresses_of_repositories_are_taken(url: str) -> None:
    assert checked_url(url) == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("git@example.org:a.git", "must begin with"),
        ("ssh://example.org/a.git", "must begin with"),
        ("http://example.org/a.git", "must begin with"),
        ("--upload-pack=touch", "must begin with"),
        ("ext::sh -c id", "blanks"),
        ("https://user:pass@example.org/a.git", "login"),
        ("https://example.org", "repository"),
        ("https:///a.git", "host"),
        ("https://example.org:x/a", "no address"),
        ("https://example.org/a?b=c", "no ?"),
        ("file://host/a", "absolute"),
        ("file:///a/../b", "absolute"),
        ("https://example.org/" + "a" * 2000, "2000"),
    ],
)
def test_any_other_address_is_refused_with_why(url: str, why: str) -> None:
    assert why in (url_problem(url) or "")
    with pytest.raises(ValueError, match=re.escape(why)):
        checked_url(url)


def test_an_address_says_its_host_its_name_and_its_file() -> None:
    assert host_of("https://Example.org:8443/a.git") == "example.org:8443"
    assert name_in("https://example.org/team/My%20Bot.git/") == "My Bot"
    assert file_path("file:///srv/a%20b.git") == "/srv/a b.git"
    assert file_path("https://example.org/a") is None
    assert is_below("/seed/att.git", ["/other", "/seed"])
    assert not is_below("/seedling/att.git", ["/seed"])


def test_the_lowest_free_slot_is_given_until_all_are_taken() -> None:
    assert free_slot(set(), 3) == 0
    assert free_slot({0, 2}, 3) == 1
    assert free_slot({0, 1, 2}, 3) is None


@pytest.mark.parametrize("name", ["1A", "A-B", "A=B", "", "ATT_ROUTER_KEY", "att_x", "A" * 129])
def test_a_name_that_no_variable_may_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"must begin|ATT_"):
        checked_variable_name(name)


def test_other_names_of_variables_are_taken() -> None:
    assert checked_variable_name("_API_KEY2") == "_API_KEY2"


def test_a_full_quota_says_by_what_it_was_reached() -> None:
    assert quota_problem({"work": 40, "home": 59}, 100) is None
    problem = quota_problem({"work": 70, "home": 40, "tasks": 0}, 100)
    assert problem == "it takes 110 of 100 bytes: work 70 bytes, home 40 bytes"
