"""What operators say to changes of the appliance by itself, against the engine's own verbs over a model machine."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.surfaces.cli.conftest import Attctl
from tests.unit.upgrade.approvals.appliance import ANN, API, BEA, GUARDED, OTHER, TREE, Appliance

from att.surfaces.cli import engine
from att.upgrade.client import EngineClient

NAMED = [".att/checks.yaml", "upgrade/gates.toml"]


@pytest.fixture
def appliance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Appliance]:
    """attctl finds this engine, and is ann."""
    made = Appliance(tmp_path)
    monkeypatch.setattr(engine, "EngineClient", lambda _path: EngineClient(made.path))
    yield made
    made.close()


def proposed(appliance: Appliance, files: Any = OTHER, peer: Any = ANN, **more: Any) -> str:
    head = appliance.change(files)
    appliance.propose(head, **more)
    appliance.become(peer)
    return head


def test_approve_shows_what_the_engine_computed_asks_and_says_yes_to_just_that(
    appliance: Appliance, attctl: Attctl
) -> None:
    head = proposed(appliance, {**TREE, "README.md": "2", "new": "1"}, subject="Say hello", dropped=["tests/a.py::b"])
    ran = attctl("bootstrap", "approve", "7", answer="y")
    assert ran.code == 0
    told = ran.err.splitlines()
    assert told[0] == "pull request 7, which the API calls: Say hello"
    assert f"commit   {head}" in told
    assert "files    1 added, 1 changed, 0 removed" in told
    assert [line for line in told if line[:4] in ("  + ", "  ~ ", "  - ")] == ["  + new", "  ~ README.md"]
    assert told[-2] == "  ! tests/a.py::b"
    assert told[-1] == f"May {head[:12]} become the running release, as root? [y/N] "
    assert appliance.status()["proposals"][0]["approvals"][0]["by"] == "ann(uid 1000)"


@pytest.mark.parametrize("answer", ["n", "", None])
def test_without_a_yes_nothing_is_approved(appliance: Appliance, attctl: Attctl, answer: str | None) -> None:
    proposed(appliance)
    ran = attctl("bootstrap", "approve", "7", answer=answer)
    assert (ran.code, "error[confirmation_required]" in ran.err) == (4, True)
    assert appliance.status()["proposals"][0]["approvals"] == []


def test_the_second_approval_names_the_protected_paths(appliance: Appliance, attctl: Attctl) -> None:
    proposed(appliance, GUARDED)
    first = attctl("bootstrap", "approve", "7", "--yes", "--json")
    assert json.loads(first.out)["problem"]["code"] == "approval_second"
    assert [line for line in first.err.splitlines() if line.startswith("  !")] == [f"  ! {path}" for path in NAMED]
    appliance.become(BEA)
    second = attctl("bootstrap", "approve", "7", "--protected", "--yes", "--json")
    assert json.loads(second.out)["problem"] is None
    assert [one["protected"] for one in json.loads(second.out)["approvals"]] == [0, 2]
    assert "approved by ann(uid 1000) at " in second.err


def test_a_title_and_a_path_cannot_draw_on_the_terminal(appliance: Appliance, attctl: Attctl) -> None:
    proposed(appliance, {**TREE, "a\x1b[2J\r\nb": "1"}, subject="x\x1b[1A\u202enothing to see")
    ran = attctl("bootstrap", "approve", "7", answer="n")
    assert "\\x1b[2J\\r\\nb" in ran.err
    assert "x\\x1b[1A\\u202enothing" in ran.err
    assert not {"\x1b", "\r", "\u202e"} & set(ran.err)


def test_what_changed_between_the_look_and_the_yes_is_not_approved(
    appliance: Appliance, attctl: Attctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposed(appliance)

    def asked(_question: str, *, yes: bool) -> None:
        appliance.propose(appliance.change(GUARDED))
        appliance.become(ANN)

    monkeypatch.setattr("att.surfaces.cli.run.confirm", asked)
    ran = attctl("bootstrap", "approve", "7")
    assert (ran.code, "error[approval_stale]" in ran.err) == (4, True)


def test_the_api_gets_nothing_approved_with_attctl_either(appliance: Appliance, attctl: Attctl) -> None:
    proposed(appliance, peer=API)
    ran = attctl("bootstrap", "approve", "7", "--yes")
    assert (ran.code, "error[not_allowed]" in ran.err) == (4, True)


def test_a_no_is_told_with_who_and_why(appliance: Appliance, attctl: Attctl) -> None:
    proposed(appliance)
    ran = attctl("bootstrap", "deny", "7", "--reason", "too wide", "--json")
    assert json.loads(ran.out)["problem"]["code"] == "bootstrap_denied"
    assert "denied by ann(uid 1000): too wide" in attctl("bootstrap", "approve", "7", answer="n").err


def test_releases_are_paused_and_resumed(appliance: Appliance, attctl: Attctl) -> None:
    appliance.become(ANN)
    assert attctl("bootstrap", "pause", "--reason", "a visit").code == 0
    assert appliance.status()["paused"]["reason"] == "a visit"
    appliance.become(ANN)
    assert json.loads(attctl("bootstrap", "resume", "--json").out) == {"paused": None}


def test_a_number_that_is_none_is_told(appliance: Appliance, attctl: Attctl) -> None:
    appliance.become(ANN)
    assert attctl("bootstrap", "approve", "main").code == 2
    assert attctl("bootstrap", "deny", "0").code == 2
    ran = attctl("bootstrap", "approve", "9", "--yes")
    assert (ran.code, "error[proposal_unknown]" in ran.err) == (4, True)
