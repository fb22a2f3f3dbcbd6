"""From a proposal to the release that runs, at the engine's socket."""

import json
from typing import Any

import pytest
from tests.crash.releases import Content
from tests.fakes.workshop import entries
from tests.unit.upgrade.approvals.appliance import (
    ANN,
    API,
    BEA,
    GUARDED,
    IMAGE,
    OTHER,
    ROOT,
    TREE,
    Appliance,
)

from att.kernel.errors import AttError, Conflict, InvalidInput, NotFound, Refused
from att.upgrade.approvals import service
from att.upgrade.approvals.releasing import CYCLES_MAX
from att.upgrade.approvals.schema import Cycle
from att.upgrade.approvals.tree import tree_digest


def audited(appliance: Appliance) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in appliance.machine.layout.audit.read_text().splitlines()]
    return [line for line in lines if line["action"].startswith("bootstrap.")]


def refused(code: str) -> Any:
    return pytest.raises(AttError, check=lambda error: error.code == code)


def test_what_a_person_approved_is_built_of_exactly_that_and_runs(appliance: Appliance) -> None:
    head = appliance.change()
    proposed = appliance.propose(head, dropped=["tests/a.py::b"], subject="Another text")
    assert proposed["problem"]["code"] == "approval_missing"
    assert appliance.approve()["problem"] is None
    merge = appliance.merged(head)
    begun = appliance.release(merge, checks=["unit: passed"])
    assert appliance.current == f"1.0.1.dev1+g{merge[:9]}"
    assert appliance.ask(API, "show", transaction=begun["transaction"])["verdict"] == "committed"
    made = appliance.workshop.built[0]
    assert (made.commit, made.head, made.base, made.number, made.job) == (merge, head, appliance.base, 7, "job_1")
    assert (made.tree, made.approval) == (tree_digest(entries(OTHER)), "required")
    assert [one.by for one in made.approvals] == ["ann(uid 1000)"]
    assert (made.dropped, made.checks) == (("tests/a.py::b",), ("unit: passed",))
    assert (appliance.workshop.open, list(appliance.root.glob("*.attb"))) == (0, [])


def test_the_whole_story_is_audited_with_who_and_through_which_door(appliance: Appliance) -> None:
    head = appliance.change()
    appliance.propose(head)
    appliance.ask(ANN, "bootstrap_pause", reason="a visit")
    appliance.ask(BEA, "bootstrap_resume")
    appliance.approve()
    appliance.release(appliance.merged(head))
    appliance.ask(ANN, "bootstrap_deny", number=7, reason="too late")
    told = [(one["action"], one["by"], one["door"]) for one in audited(appliance)]
    assert told == [
        ("bootstrap.propose", "att(uid 990)", "api"),
        ("bootstrap.pause", "ann(uid 1000)", "ssh"),
        ("bootstrap.resume", "bea(uid 1001)", "ssh"),
        ("bootstrap.approve", "ann(uid 1000)", "ssh"),
        ("bootstrap.release", "att(uid 990)", "api"),
        ("bootstrap.deny", "ann(uid 1000)", "ssh"),
    ]
    assert audited(appliance)[3]["commit"] == head
    assert audited(appliance)[3]["tree"] == tree_digest(entries(OTHER))


def test_what_is_shown_is_computed_from_the_files(appliance: Appliance) -> None:
    files = {"README.md": "2", "docs/new.md": "1", "upgrade/gates.toml": "2", ".att/checks.yaml": "1"}
    appliance.propose(appliance.change(files))
    shown = appliance.status(number=7)["proposal"]["proposal"]
    assert shown["difference"] == {
        "added": ["docs/new.md"], "changed": ["README.md", "upgrade/gates.toml"], "removed": ["src/att/store/x.py"],
        "added_count": 1, "changed_count": 2, "removed_count": 1,
    }  # fmt: skip
    assert shown["change"]["protected"] == ["upgrade/gates.toml"]


def test_what_the_image_owns_is_refused_before_anybody_is_asked(appliance: Appliance) -> None:
    head = appliance.change(IMAGE)
    with refused("new_image_needed"):
        appliance.propose(head)
    assert appliance.status()["proposals"] == []
    assert appliance.propose(head, releases=False)["releases"] is False
    appliance.approve()
    with refused("release_none"):
        appliance.release(appliance.merged(head))


def test_what_cannot_be_built_here_is_refused_before_anybody_is_asked(appliance: Appliance) -> None:
    appliance.workshop.lacks = "wheel click==9.0"
    head = appliance.change()
    with pytest.raises(Refused) as caught:
        appliance.propose(head)
    assert (caught.value.code, caught.value.data) == ("build_inputs_missing", {"missing": ["wheel click==9.0"]})
    assert (appliance.status()["proposals"], appliance.workshop.open) == ([], 0)
    assert appliance.propose(head, releases=False)["number"] == 7


def test_protected_paths_take_two_people_the_second_of_whom_names_them(appliance: Appliance) -> None:
    head = appliance.change(GUARDED)
    appliance.propose(head)
    assert appliance.approve()["problem"]["code"] == "approval_second"
    assert appliance.approve(peer=BEA)["problem"]["code"] == "approval_second"
    named = [".att/checks.yaml", "upgrade/gates.toml"]
    with pytest.raises(InvalidInput):
        appliance.approve(peer=BEA, protected=named[:1])
    assert appliance.approve(peer=BEA, protected=named)["problem"] is None
    appliance.release(appliance.merged(head))
    assert appliance.current != "1.0.0"


def test_the_only_operator_says_yes_twice(appliance: Appliance) -> None:
    appliance.people = 1
    appliance.propose(appliance.change(GUARDED))
    assert appliance.approve()["problem"]["code"] == "approval_second"
    assert appliance.approve()["problem"]["code"] == "approval_second"
    assert appliance.approve(protected=[".att/checks.yaml", "upgrade/gates.toml"])["problem"] is None
    assert len(appliance.status()["proposals"][0]["approvals"]) == 2


def test_with_two_operators_root_is_no_second_person(appliance: Appliance) -> None:
    appliance.propose(appliance.change(GUARDED))
    appliance.approve()
    again = appliance.approve(peer=ROOT, protected=[".att/checks.yaml", "upgrade/gates.toml"])
    assert again["problem"]["code"] == "approval_second"


def test_auto_releases_plain_code_unasked(appliance: Appliance) -> None:
    appliance.auto()
    head = appliance.change()
    assert appliance.propose(head)["problem"] is None
    appliance.release(appliance.merged(head))
    assert appliance.current != "1.0.0"
    assert appliance.workshop.built[0].approval == "auto"


def test_the_same_job_gets_the_same_transaction(appliance: Appliance) -> None:
    head = appliance.change()
    appliance.propose(head)
    appliance.approve()
    merge = appliance.merged(head)
    begun = appliance.release(merge)
    assert appliance.release(merge) == begun
    appliance.restart()
    assert appliance.release(merge) == begun
    assert len(appliance.workshop.built) == 1
    with refused("key_reused"):
        appliance.release(appliance.change(), job="job_1")


def test_a_no_is_taken_back_by_a_yes_and_every_yes_before_it_is_gone(appliance: Appliance) -> None:
    appliance.propose(appliance.change(GUARDED))
    appliance.approve()
    denied = appliance.ask(BEA, "bootstrap_deny", number=7, reason="too wide")
    assert (denied["problem"]["code"], denied["denied"]["reason"]) == ("bootstrap_denied", "too wide")
    again = appliance.approve(peer=BEA, protected=[".att/checks.yaml", "upgrade/gates.toml"])
    assert (again["problem"]["code"], [one["by"] for one in again["approvals"]]) == (
        "approval_second",
        ["bea(uid 1001)"],
    )


def test_who_paused_first_stays_named(appliance: Appliance) -> None:
    appliance.ask(ANN, "bootstrap_pause", reason="a visit")
    appliance.ask(BEA, "bootstrap_pause")
    assert appliance.status()["paused"]["by"] == "ann(uid 1000)"
    appliance.ask(BEA, "bootstrap_resume")
    appliance.ask(BEA, "bootstrap_resume")
    assert appliance.status()["paused"] is None


def test_what_is_not_there_is_told(appliance: Appliance) -> None:
    for verb in ("bootstrap_deny", "bootstrap_status"):
        with refused("proposal_unknown"):
            appliance.ask(ANN, verb, number=9)
    with pytest.raises(NotFound):
        appliance.status(job="job_9")


@pytest.mark.parametrize(
    "args",
    [
        {"number": 0}, {"number": "7"}, {"number": True}, {"commit": "main"}, {"commit": "A" * 40}, {"more": 1},
        {"dropped": "x"}, {"dropped": [""]}, {"dropped": [1]}, {"subject": "x" * 201}, {"releases": "no"},
    ],
    ids=str,
)  # fmt: skip
def test_a_proposal_that_does_not_fit_names_the_field(appliance: Appliance, args: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        appliance.ask(API, "bootstrap_propose", **{"number": 7, "commit": appliance.change(), **args})
    assert caught.value.field is not None
    assert caught.value.field.split(".")[0] in args
    assert appliance.workshop.unpacked == []


@pytest.mark.parametrize("job", ["", "../held", "job_", "job_A", "job_1/2", "job_" + "1" * 41])
def test_a_job_is_no_path(appliance: Appliance, job: str) -> None:
    with pytest.raises(InvalidInput):
        appliance.release(appliance.change(), job=job)


def test_a_release_that_another_upgrade_keeps_out_leaves_nothing_and_may_be_asked_for_again(
    appliance: Appliance,
) -> None:
    head = appliance.change()
    appliance.propose(head)
    appliance.approve()
    merge = appliance.merged(head)
    with appliance.machine.world().lock(), refused("upgrade_running"):
        appliance.release(merge)
    assert [(one["transaction"], one["verdict"]) for one in appliance.status()["cycles"]] == [("", None)]
    assert list(appliance.root.glob("*.attb")) == []
    begun = appliance.release(merge)
    appliance.restart()
    told = appliance.status(job="job_1")["cycle"]
    assert (told["transaction"], told["verdict"]) == (begun["transaction"], "committed")


def test_a_busy_workshop_is_told_instead_of_waited_for(appliance: Appliance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "WAIT_SECONDS", 0.01)
    head = appliance.change()
    appliance.propose(head)
    appliance.approve()

    def propose_another() -> None:
        with refused("base_moves"):
            appliance.propose(appliance.change(GUARDED), 8)

    appliance.workshop.while_building = propose_another
    appliance.release(appliance.merged(head))
    assert 8 not in [one["number"] for one in appliance.status()["proposals"]]


def test_what_runs_is_proposed_no_more(appliance: Appliance) -> None:
    head = appliance.change()
    appliance.propose(head)
    appliance.approve()
    assert [one["number"] for one in appliance.status()["proposals"]] == [7]
    appliance.release(appliance.merged(head))
    assert appliance.status()["proposals"] == []


def test_what_is_withdrawn_is_forgotten_with_its_approvals_but_a_no_stays(appliance: Appliance) -> None:
    head = appliance.change()
    appliance.propose(head)
    appliance.approve()
    for _ in range(2):
        appliance.ask(API, "bootstrap_withdraw", number=7)
    assert appliance.status()["proposals"] == []
    assert [one["action"] for one in audited(appliance)].count("bootstrap.withdraw") == 1
    assert appliance.propose(head)["problem"]["code"] == "approval_missing"
    appliance.ask(ANN, "bootstrap_deny", number=7)
    appliance.ask(API, "bootstrap_withdraw", number=7)
    assert appliance.propose(head, 8)["problem"]["code"] == "bootstrap_denied"


# -- after a rollback


def rolled_back(appliance: Appliance, sickness: str = "never ready") -> str:
    appliance.workshop.sick = sickness
    head = appliance.change()
    appliance.propose(head)
    appliance.approve()
    merge = appliance.merged(head)
    appliance.release(merge)
    appliance.workshop.sick = ""
    assert appliance.current == "1.0.0"
    appliance.restart()
    return merge


@pytest.mark.parametrize("sickness", ["never ready", "self-test"])
def test_main_is_held_until_a_release_contains_the_revert(appliance: Appliance, sickness: str) -> None:
    bad = rolled_back(appliance, sickness)
    assert appliance.status()["held"] == {"commit": bad, "number": 7}
    assert [one["verdict"] for one in appliance.status()["cycles"]] == [
        "refused" if sickness == "self-test" else "rolled_back"
    ]
    on_top = appliance.change({**OTHER, "more": "1"}, on=bad)
    appliance.propose(on_top, 8)
    appliance.approve(8)
    with refused("main_held"):
        appliance.release(appliance.merged(on_top, on=bad), 8, "job_2")
    revert = appliance.change(TREE, on=bad)
    mended = appliance.change({**OTHER, "more": "1"}, on=revert)
    appliance.propose(mended, 9)
    appliance.approve(9)
    appliance.release(appliance.merged(mended, on=bad), 9, "job_3")
    assert appliance.current == f"1.0.1.dev2+g{appliance.workshop.built[-1].commit[:9]}"
    appliance.restart()
    assert appliance.status()["held"] is None
    assert [one["verdict"] for one in appliance.status()["cycles"]][-1] == "committed"


def test_a_release_that_never_began_for_want_of_something_else_may_be_tried_again(appliance: Appliance) -> None:
    head = appliance.change()
    appliance.propose(head)
    appliance.approve()
    merge = appliance.merged(head)
    appliance.workshop.refuse = "disk_full"
    with refused("disk_full"):
        appliance.release(merge)
    assert (appliance.workshop.open, appliance.status()["held"], appliance.status()["cycles"]) == (0, None, [])
    appliance.workshop.refuse = None
    appliance.release(merge)
    assert appliance.current != "1.0.0"


def test_another_release_than_the_proposal_was_computed_against_makes_it_stale(appliance: Appliance) -> None:
    head = appliance.change()
    appliance.propose(head)
    appliance.approve()
    seen = appliance.status(number=7)["proposal"]
    appliance.machine.apply(Content("1.1.0", commit="f" * 40))
    with pytest.raises(Conflict) as caught:
        appliance.ask(
            ANN, "bootstrap_approve", number=7, commit=head, tree=seen["tree"], seen=seen["seen"], protected=[]
        )
    assert caught.value.code == "approval_stale"
    with refused("approval_stale"):
        appliance.release(appliance.merged(head))
    assert appliance.workshop.built == []


# -- limits


def test_old_proposals_make_room_those_that_are_over_first(
    appliance: Appliance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PROPOSALS_MAX", 3)
    heads = {number: appliance.change({**OTHER, "n": str(number)}) for number in range(1, 6)}
    for number in (1, 2, 3):
        appliance.machine.clock.sleep(1)
        appliance.propose(heads[number], number)
        appliance.approve(number)
    with refused("bootstrap_full"):
        appliance.propose(heads[4], 4)
    appliance.ask(ANN, "bootstrap_deny", number=2)
    appliance.propose(heads[4], 4)
    assert [one["number"] for one in appliance.status()["proposals"]] == [1, 3, 4]
    appliance.propose(heads[5], 5)
    assert [one["number"] for one in appliance.status()["proposals"]] == [1, 3, 5]


def test_old_cycles_make_room(appliance: Appliance) -> None:
    store = appliance.verbs.releases._store
    now = appliance.verbs.releases._proposals.now()
    for number in range(CYCLES_MAX):
        store.put_cycle(
            Cycle(job=f"job_x{number:03}", number=1, commit="a" * 40, transaction="txn_1", verdict="refused", at=now)
        )
    head = appliance.change()
    appliance.propose(head)
    appliance.approve()
    appliance.release(appliance.merged(head))
    kept = [one.job for one in store.cycles()[0]]
    assert (len(kept), "job_x000" in kept, "job_1" in kept) == (CYCLES_MAX, False, True)


def test_a_file_that_cannot_be_read_stops_what_needs_it_and_is_told(appliance: Appliance) -> None:
    head = appliance.change()
    appliance.propose(head)
    appliance.approve()
    file = appliance.machine.layout.upgrade_state / "bootstrap" / "proposals" / "7.json"
    file.write_text("{")
    assert "7.json" in appliance.status()["problems"][0]
    with refused("bootstrap_damaged"):
        appliance.propose(head)
    with refused("bootstrap_damaged"):
        appliance.release(appliance.merged(head))
    assert file.read_text() == "{"
    (file.parent.parent / "paused.json").write_text("{")
    with refused("bootstrap_damaged"):
        appliance.ask(ANN, "bootstrap_resume")
    assert appliance.workshop.built == []


def test_a_release_of_changes_that_no_commit_has_begins_no_cycle(appliance: Appliance) -> None:
    appliance.machine.apply(Content("1.0.1.dev1+gabcdef012.d12345678", commit=appliance.base))
    with pytest.raises(Refused) as caught:
        appliance.propose(appliance.change())
    assert caught.value.code == "release_unclean"
