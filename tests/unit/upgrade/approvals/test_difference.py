"""What a change is, by the files of two trees."""

import hashlib

import pytest

from att.kernel.errors import Refused, TooLarge
from att.upgrade.approvals.difference import change_of
from att.upgrade.approvals.schema import PATHS_MAX, SHOWN_MAX, Difference
from att.upgrade.approvals.tree import Entry, tree_digest

HEAD = "a" * 40


def files(**contents: str) -> list[Entry]:
    return [entry(path.replace("__", "/"), text) for path, text in contents.items()]


def entry(path: str, text: str = "x", mode: str = "100644") -> Entry:
    return Entry(mode, path, hashlib.sha256(text.encode()).hexdigest(), len(text))


def test_what_is_added_changed_and_removed_is_told() -> None:
    base = [entry("a", "1"), entry("b", "1"), entry("run", "1"), entry("gone", "1")]
    head = [entry("a", "1"), entry("b", "2"), entry("run", "1", "100755"), entry("new", "1")]
    change, difference = change_of(HEAD, base, head, dropped=[], releases=True)
    assert difference == Difference(
        added=("new",), changed=("b", "run"), removed=("gone",), added_count=1, changed_count=2, removed_count=1
    )
    assert (change.commit, change.tree, change.releases) == (HEAD, tree_digest(head), True)


def test_protected_paths_and_those_of_the_image_are_found_whatever_happens_to_them() -> None:
    base = [entry("upgrade/gates.toml"), entry("systemd/att-api.socket"), entry("README.md")]
    head = [entry("src/att/upgrade/new.py"), entry("appliance/appliance.toml"), entry("README.md", "more")]
    change, _ = change_of(HEAD, base, head, dropped=[], releases=False)
    assert change.protected == ("src/att/upgrade/new.py", "upgrade/gates.toml")
    assert change.image == ("appliance/appliance.toml", "systemd/att-api.socket")
    assert not change.releases


def test_dropped_tests_are_told_once_and_sorted() -> None:
    change, _ = change_of(HEAD, [], [], dropped=["b", "a", "b"], releases=True)
    assert change.dropped == ("a", "b")


def test_many_paths_are_counted_and_the_first_named() -> None:
    many = [entry(f"docs/{number:05}") for number in range(SHOWN_MAX + 5)]
    _, difference = change_of(HEAD, [], many, dropped=[], releases=True)
    assert (len(difference.added), difference.added_count) == (SHOWN_MAX, SHOWN_MAX + 5)


@pytest.mark.parametrize("where", ["src/att/upgrade/", "appliance/"])
def test_more_than_a_person_can_look_at_is_refused(where: str) -> None:
    many = [entry(f"{where}{number}") for number in range(PATHS_MAX + 1)]
    with pytest.raises(TooLarge) as caught:
        change_of(HEAD, [], many, dropped=[], releases=True)
    assert caught.value.code == "change_too_large"


def test_files_that_are_no_plain_tree_are_refused() -> None:
    with pytest.raises(Refused) as caught:
        change_of(HEAD, [], [entry("a"), entry("a", "2")], dropped=[], releases=True)
    assert caught.value.code == "tree_hostile"
