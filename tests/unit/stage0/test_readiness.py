"""What stage0 understands of the API's readiness."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att_stage0.readiness import Readiness, SocketReadyz, read


def body(status: str = "ok", **checks: str) -> bytes:
    told = {name: {"status": state, "detail": ""} for name, state in checks.items()}
    return json.dumps({"status": status, "release": "1.0.0", "checks": told}).encode()


def test_a_ready_answer_proves_its_release_alone() -> None:
    found = read(200, body(database="ok"))
    assert found.proves("1.0.0", ())
    assert not found.proves("1.1.0", ())


def test_only_accepted_checks_may_fail() -> None:
    found = read(503, body("unavailable", database="ok", disk="failed"))
    assert found.failing == ("disk",)
    assert not found.proves("1.0.0", ())
    assert found.proves("1.0.0", ("disk",))
    assert not found.proves("1.0.0", ("database",))


def test_not_ready_without_a_named_check_is_never_proof() -> None:
    assert not read(503, body("unavailable")).proves("1.0.0", ("disk",))


@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b"null"])
def test_an_answer_without_json_names_no_release(data: bytes) -> None:
    assert read(502, data).release == ""


@given(st.integers(100, 599), st.binary(max_size=100))
def test_any_bytes_are_an_answer(status: int, data: bytes) -> None:
    assert isinstance(read(status, data), Readiness)


def test_nobody_there_is_not_ready(tmp_path: Path) -> None:
    found = SocketReadyz(tmp_path / "gone.sock")(1.0)
    assert not found.ready
    assert "no answer" in found.detail
