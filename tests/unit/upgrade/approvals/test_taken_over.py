"""An API that is taken over has the API's uid at the engine's socket, packs of its own, and all words it likes.

Each test is one way to get something signed that no operator saw, or to have nobody asked. Nothing may be built.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.upgrade.approvals.appliance import (
    ANN,
    API,
    BEA,
    GUARDED,
    IMAGE,
    NOBODY,
    OTHER,
    ROOT,
    TREE,
    Appliance,
)

from att.kernel.errors import AttError
from att.upgrade.approvals.setting import approval_setting
from att.upgrade.wire import VERBS, Peer

EVIL = {**TREE, "src/att/store/x.py": "evil"}


def refused(code: str) -> Any:
    return pytest.raises(AttError, check=lambda error: error.code == code)


@pytest.fixture(autouse=True)
def nothing_is_signed(appliance: Appliance) -> Iterator[None]:
    yield
    assert appliance.workshop.built == []
    assert appliance.workshop.open == 0
    assert appliance.current == "1.0.0"


# -- saying yes by itself


@pytest.mark.parametrize("verb", ["approve", "deny", "pause", "resume"])
@pytest.mark.parametrize(
    "peer", [API, NOBODY, Peer(990, "att", operator=True, api=True)], ids=["api", "other", "misled"]
)
def test_it_says_nothing_that_operators_say(appliance: Appliance, verb: str, peer: Peer) -> None:
    appliance.propose(appliance.change())
    seen = appliance.status(number=7)["proposal"]
    said = {"number": 7, "commit": seen["commit"], "tree": seen["tree"], "seen": seen["seen"]}
    with refused("not_allowed"):
        appliance.ask(peer, f"bootstrap_{verb}", **said)
    assert appliance.status()["proposals"][0]["approvals"] == []


def test_it_calls_itself_an_operator_in_its_words(appliance: Appliance) -> None:
    head = appliance.change()
    for more in (
        {"by": "ann"},
        {"approvals": [{"by": "ann"}]},
        {"door": "ssh"},
        {"setting": "auto"},
        {"tree": "1" * 64},
    ):
        with refused("invalid_input"):
            appliance.propose(head, **more)
        with refused("invalid_input"):
            appliance.release(appliance.merged(head), **more)


def test_it_has_an_operators_verb_run_by_another_name(appliance: Appliance) -> None:
    for verb in ("Bootstrap_approve", "bootstrap_approve ", "bootstrap-approve", "bootstrap_sign", "sign"):
        assert verb not in VERBS
        with refused("invalid_input"):
            appliance.ask(API, verb, number=7)


# -- another thing than was approved


def test_it_releases_what_nobody_approved(appliance: Appliance) -> None:
    head = appliance.change()
    with refused("proposal_unknown"):
        appliance.release(appliance.merged(head))
    appliance.propose(head)
    with refused("approval_missing"):
        appliance.release(appliance.merged(head))


def test_it_proposes_one_thing_shows_it_and_then_another(appliance: Appliance) -> None:
    appliance.propose(appliance.change())
    seen = appliance.status(number=7)["proposal"]
    appliance.propose(appliance.change(EVIL))
    with refused("approval_stale"):
        appliance.approve(commit=seen["commit"], tree=seen["tree"], seen=seen["seen"])
    with refused("approval_missing"):
        appliance.release(appliance.merged(appliance.change(EVIL)))


def test_it_has_a_release_made_of_what_was_approved_without_one(appliance: Appliance) -> None:
    head = appliance.change()
    appliance.propose(head, releases=False)
    seen = appliance.status(number=7)["proposal"]
    appliance.approve()
    appliance.propose(head, releases=True)
    with refused("approval_missing"):
        appliance.release(appliance.merged(head))
    with refused("approval_stale"):
        appliance.approve(seen=seen["seen"])


def test_it_hides_dropped_tests_from_the_one_who_says_yes(appliance: Appliance) -> None:
    head = appliance.change()
    appliance.propose(head, dropped=["tests/a.py::b"])
    seen = appliance.status(number=7)["proposal"]
    appliance.propose(head, dropped=["tests/a.py::b", "tests/a.py::c"])
    with refused("approval_stale"):
        appliance.approve(seen=seen["seen"])


def test_it_changes_the_proposal_after_the_yes(appliance: Appliance) -> None:
    appliance.propose(appliance.change())
    appliance.approve()
    evil = appliance.change(EVIL)
    appliance.propose(evil)
    with refused("approval_missing"):
        appliance.release(appliance.merged(evil))


def test_it_changes_the_proposal_while_it_is_built_elsewhere(appliance: Appliance) -> None:
    head, evil = appliance.change(), appliance.change(EVIL)
    appliance.propose(head)
    appliance.approve()
    appliance.propose(evil)
    appliance.propose(head)
    with refused("approval_missing"):
        appliance.release(appliance.merged(head))


def test_it_releases_another_merge_of_the_approved_commit(appliance: Appliance) -> None:
    head = appliance.change()
    appliance.propose(head)
    appliance.approve()
    with refused("merge_differs"):
        appliance.release(appliance.merged(head, files=EVIL))


def test_it_releases_the_approved_tree_from_a_commit_that_is_no_merge_of_it(appliance: Appliance) -> None:
    head = appliance.change()
    appliance.propose(head)
    appliance.approve()
    for other in (head, appliance.change(OTHER, note="again"), appliance.merged(appliance.change(OTHER, note="again"))):
        with refused("merge_differs"):
            appliance.release(other)


def test_it_releases_a_merge_of_many_parents_with_the_approved_one_among_them(appliance: Appliance) -> None:
    head, evil = appliance.change(), appliance.change(EVIL)
    appliance.propose(head)
    appliance.approve()
    with refused("merge_differs"):
        appliance.release(appliance.repository.commit(EVIL, appliance.base, head, evil))


def test_it_names_one_merge_and_packs_another(appliance: Appliance) -> None:
    head = appliance.change()
    appliance.propose(head)
    appliance.approve()
    with refused("pack_damaged"):
        appliance.release("e" * 40)


def test_it_uses_the_yes_to_one_pull_request_for_another(appliance: Appliance) -> None:
    head = appliance.change()
    appliance.propose(head, 7)
    appliance.approve(7)
    appliance.propose(head, 8)
    with refused("approval_missing"):
        appliance.release(appliance.merged(head), 8)


def test_it_hangs_the_merge_on_another_line_than_what_runs(appliance: Appliance) -> None:
    elsewhere = appliance.repository.commit(TREE, note="another root")
    head = appliance.change()
    appliance.propose(head)
    appliance.approve()
    with refused("base_unrelated"):
        appliance.release(appliance.merged(head, on=elsewhere))


# -- after a no, and while nothing may be released


def test_it_replays_what_was_denied(appliance: Appliance) -> None:
    appliance.auto()
    head = appliance.change()
    appliance.propose(head)
    appliance.approve()
    appliance.ask(ANN, "bootstrap_deny", number=7)
    again = appliance.change(OTHER, note="the same files in another commit")
    for commit, number in ((head, 7), (head, 8), (again, 7), (again, 9)):
        appliance.propose(commit, number)
        with refused("bootstrap_denied"):
            appliance.release(appliance.merged(commit), number)


def test_a_no_that_comes_while_it_is_built_is_heard(appliance: Appliance) -> None:
    head = appliance.change()
    appliance.propose(head)
    appliance.approve()
    appliance.workshop.while_building = lambda: appliance.ask(BEA, "bootstrap_deny", number=7)
    with refused("bootstrap_denied"):
        appliance.release(appliance.merged(head))
    assert [made.commit for made in appliance.workshop.built] == [appliance.merged(head)]
    assert list(appliance.root.glob("*.attb")) == []
    appliance.workshop.built.clear()


def test_it_releases_while_an_operator_has_it_paused(appliance: Appliance) -> None:
    appliance.auto()
    head = appliance.change()
    appliance.propose(head)
    appliance.approve()
    appliance.ask(ANN, "bootstrap_pause")
    with refused("bootstrap_paused"):
        appliance.release(appliance.merged(head))
    appliance.restart()
    with refused("bootstrap_paused"):
        appliance.release(appliance.merged(head))


# -- what judges, what the image owns


@pytest.mark.parametrize("auto", [False, True])
def test_it_changes_what_judges_it_with_one_yes(appliance: Appliance, auto: bool) -> None:
    if auto:
        appliance.auto()
    head = appliance.change(GUARDED)
    appliance.propose(head)
    with refused("approval_missing"):
        appliance.release(appliance.merged(head))
    appliance.approve(protected=[".att/checks.yaml", "upgrade/gates.toml"])
    with refused("approval_second"):
        appliance.release(appliance.merged(head))
    appliance.approve(peer=ROOT)
    with refused("approval_second"):
        appliance.release(appliance.merged(head))


@pytest.mark.parametrize("auto", [False, True])
def test_it_drops_tests_unasked(appliance: Appliance, auto: bool) -> None:
    if auto:
        appliance.auto()
    head = appliance.change()
    appliance.propose(head, dropped=["tests/a.py::b"])
    with refused("approval_missing"):
        appliance.release(appliance.merged(head))


def test_it_brings_what_the_image_owns(appliance: Appliance) -> None:
    appliance.auto()
    for files in (IMAGE, {**TREE, "systemd/new.socket": "1"}, {**TREE, "provision": "1"}):
        with refused("new_image_needed"):
            appliance.propose(appliance.change(files))
        with refused("proposal_unknown"):
            appliance.release(appliance.merged(appliance.change(files)))


# -- having nobody asked


@pytest.mark.parametrize(
    "text",
    [
        "upgrade:\n  approval: auto\n",
        "upgrade: {approval: auto, context: appliance}",
        '{"upgrade": {"approval": "auto"}}',
        "log: {level: debug}\nupgrade:\n  'approval': 'auto'\n",
    ],
)
def test_it_sets_auto_through_the_engine(appliance: Appliance, text: str) -> None:
    with refused("config_door"):
        appliance.ask(API, "config_apply", text=text)
    assert approval_setting(appliance.config) == "required"
    assert appliance.status()["setting"] == "required"


def test_it_sets_auto_beside_the_file(appliance: Appliance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATT_UPGRADE_APPROVAL", "auto")
    monkeypatch.setenv("ATT_CONFIG", str(appliance.root / "att.yaml"))
    (appliance.root / "att.yaml").write_text("upgrade:\n  approval: auto\n")
    appliance.config.with_name("att.yaml.previous").write_text("upgrade:\n  approval: auto\n")
    head = appliance.change()
    appliance.propose(head)
    with refused("approval_missing"):
        appliance.release(appliance.merged(head))


def test_it_keeps_auto_that_an_operator_has_taken_back(appliance: Appliance) -> None:
    appliance.ask(ANN, "config_apply", text="upgrade:\n  approval: auto\n")
    head = appliance.change()
    assert appliance.propose(head)["problem"] is None
    appliance.ask(ANN, "config_apply", text="upgrade:\n  approval: required\n")
    with refused("approval_missing"):
        appliance.release(appliance.merged(head))
    with refused("config_door"):
        appliance.ask(API, "config_apply", text="upgrade:\n  approval: auto\n")
