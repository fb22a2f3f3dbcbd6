"""The machine loses its power before every effect of a change of the appliance by itself, from proposal to verdict."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.crash.machine import Crash, Machine, problems
from tests.unit.upgrade.approvals.appliance import ANN, API, Appliance

INTERRUPTED = "upgrade_interrupted"
PARTS = 4
"""Every effect is in one of them."""


@pytest.fixture
def made(tmp_path: Path) -> Iterator[list[Appliance]]:
    """Every appliance of a test, closed at its end."""
    found: list[Appliance] = []
    yield found
    for one in found:
        one.close()


def appliance(made: list[Appliance], root: Path, sickness: str) -> tuple[Appliance, str, str]:
    root.mkdir()
    one = Appliance(root)
    made.append(one)
    one.workshop.sick = sickness
    head = one.change()
    one.machine.effects.clear()
    return one, head, one.merged(head)


def cycle(one: Appliance, head: str, merge: str) -> str:
    """What the job and a person do; both may begin again wherever they were."""
    found = one.do(API, "bootstrap_propose", number=7, commit=head)
    if found["problem"] is not None:
        said = {name: found[name] for name in ("number", "commit", "tree", "seen")}
        one.do(ANN, "bootstrap_approve", **said)
    return str(one.do(API, "bootstrap_release", number=7, commit=merge, job="job_1")["transaction"])


def recovered(one: Appliance) -> None:
    one.machine.power_cut()
    one.machine.boot()
    one.restart()


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("sickness", ["", "probation"])
def test_a_cut_anywhere_leaves_one_release_one_verdict_and_main_held_after_a_rollback(
    tmp_path: Path, made: list[Appliance], sickness: str, part: int
) -> None:
    whole, head, merge = appliance(made, tmp_path / "whole", sickness)
    whole_verdict = whole.do(API, "show", transaction=cycle(whole, head, merge))["verdict"]
    assert whole_verdict == ("rolled_back" if sickness else "committed")
    count = len(whole.machine.effects)
    assert count > 20
    verdicts = set()
    for number in range(1 + part, count + 1, PARTS):
        one, head, merge = appliance(made, tmp_path / f"n{number}", sickness)
        one.machine.crash_at = number
        with pytest.raises(Crash):
            cycle(one, head, merge)
        assert one.workshop.open == 0
        recovered(one)
        verdicts.add(settled(one, head, merge, sickness, f"before effect {number} of {count}"))
        made.pop().close()
    # A good release that the cut met in its trial is gone back from too: nobody saw it prove itself.
    assert verdicts <= {"refused", "rolled_back", *([] if sickness else ["committed"])}


def settled(one: Appliance, head: str, merge: str, sickness: str, when: str) -> str:
    """Go on as the job would, and hold everything that is remembered against what happened."""
    machine: Machine = one.machine
    running = machine.world().links().current
    if running == "1.0.0":
        transaction = cycle(one, head, merge)
        one.restart()
    else:
        transaction = str(one.do(API, "bootstrap_release", number=7, commit=merge, job="job_1")["transaction"])
    told = one.do(API, "bootstrap_status")
    shown = one.do(API, "show", transaction=transaction)
    verdict = str(shown["verdict"])
    assert problems(machine) == [], when
    assert told["problems"] == [], when
    assert [(found["transaction"], found["verdict"]) for found in told["cycles"]] == [(transaction, verdict)], when
    assert len(one.do(API, "history")["transactions"]) == 1, when
    assert [len(found["approvals"]) for found in told["proposals"]] == ([] if verdict == "committed" else [1]), when
    assert (told["held"] is not None) == (verdict == "rolled_back"), when
    assert verdict != "refused" or shown["failure"]["code"] == INTERRUPTED, when
    assert (machine.world().links().current != "1.0.0") == (verdict == "committed"), when
    return verdict
