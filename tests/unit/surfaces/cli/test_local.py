"""Commands that work without the API, against a far side that speaks the upgrade engine's protocol."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.surfaces.cli.conftest import Attctl

from att.appliance import Facts, facts
from att.surfaces.cli import box, engine, local

TIME = "2026-01-01T00:00:00Z"
VIEW = {
    "id": "up_1",
    "kind": "upgrade",
    "state": "COMMITTED",
    "phase": "done",
    "verdict": "committed",
    "source": "1",
    "target": "2",
    "started": TIME,
}
Answers = Callable[[str, dict[str, Any]], list[dict[str, Any]]]


class FakeEngine:
    """Listens at the engine's socket; answers each line with what the test says; keeps what was asked."""

    def __init__(self, path: Path) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.files: list[bytes] = []
        self.answers: Answers = lambda _verb, _args: [{"result": {}}]
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen(8)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                data, fds, _, _ = socket.recv_fds(connection, 65_536, 1)
                if not data:
                    return
                for fd in fds:
                    with os.fdopen(fd, "rb") as file:
                        self.files.append(file.read())
                ask = json.loads(data)
                self.asked.append((ask["verb"], ask["args"]))
                for answer in self.answers(ask["verb"], ask["args"]):
                    connection.sendall(json.dumps(answer).encode() + b"\n")
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1)

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(self._socket.getsockname())
        self._thread.join()
        self._socket.close()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facts:
    found = facts().rooted(tmp_path)
    found.paths.run.mkdir(parents=True)
    found.paths.config.parent.mkdir(parents=True)
    for module in (box, local, engine):
        monkeypatch.setattr(module, "facts", lambda: found)
    return found


@pytest.fixture
def far(machine: Facts) -> Iterator[FakeEngine]:
    fake = FakeEngine(machine.unit("att-upgraded").socket_paths[0])
    yield fake
    fake.close()


def upgrade(ending: dict[str, Any]) -> Answers:
    def answers(verb: str, _args: dict[str, Any]) -> list[dict[str, Any]]:
        if verb == "apply":
            return [{"result": {"transaction": "up_1"}}]
        return [{"event": {"state": "SNAPSHOT", "percent": 40.0, "deadline_seconds": 9.0}}, {"result": ending}]

    return answers


def test_an_upgrade_is_handed_over_as_a_descriptor_and_its_transaction_printed(
    far: FakeEngine, attctl: Attctl, tmp_path: Path
) -> None:
    bundle = tmp_path / "a.attb"
    bundle.write_bytes(b"bundle")
    far.answers = upgrade(VIEW)
    ran = attctl("upgrade", "apply", str(bundle), "--force", "--json")
    assert (ran.code, json.loads(ran.out)) == (0, {"transaction": "up_1"})
    assert "attctl upgrade show up_1" in ran.err
    assert far.files == [b"bundle"]
    assert far.asked == [("apply", {"force": True, "despite_baseline": False})]


def test_with_wait_the_states_are_shown_and_the_verdict_printed(
    far: FakeEngine, attctl: Attctl, tmp_path: Path
) -> None:
    bundle = tmp_path / "a.attb"
    bundle.write_bytes(b"bundle")
    far.answers = upgrade(VIEW)
    ran = attctl("upgrade", "apply", str(bundle), "--wait", "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["verdict"] == "committed"
    assert "40 % SNAPSHOT, 9 s left" in ran.err


def test_a_release_that_rolled_back_exits_4_with_its_code(far: FakeEngine, attctl: Attctl, tmp_path: Path) -> None:
    bundle = tmp_path / "a.attb"
    bundle.write_bytes(b"bundle")
    failure = {"code": "gate_failed", "detail": "never ready", "class": "health_failure"}
    far.answers = upgrade({**VIEW, "state": "ROLLED_BACK", "verdict": "rolled_back", "failure": failure})
    ran = attctl("upgrade", "apply", str(bundle), "--wait")
    assert ran.code == 4
    assert "rolled_back" in ran.out
    assert ran.err.splitlines()[-2].startswith("error[gate_failed]: never ready")


def test_a_bundle_that_cannot_be_read_has_its_own_code(far: FakeEngine, attctl: Attctl, tmp_path: Path) -> None:
    ran = attctl("upgrade", "plan", str(tmp_path / "nothing.attb"))
    assert ran.code == 2
    assert ran.err.startswith("error[bundle_unreadable]: cannot read")
    assert far.asked == []


def test_an_engine_that_is_away_is_told(machine: Facts, attctl: Attctl) -> None:
    ran = attctl("upgrade", "history")
    assert machine.paths.run.exists()
    assert ran.code == 4
    assert ran.err.startswith("error[engine_unavailable]: cannot reach the upgrade engine")


def test_an_error_of_the_engine_is_told_with_its_own_code_and_exit_code(far: FakeEngine, attctl: Attctl) -> None:
    told = {
        "code": "no_rollback_target",
        "detail": "cannot roll back: none",
        "hint": "h",
        "status": 409,
        "exit_code": 4,
    }
    far.answers = lambda _verb, _args: [{"error": told}]
    ran = attctl("rollback", "--yes", "--wait")
    assert (ran.code, ran.err) == (4, "error[no_rollback_target]: cannot roll back: none\nhint: h\n")


def test_a_rollback_asks_first(far: FakeEngine, attctl: Attctl) -> None:
    assert attctl("rollback", answer="n").code == 4
    assert far.asked == []


@pytest.mark.parametrize(("healthy", "code"), [(True, 0), (False, 4)])
def test_a_repair_ends_with_what_it_found(far: FakeEngine, attctl: Attctl, healthy: bool, code: int) -> None:
    far.answers = lambda _verb, _args: [{"result": {"healthy": healthy, "release": "1", "detail": "d"}}]
    assert attctl("repair").code == code


def test_the_first_admin_token_is_made_by_the_engine(far: FakeEngine, attctl: Attctl) -> None:
    far.answers = lambda _verb, _args: [{"result": {"token": "att_new"}}]
    assert json.loads(attctl("token", "reset-admin", "--yes", "--json").out) == {"token": "att_new"}
    assert far.asked == [("reset_admin", {})]
    assert attctl("token", "reset-admin").code == 4


def test_config_is_shown_and_compared_without_api_and_engine(
    machine: Facts, attctl: Attctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ATT_DISK_WARN_PERCENT", raising=False)
    machine.paths.config.write_text("disk:\n  warn_percent: 70\n")
    proposed = tmp_path / "new.yaml"
    proposed.write_text("disk:\n  warn_percent: 71\n")
    shown = json.loads(attctl("config", "show", "--section", "disk", "--json").out)
    assert (shown["items"][0]["value"], shown["items"][0]["where"]) == (70, "att.yaml:2")
    diff = attctl("config", "diff", str(proposed))
    assert diff.code == 1
    assert "+  warn_percent: 71" in diff.out
    assert attctl("config", "diff", str(machine.paths.config)).code == 0


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("disk: {warn_percent: 70}", 0, ""),
        ("disk: {warn_percent: 700}", 2, "disk.warn_percent (line 1, column 8): 700 is above the maximum 99"),
        ("disk: {warn_percent: 70, warn_percent: 71}", 2, "disk.warn_percent (line 1, column 26): given twice"),
    ],
)
def test_config_validate_names_the_file_and_the_setting(
    attctl: Attctl, tmp_path: Path, text: str, code: int, told: str
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text)
    ran = attctl("config", "validate", str(file))
    assert ran.code == code
    assert told in ran.err
    if code:
        assert ran.err.startswith(f"error[config_invalid]: cannot use {file}: disk.warn_percent")


def test_config_apply_goes_to_the_engine_and_an_invalid_file_nowhere(
    far: FakeEngine, attctl: Attctl, tmp_path: Path
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("disk: {warn_percent: 700}")
    assert attctl("config", "apply", str(file)).code == 2
    assert far.asked == []
    far.answers = lambda _verb, _args: [
        {"result": {"changed": True, "changes": [], "live": [], "restart": ["att-api"]}}
    ]
    file.write_text("jobs: {running_max: 2}")
    assert "att-api" in attctl("config", "apply", str(file)).out
    assert far.asked == [("config_apply", {"text": "jobs: {running_max: 2}"})]


def test_status_tells_what_is_away_instead_of_failing(machine: Facts, attctl: Attctl) -> None:
    ran = attctl("status", "--json")
    assert machine.paths.run.exists()
    status = json.loads(ran.out)
    assert (ran.code, status["status"], ran.err) == (4, "error", "")
    assert any(reason.startswith("api: cannot ask") for reason in status["reasons"])
    assert any(reason.startswith("engine: cannot reach") for reason in status["reasons"])


def test_an_unknown_field_of_a_local_operation_is_refused(machine: Facts, attctl: Attctl) -> None:
    ran = attctl("config", "show", "--section", "nothing")
    assert machine.paths.run.exists()
    assert (ran.code, ran.err.partition(":")[0]) == (2, "error[invalid_input]")


def test_limits_of_the_request_hold_locally_too(far: FakeEngine, attctl: Attctl) -> None:
    assert attctl("upgrade", "history", "--limit", "0").code == 2
    assert far.asked == []


def test_the_guide_is_read_without_the_api(attctl: Attctl) -> None:
    listed = attctl("docs")
    assert listed.code == 0
    assert [line.split()[0] for line in listed.out.splitlines()[:3]] == ["NAME", "first-steps", "upgrade-and-rollback"]
    assert attctl("docs", "backup").out.startswith("# Backup\n\n")
    assert attctl("docs", "--search", "recovery key").out.startswith("PAGE")
    refused = attctl("docs", "backups")
    assert (refused.code, "error[page_unknown]" in refused.err) == (4, True)
