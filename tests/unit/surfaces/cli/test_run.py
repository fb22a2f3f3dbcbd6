"""One command through the API: jobs, streams, uploads, confirmation."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.surfaces.cli.conftest import Attctl
from tests.unit.surfaces.cli.fake_api import FakeApi

from att.kernel.errors import AttError, InvalidInput, Refused, Unavailable
from att.surfaces.cli.index import Parameter, Spec
from att.surfaces.cli.run import run
from att.surfaces.cli.target import Options

CALL = Spec("att.x.go", "Go", "call", "change", "POST", "/x", False, False, "", ())
JOB: dict[str, Any] = {
    "id": "job_1",
    "state": "running",
    "step": "work",
    "percent": 10.0,
    "deadline": "2126-01-01T00:00:00+00:00",
    "finished": None,
    "result": None,
    "problem": None,
}
DONE = {**JOB, "state": "succeeded", "finished": "2026-01-01T00:00:00Z", "result": {"version": "2"}}
REFERENCE = {"job_id": "job_1", "operation": "att.x.go", "state": "queued"}


def spec(**changes: Any) -> Spec:
    return Spec(**{**CALL.__dict__, **changes})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)


@pytest.fixture
def options(api: FakeApi) -> Options:
    return Options(format="json", url=api.url, token="att_secret")


def test_a_job_is_started_and_its_id_printed(
    api: FakeApi, options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    api.on("POST", "/api/v1/x", REFERENCE, 202)
    assert run(spec(kind="job"), {}, options) == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == REFERENCE
    assert "attctl job watch job_1" in told.err


def test_wait_shows_progress_on_stderr_and_the_result_on_stdout(
    api: FakeApi, options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    api.on("POST", "/api/v1/x", REFERENCE, 202)
    api.on("GET", "/api/v1/jobs/job_1", JOB)
    api.on("GET", "/api/v1/jobs/job_1", DONE)
    assert run(spec(kind="job"), {}, options, wait=True) == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == {"version": "2"}
    assert [one.path for one in api.requests[1:]] == ["/api/v1/jobs/job_1?wait_seconds=1.0"] * 2
    assert "10 % work" in told.err
    assert "s left" in told.err


def test_wait_outlives_an_api_that_restarts(api: FakeApi, options: Options, capsys: pytest.CaptureFixture[str]) -> None:
    api.on("POST", "/api/v1/x", REFERENCE, 202)
    api.on("GET", "/api/v1/jobs/job_1", b"<html>", 502)
    api.on("GET", "/api/v1/jobs/job_1", DONE)
    assert run(spec(kind="job"), {}, options, wait=True) == 0
    assert "waiting for it" in capsys.readouterr().err


def test_wait_ends_when_the_api_stays_away(api: FakeApi, options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    api.on("POST", "/api/v1/x", REFERENCE, 202)
    api.on("GET", "/api/v1/jobs/job_1", b"", 502)
    seconds = iter(range(1, 10_000, 100))
    monkeypatch.setattr("att.surfaces.cli.wait.time.monotonic", lambda: float(next(seconds)))
    with pytest.raises(Unavailable):
        run(spec(kind="job"), {}, options, wait=True)


@pytest.mark.parametrize(
    ("job", "code", "exit_code"),
    [
        (
            {"state": "failed", "problem": {"code": "gate_failed", "detail": "d", "hint": "h", "exit_code": 4}},
            "gate_failed",
            4,
        ),
        ({"state": "failed", "problem": {"code": "invalid_input", "detail": "d", "exit_code": 2}}, "invalid_input", 2),
        ({"state": "cancelled"}, "job_finished", 4),
    ],
)
def test_a_job_that_did_not_succeed_is_an_error(
    api: FakeApi, options: Options, job: dict[str, Any], code: str, exit_code: int
) -> None:
    api.on("POST", "/api/v1/x", REFERENCE, 202)
    api.on("GET", "/api/v1/jobs/job_1", {**DONE, **job})
    with pytest.raises(AttError) as raised:
        run(spec(kind="job"), {}, options, wait=True)
    assert (raised.value.code, raised.value.exit_code) == (code, exit_code)


def test_interrupted_while_waiting_the_job_goes_on_and_its_id_is_printed(
    api: FakeApi, options: Options, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    api.on("POST", "/api/v1/x", REFERENCE, 202)
    api.on("GET", "/api/v1/jobs/job_1", JOB)
    monkeypatch.setattr("time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(spec(kind="job"), {}, options, wait=True)
    told = capsys.readouterr()
    assert json.loads(told.out)["job_id"] == "job_1"
    assert not [one for one in api.requests if one.path.endswith("/cancel")]


def test_a_file_is_uploaded_first_and_its_id_sent(api: FakeApi, options: Options, tmp_path: Path) -> None:
    parameters = (Parameter("upload", "upload", argument=True), Parameter("force", "boolean"))
    api.on("POST", "/api/v1/uploads", {"upload": "up_1"})
    api.on("POST", "/api/v1/x", {})
    file = tmp_path / "bundle"
    file.write_bytes(b"b" * 700_000)
    assert run(spec(parameters=parameters, kind="content"), {"upload": str(file), "force": True}, options) == 0
    assert api.requests[0].body == b"b" * 700_000
    assert api.requests[1].json == {"upload": "up_1", "force": True}


@pytest.mark.parametrize("kind", ["upload", "text"])
def test_a_file_that_cannot_be_read_is_told_by_name(options: Options, tmp_path: Path, kind: Any) -> None:
    parameters = (Parameter("upload", kind, argument=True),)
    with pytest.raises(InvalidInput, match="nothing: No such file") as raised:
        run(spec(parameters=parameters), {"upload": str(tmp_path / "nothing")}, options)
    assert (raised.value.code, raised.value.field) == ("file_unreadable", "upload")


def test_a_text_file_is_sent_as_its_text_and_must_be_utf_8(api: FakeApi, options: Options, tmp_path: Path) -> None:
    parameters = (Parameter("text", "text", argument=True),)
    api.on("POST", "/api/v1/x", {})
    file = tmp_path / "a.yaml"
    file.write_text("ü: 1\n")
    run(spec(parameters=parameters), {"text": str(file)}, options)
    assert api.requests[0].json == {"text": "ü: 1\n"}
    file.write_bytes(b"\xff")
    with pytest.raises(InvalidInput, match="not UTF-8"):
        run(spec(parameters=parameters), {"text": str(file)}, options)
    file.write_bytes(b"#" * 1_000_001)
    with pytest.raises(InvalidInput, match="larger than"):
        run(spec(parameters=parameters), {"text": str(file)}, options)


DESTROY = spec(effect="destroy", method="DELETE", path="/x/{id}")


def confirmed(api: FakeApi) -> None:
    api.problem("DELETE", "/api/v1/x/1", 409, "confirmation_required", data={"confirmation_id": "confirm_9"})
    api.on("DELETE", "/api/v1/x/1", {"gone": True})


def test_destroy_with_yes_confirms_at_the_api(api: FakeApi, options: Options) -> None:
    confirmed(api)
    assert run(DESTROY, {"id": 1}, options, yes=True) == 0
    assert api.requests[1].headers["x-confirmation-id"] == "confirm_9"


def test_destroy_without_a_terminal_is_refused_before_anything_is_sent(api: FakeApi, options: Options) -> None:
    with pytest.raises(Refused) as raised:
        run(DESTROY, {"id": 1}, options)
    assert (raised.value.code, raised.value.exit_code, raised.value.hint) == ("confirmation_required", 4, "pass --yes")
    assert api.requests == []


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("Yes", 0), ("n", 4), ("", 4)])
def test_destroy_asks_on_the_terminal(
    api: FakeApi, attctl: Attctl, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    destroy = spec(
        effect="destroy", method="DELETE", path="/x/{id}", parameters=(Parameter("id", "string", argument=True),)
    )
    monkeypatch.setattr("att.surfaces.cli.tree.specs", lambda: {("x", "go"): destroy})
    confirmed(api)
    ran = attctl("x", "go", "1", answer=answer)
    assert ran.code == code
    assert "attctl x go 1: Go. Go on? [y/N]" in ran.err
    assert bool(api.requests) == (code == 0)


STREAM = spec(kind="stream", method="GET", path="/s/{id}", effect="read")


def items(*cursors: str) -> list[dict[str, str]]:
    return [{"cursor": one, "text": f"line {one}"} for one in cursors]


def test_a_stream_prints_each_line_to_its_end(
    api: FakeApi, options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    api.on("GET", "/api/v1/s/1", lines=[*items("a", "b"), {"end": True}])
    assert run(STREAM, {"id": 1, "cursor": "0"}, Options(url=options.url, format="table")) == 0
    assert capsys.readouterr().out == "line a\nline b\n"
    assert api.requests[0].path == "/api/v1/s/1?cursor=0"
    assert api.requests[0].headers["accept"] == "application/x-ndjson"


@pytest.mark.parametrize("ending", [[], [{"reconnect": {"cursor": "b"}}]])
def test_a_followed_stream_is_taken_up_after_its_last_cursor(
    api: FakeApi, options: Options, capsys: pytest.CaptureFixture[str], ending: list[Any]
) -> None:
    api.on("GET", "/api/v1/s/1", lines=[*items("a", "b"), *ending])
    api.on("GET", "/api/v1/s/1", b"", 502)
    api.on("GET", "/api/v1/s/1", lines=[*items("c"), {"end": True}])
    assert run(STREAM, {"id": 1, "follow": True}, options) == 0
    assert [json.loads(line)["cursor"] for line in capsys.readouterr().out.splitlines()] == ["a", "b", "c"]
    assert api.requests[-1].path == "/api/v1/s/1?follow=true&cursor=b"


def test_a_stream_that_is_not_followed_and_breaks_is_an_error(api: FakeApi, options: Options) -> None:
    api.on("GET", "/api/v1/s/1", b"", 502)
    with pytest.raises(Unavailable):
        run(STREAM, {"id": 1}, options)


def test_a_stream_that_ends_in_a_problem_is_that_error(api: FakeApi, options: Options) -> None:
    api.on("GET", "/api/v1/s/1", lines=[*items("a"), {"problem": {"code": "job_unknown", "status": 404}}])
    with pytest.raises(AttError) as raised:
        run(STREAM, {"id": 1}, options)
    assert raised.value.code == "job_unknown"


def test_watch_follows_the_log_and_ends_with_the_jobs_outcome(api: FakeApi, attctl: Attctl) -> None:
    api.on("GET", "/api/v1/jobs/job_1/log", lines=[*items("a"), {"end": True}])
    api.on("GET", "/api/v1/jobs/job_1", DONE)
    assert attctl("job", "watch", "job_1").out == "line a\n"
    api.answers.clear()
    api.on("GET", "/api/v1/jobs/job_1/log", lines=[{"end": True}])
    api.on("GET", "/api/v1/jobs/job_1", {**DONE, "state": "failed", "problem": {"code": "disk_full", "detail": "d"}})
    ran = attctl("job", "watch", "job_1")
    assert ran.code == 4
    assert ran.err.startswith("error[disk_full]: d\n")


def test_the_exit_code_of_a_remote_result_is_the_operations(api: FakeApi, attctl: Attctl, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("{}")
    api.on("POST", "/api/v1/config/diff", {"changed": True, "changes": [], "unified": "-a\n+b\n"})
    ran = attctl("config", "diff", str(file))
    assert (ran.code, ran.out) == (1, "-a\n+b\n")
