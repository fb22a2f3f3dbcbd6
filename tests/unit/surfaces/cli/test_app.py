"""attctl as a person or a script meets it: calls, exit codes, two lines on stderr."""

import json
from pathlib import Path

import pytest
from tests.unit.surfaces.cli.conftest import Attctl
from tests.unit.surfaces.cli.fake_api import FakeApi

from att.kernel.codes import CODES
from att.surfaces.cli.wait import PAUSE_SECONDS

TOKEN = {"id": "tok_1", "name": "ci", "role": "viewer", "kind": "person", "owner": "ann", "expires": None}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    assert PAUSE_SECONDS > 0


def test_a_call_sends_the_token_and_the_fields_and_prints_the_result(api: FakeApi, attctl: Attctl) -> None:
    api.on("POST", "/api/v1/tokens", {**TOKEN, "token": "att_new"}, status=201)
    ran = attctl("token", "create", "--name", "ci", "--expires-days", "7", "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["token"] == "att_new"
    assert api.requests[0].json == {"name": "ci", "expires_days": 7}
    assert api.requests[0].headers["authorization"] == "Bearer att_secret"
    assert ran.err == ""


@pytest.mark.parametrize("words", [("--json", "token", "list"), ("token", "list", "--format", "json")])
def test_options_of_every_command_stand_before_or_behind_it(api: FakeApi, attctl: Attctl, words: tuple[str]) -> None:
    api.on("GET", "/api/v1/tokens", {"tokens": [TOKEN]})
    assert json.loads(attctl(*words).out) == {"tokens": [TOKEN]}


def test_a_list_is_a_table_and_yaml_is_yaml(api: FakeApi, attctl: Attctl) -> None:
    api.on("GET", "/api/v1/tokens", {"tokens": [TOKEN]})
    assert attctl("token", "list").out.splitlines() == [
        "ID     NAME  ROLE    KIND    OWNER",
        "tok_1  ci    viewer  person  ann",
    ]
    assert attctl("token", "list", "--format", "yaml").out.startswith("tokens:\n- id: tok_1\n")


def test_flags_and_path_parameters_go_where_rest_wants_them(api: FakeApi, attctl: Attctl) -> None:
    api.on("GET", "/api/v1/tokens", {"tokens": []})
    api.on("GET", "/api/v1/jobs/job%201%2F", {"id": "job 1/"})
    attctl("token", "list", "--all")
    attctl("job", "show", "job 1/")
    assert [one.path for one in api.requests] == ["/api/v1/tokens?all=true", "/api/v1/jobs/job%201%2F"]


def test_an_error_of_the_api_is_two_lines_and_an_exit_code(api: FakeApi, attctl: Attctl) -> None:
    api.problem("GET", "/api/v1/jobs/x", 404, "job_unknown")
    ran = attctl("job", "show", "x")
    assert (ran.code, ran.out) == (4, "")
    assert ran.err == "error[job_unknown]: cannot: job_unknown\nhint: mend job_unknown\n"


@pytest.mark.parametrize(("status", "code"), [(422, 2), (400, 2), (401, 4), (403, 4), (409, 4), (500, 4), (503, 4)])
def test_the_exit_code_follows_from_the_status(api: FakeApi, attctl: Attctl, status: int, code: int) -> None:
    api.problem("GET", "/api/v1/jobs", status, "internal")
    assert attctl("job", "list").code == code


def test_a_field_that_the_api_names_is_told(api: FakeApi, attctl: Attctl) -> None:
    api.problem("GET", "/api/v1/jobs", 422, "invalid_input", field="limit")
    assert "[limit]" in attctl("job", "list", "--limit", "5").err


def test_what_is_no_problem_document_is_told_as_unreachable(api: FakeApi, attctl: Attctl) -> None:
    api.on("GET", "/api/v1/jobs", b"<html>", status=502)
    ran = attctl("job", "list")
    assert ran.code == 4
    assert ran.err.startswith(f"error[unreachable]: cannot use {api.url}: it answered 502")


def test_an_api_that_is_not_there_is_unreachable_with_a_hint(attctl: Attctl) -> None:
    ran = attctl("job", "list", "--url", "http://127.0.0.1:9", "--token", "t")
    assert ran.code == 4
    assert ran.err.startswith("error[unreachable]: cannot reach http://127.0.0.1:9")
    assert "attctl status" in ran.err


def test_the_write_fence_of_an_upgrade_is_waited_out(api: FakeApi, attctl: Attctl) -> None:
    api.problem("POST", "/api/v1/tokens", 503, "write_fenced")
    api.problem("POST", "/api/v1/tokens", 503, "write_fenced")
    api.on("POST", "/api/v1/tokens", TOKEN, status=201)
    assert attctl("token", "create", "--name", "ci").code == 0
    assert len(api.requests) == 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("stauts",), "cannot run attctl: no command stauts, did you mean status?"),
        (("token", "mint"), "cannot run attctl token: no command mint"),
        (("token", "create"), "cannot run attctl token create: missing option '--name'"),
        (("token", "create", "--name", "x", "--role", "god"), "'god' is not one of 'viewer', 'developer'"),
        (("job", "list", "--limit", "many"), "'many' is not a valid integer"),
        (("job", "show"), "missing argument 'JOB_ID'"),
        (("job", "list", "--colour"), "no such option"),
    ],
)
def test_wrong_usage_exits_2_with_two_lines(attctl: Attctl, words: tuple[str, ...], told: str) -> None:
    ran = attctl(*words)
    assert (ran.code, ran.out) == (2, "")
    assert told.lower() in ran.err.lower()
    assert [line.partition(":")[0] for line in ran.err.splitlines()] == ["error[invalid_input]", "hint"]


def test_without_a_command_the_help_is_shown_and_the_exit_code_is_2(attctl: Attctl) -> None:
    ran = attctl()
    assert ran.code == 2
    assert "Exit codes: 0 ok" in ran.err


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("token", "--help"), ("token", "create", "--help")])
def test_help_exits_0_on_stdout(attctl: Attctl, words: tuple[str, ...]) -> None:
    ran = attctl(*words)
    assert ran.code == 0
    assert ran.out.startswith("Usage: attctl")


def test_version_needs_no_api(attctl: Attctl) -> None:
    assert attctl("version").out.startswith("attctl ")
    assert set(json.loads(attctl("version", "--json").out)) == {"release", "version"}


def test_explain_tells_what_helps(attctl: Attctl) -> None:
    assert CODES["disk_full"] in attctl("explain", "disk_full").out
    assert "disk_full" in attctl("explain", "disk_ful").err
    assert attctl("explain", "disk_ful").code == 2
    assert len(json.loads(attctl("explain", "--json").out)["codes"]) == len(CODES)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_each_shell(attctl: Attctl, shell: str) -> None:
    assert "_ATTCTL_COMPLETE" in attctl("completion", shell).out


def test_completion_offers_commands_and_choices(monkeypatch: pytest.MonkeyPatch, attctl: Attctl) -> None:
    monkeypatch.setenv("_ATTCTL_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "attctl token create --role ")
    monkeypatch.setenv("COMP_CWORD", "4")
    with pytest.raises(SystemExit):
        attctl()


def test_the_token_is_read_from_a_file(api: FakeApi, attctl: Attctl, tmp_path: Path) -> None:
    api.on("GET", "/api/v1/tokens", {"tokens": []})
    file = tmp_path / "token"
    file.write_text("att_from_file\n")
    attctl("token", "list", "--token-file", str(file))
    assert api.requests[0].headers["authorization"] == "Bearer att_from_file"
    assert attctl("token", "list", "--token-file", str(tmp_path / "none")).code == 2
