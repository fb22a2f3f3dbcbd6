"""The secrets check on real files with real modes."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from att.appliance import Facts, facts
from att.kernel.operation import Caller, Context, Role
from att.secrets import __main__ as script
from att.secrets.check import check, machine_uids
from att.secrets.operations import OPERATIONS
from att.secrets.schema import SecretsCheckRequest
from att.secrets.service import SecretsService

ME = {"root": os.geteuid(), "www-data": os.geteuid()}


@pytest.fixture
def machine(tmp_path: Path) -> Facts:
    """A machine whose secrets are closed."""
    found = facts().rooted(tmp_path)
    for folder in (
        found.paths.secrets / "deep",
        found.paths.tls,
        found.paths.local_trust,
        found.paths.state / "launcher",
    ):
        folder.mkdir(parents=True)
        folder.chmod(0o700)
    found.paths.run.mkdir(parents=True)
    for path in (
        found.paths.secrets / "token",
        found.paths.secrets / "deep" / "key",
        found.paths.tls / "server.pem",
        found.paths.local_trust / "appliance.key",
        found.paths.run / "claim-code",
    ):
        path.write_text("secret")
        path.chmod(0o400)
    (found.paths.local_trust / "appliance.pem").write_text("public")
    return found


def problems(machine: Facts) -> dict[str, str]:
    return {Path(one.path).name: one.problem for one in check(machine, ME).violations}


def test_closed_secrets_are_counted_and_fine(machine: Facts) -> None:
    report = check(machine, ME)
    assert report.violations == ()
    assert report.checked == 10


def test_open_files_links_and_folders_are_found_at_any_depth(machine: Facts) -> None:
    (machine.paths.secrets / "deep" / "key").chmod(0o644)
    (machine.paths.secrets / "link").symlink_to("/etc/shadow")
    (machine.paths.local_trust / "appliance.key").chmod(0o440)
    (machine.paths.secrets / "deep").chmod(0o777)
    machine.paths.local_trust.chmod(0o755)
    assert problems(machine) == {
        "key": "has mode 0644, must have 0400 or 0600",
        "link": "is a symbolic link",
        "appliance.key": "has mode 0440, must have 0400 or 0600",
        "deep": "has mode 0777, at most 0755 is allowed",
        "trust": "has mode 0755, at most 0700 is allowed",
    }


def test_a_linked_folder_is_told_and_not_entered(machine: Facts, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "open").write_text("x")
    (machine.paths.secrets / "there").symlink_to(elsewhere)
    assert problems(machine) == {"there": "is a symbolic link"}


def test_a_machine_without_secrets_is_fine(tmp_path: Path) -> None:
    assert check(facts().rooted(tmp_path), {"root": 0}).as_json() == {"ok": True, "checked": 0, "violations": []}


def test_the_owners_are_the_machines_users() -> None:
    assert machine_uids()["root"] == 0


class FakeEngine:
    async def call(self, verb: str, _args: dict[str, Any] | None = None) -> dict[str, Any]:
        assert verb == "secrets_check"
        return {"ok": False, "checked": 1, "violations": [{"path": "/s", "problem": "is open"}]}


async def ran(service: SecretsService) -> tuple[bool, int]:
    context = Context(Caller("u", "ann", Role.OPERATOR), "req_1", {SecretsService: service})
    report: Any = await OPERATIONS[0].answer(context, SecretsCheckRequest())
    assert OPERATIONS[0].exit_code
    return report.ok, OPERATIONS[0].exit_code(report)


@pytest.mark.anyio
async def test_who_is_not_root_has_the_engine_look(machine: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert await ran(SecretsService(machine, FakeEngine())) == (False, 1)


@pytest.mark.anyio
async def test_without_an_engine_the_secrets_are_ones_own(machine: Facts) -> None:
    assert await ran(SecretsService(machine)) == (True, 0)


def test_the_script_tells_and_exits_like_the_command(
    machine: Facts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "facts", lambda: machine)
    monkeypatch.setattr(script, "check", lambda found: check(found, ME))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(sys, "argv", ["att-check-perms"])
    assert script.main() == 0
    assert capsys.readouterr().out == "10 checked, 0 wrong\n"
    (machine.paths.secrets / "token").chmod(0o444)
    assert script.main() == 1
    assert capsys.readouterr().out.startswith(f"{machine.paths.secrets}/token: has mode 0444")
    monkeypatch.setattr(sys, "argv", ["att-check-perms", "--json"])
    assert script.main() == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert script.main() == 4
