"""`attctl logs` and `attctl metrics snapshot`."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.surfaces.cli.conftest import Attctl
from tests.unit.surfaces.cli.fake_api import FakeApi

from att.appliance import facts
from att.effects.processes import Finished
from att.surfaces.cli import diag_wiring, logs, root
from att.surfaces.cli.figures import rows

HELD = "K9-held-Tok3n-Value"
FIGURES = """# TYPE att_http_requests_total counter
att_http_requests_total{method="GET",status="200"} 3.0
# TYPE att_http_requests_created gauge
att_http_requests_created{method="GET",status="200"} 1.8e+09
# TYPE att_operation_seconds histogram
att_operation_seconds_bucket{le="1.0"} 2.0
att_operation_seconds_bucket{le="+Inf"} 2.0
att_operation_seconds_count 2.0
att_operation_seconds_sum 0.5
"""


FOLLOWED = """#!/bin/sh
case "$*" in *--since=never*) echo "Failed to parse timestamp: never" >&2; exit 1 ;; esac
echo '{"PRIORITY": "6", "MESSAGE": "well, K9-held-Tok3n-Value"}'
"""


def told(message: str, priority: int) -> str:
    fields = {"__REALTIME_TIMESTAMP": "1800000000000000", "_SYSTEMD_UNIT": "att-api.service"}
    return json.dumps({**fields, "PRIORITY": str(priority), "MESSAGE": message})


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """A machine that holds a secret and whose journal has it; what journalctl is asked is kept."""
    where = facts().rooted(tmp_path)
    where.paths.secrets.mkdir(parents=True)
    (where.paths.secrets / "one").write_text(HELD)
    monkeypatch.setattr("att.appliance.facts", lambda: where)
    monkeypatch.setattr(root, "become_root", lambda _what: None)
    monkeypatch.setattr(diag_wiring, "sealed_places", lambda _where: iter(()))
    seen: list[tuple[str, ...]] = []

    def journal(command: tuple[str, ...], **_: Any) -> Finished:
        seen.append(command)
        if "--since=never" in command:
            return Finished(1, "", "Failed to parse timestamp: never\n")
        lines = [told("well", 6), told(f"no {HELD[:7]}", 4), told(f"{HELD[7:]} is wrong, password: x1", 3)]
        return Finished(0, "\n".join(lines), "")

    monkeypatch.setattr(logs, "run", journal)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "journalctl").write_text(FOLLOWED)
    (programs / "journalctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return seen


def test_logs_are_shown_without_what_is_secret_in_them(asked: list[tuple[str, ...]], attctl: Attctl) -> None:
    ran = attctl("logs", "api")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("2027-01-15T08:00:00+00:00 att-api info: well\n")
    assert "held-Tok3n" not in ran.out
    assert "password: [redacted:name]" in ran.out
    assert "--unit=att-api.service" in asked[0]


def test_logs_of_a_level_are_the_last_so_many_of_it(asked: list[tuple[str, ...]], attctl: Attctl) -> None:
    ran = attctl("logs", "--level", "warning", "-n", "1")
    assert (ran.code, ran.out.count("\n"), "error: " in ran.out) == (0, 1, True)


@pytest.mark.parametrize(("words", "why"), [(("nobody",), "the names are"), (("--since", "never"), "parse timestamp")])
def test_what_cannot_be_shown_is_said(
    asked: list[tuple[str, ...]], attctl: Attctl, words: tuple[str, ...], why: str
) -> None:
    for more in ((), ("--follow",)):
        ran = attctl("logs", *words, *more)
        assert (ran.code, ran.out, why in ran.err, "error[invalid_input]" in ran.err) == (2, "", True, True)


def test_logs_that_are_followed_are_shown_as_they_come_without_secrets(
    asked: list[tuple[str, ...]], attctl: Attctl
) -> None:
    ran = attctl("logs", "--follow")
    assert (ran.code, ran.out, asked) == (0, "- - info: well, [redacted:value]\n", [])


def test_the_figures_are_told_with_their_labels(attctl: Attctl, api: FakeApi) -> None:
    api.on("GET", "/metrics", FIGURES.encode())
    ran = attctl("metrics", "snapshot", "--match", "http", "--json")
    assert json.loads(ran.out) == {
        "figures": [{"figure": "att_http_requests_total", "labels": "method=GET, status=200", "value": 3.0}]
    }
    assert [one["figure"].rpartition("_")[2] for one in rows(FIGURES, buckets=False)] == ["total", "count", "sum"]
    assert len(list(rows(FIGURES, buckets=True))) == 5
