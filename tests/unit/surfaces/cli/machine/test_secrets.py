"""`attctl secrets rotate` from the command line; the service manager is played."""

import json

import pytest
from tests.unit.surfaces.cli.conftest import Attctl
from tests.unit.surfaces.cli.machine.conftest import Audited

from att.appliance import Facts
from att.backup.places import restore_folders
from att.backup.switching import Switch
from att.effects.processes import Finished
from att.effects.signing_keys import load_or_make
from att.surfaces.cli.machine import rotating


@pytest.fixture
def asked(box: Facts, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What systemctl was asked for; it refuses when the list begins with `broken`."""
    calls: list[list[str]] = []

    def run(command: list[str], **_: object) -> Finished:
        calls.append(command)
        return Finished(int(calls[0] == ["broken"]), "", "no manager")

    monkeypatch.setattr(rotating, "run", run)
    (box.paths.state / "launcher").mkdir(parents=True)
    box.paths.journal.mkdir(parents=True)
    load_or_make(box.paths.state / "launcher/local.key")
    return calls


def test_it_says_what_ends_before_it_asks_and_audits_both_ends(
    box: Facts, attctl: Attctl, audited: Audited, asked: list[list[str]]
) -> None:
    key = box.paths.state / "launcher/local.key"
    before = key.read_bytes()
    plan = json.loads(attctl("secrets", "rotate", "--dry-run", "--json").out)
    assert ([one["name"] for one in plan["secrets"]], plan["restarts"]) == (["local-login"], ["att-launcher"])
    assert "attctl sessions purge" in plan["elsewhere"].values()
    refused = attctl("secrets", "rotate", answer="n")
    assert (refused.code, "ends tokens of the SSH door" in refused.err) == (4, True)
    assert (key.read_bytes(), audited(), asked) == (before, [], [])
    done = attctl("secrets", "rotate", "local-login", "--yes", "--json")
    assert (done.code, json.loads(done.out)["done"]) == (0, True)
    assert key.read_bytes() != before
    assert asked == [["systemctl", "restart", "att-launcher.service"]]
    assert [one["action"] for one in audited()] == ["machine.secrets.rotate.begin", "machine.secrets.rotate"]
    assert attctl("secrets", "rotate", "nothing").code == 2


def test_a_service_that_does_not_come_back_is_told(box: Facts, attctl: Attctl, asked: list[list[str]]) -> None:
    asked.append(["broken"])
    done = attctl("secrets", "rotate", "--yes")
    assert (done.code, "error[rotation_unfinished]" in done.err, "no manager" in done.err) == (4, True, True)


def test_nothing_is_rotated_of_an_appliance_that_a_restore_left_half_exchanged(
    box: Facts, attctl: Attctl, asked: list[list[str]]
) -> None:
    key = box.paths.state / "launcher/local.key"
    before = key.read_bytes()
    folders = restore_folders(box)
    folders[0].mkdir(parents=True)
    Switch(folders).begin([])
    done = attctl("secrets", "rotate", "--yes")
    assert (done.code, "error[restore_interrupted]" in done.err, "restore --resume" in done.err) == (4, True, True)
    assert (key.read_bytes(), asked) == (before, [])


def test_where_there_is_no_key_yet_nobody_is_asked_and_nothing_is_called_done(
    attctl: Attctl, audited: Audited, asked: list[list[str]]
) -> None:
    done = attctl("secrets", "rotate", "egress", "--json")
    told = json.loads(done.out)
    assert (done.code, told["done"], told["secrets"], audited(), asked) == (0, False, [], [], [])
    assert "no such key yet: egress" in done.err


@pytest.mark.parametrize("more", ["--dry-run", "--yes"])
def test_a_file_that_holds_no_key_is_told_and_left_alone(
    box: Facts, attctl: Attctl, asked: list[list[str]], more: str
) -> None:
    key = box.paths.secrets / "sealing-key"
    key.parent.mkdir(parents=True, exist_ok=True)
    key.write_bytes(b"short")
    told = attctl("secrets", "rotate", "sealing", more)
    assert "error[sealing_key_missing]: cannot rotate secrets: sealing-key is no key" in told.err
    assert (key.read_bytes(), asked) == (b"short", [])
