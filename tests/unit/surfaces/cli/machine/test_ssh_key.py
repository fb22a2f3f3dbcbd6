"""`attctl ssh-key` from the command line to the file that sshd reads."""

import json
from pathlib import Path

import pytest
from tests.unit.surfaces.cli.conftest import Attctl
from tests.unit.surfaces.cli.machine.conftest import Audited

from att.machine.ssh.service import Account

ANN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ann\n"
PRINT = "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"


@pytest.fixture
def key(box: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("att.machine.ssh.world.account_of", lambda user: Account(user, tmp_path))
    (tmp_path / "ann.pub").write_text(ANN)
    return str(tmp_path / "ann.pub")


def test_a_key_is_added_listed_removed_and_audited(key: str, attctl: Attctl, audited: Audited, tmp_path: Path) -> None:
    assert attctl("ssh-key", "add", key, "--comment", "Ann").code == 0
    assert attctl("ssh-key", "add", key).code == 0
    listed = json.loads(attctl("ssh-key", "list", "--json").out)
    assert [(one["fingerprint"], one["comment"]) for one in listed["items"]] == [(PRINT, "Ann")]
    last = attctl("ssh-key", "remove", "Ann", answer="y")
    assert (last.code, "error[ssh_key_last]" in last.err) == (4, True)
    asked = attctl("ssh-key", "remove", PRINT, answer="n")
    assert (asked.code, "error[confirmation_required]" in asked.err) == (4, True)
    forced = attctl("ssh-key", "remove", PRINT, "--yes")
    assert (forced.code, "do not leave" in forced.err) == (0, True)
    assert [(one["action"], one["by"], one["fingerprint"]) for one in audited()] == [
        ("machine.ssh_key.add", "ann", PRINT),
        ("machine.ssh_key.remove", "ann", PRINT),
    ]
    (tmp_path / ".ssh/authorized_keys").write_text("odd\n")
    assert "1 further lines" in attctl("ssh-key", "list").err


def test_what_is_no_key_is_told_with_its_code(key: str, attctl: Attctl, audited: Audited, tmp_path: Path) -> None:
    (tmp_path / "no.pub").write_text("hello")
    ran = attctl("ssh-key", "add", str(tmp_path / "no.pub"))
    assert (ran.code, "error[ssh_key_unreadable]" in ran.err) == (2, True)
    assert audited() == []
