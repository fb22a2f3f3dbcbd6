import io
import json
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.database import MIGRATIONS, make_database

from att.entrypoints import database


def _run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object, stdin: str = ""
) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
    """Return exit code, lines of stdout and the error."""
    monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    monkeypatch.setattr("os.umask", lambda _: 0)
    # On an appliance the Python is the running release's, whose migrations are not those of this tree.
    monkeypatch.setattr(database, "release_root", lambda: MIGRATIONS.parents[1])
    code = database.main([*map(str, arguments)])
    told = capsys.readouterr()
    return code, [json.loads(line) for line in told.out.splitlines()], json.loads(told.err or "{}").get("error", {})


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    def call(*arguments: object, stdin: str = "") -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
        return _run(capsys, monkeypatch, *arguments, stdin=stdin)

    return call


def test_create_tells_progress_and_ends_with_the_answer(tmp_path: Path, run: Any) -> None:
    code, lines, _ = run("create", tmp_path / "db")
    assert code == 0
    assert {line["progress"]["verb"] for line in lines[:-1]} == {"create"}
    assert lines[-1] == {**run("head")[1][0], "from_version": None}
    assert run("create", tmp_path / "db")[1] == [lines[-1]]


def test_info_migrate_and_snapshot_answer(tmp_path: Path, run: Any) -> None:
    link = make_database(tmp_path)
    assert run("info", link)[1][0]["claimed"] is False
    assert run("migrate", link)[1][-1]["from_version"] == run("head")[1][0]["version"]
    code, lines, _ = run("snapshot", link, tmp_path / "db-2")
    assert (code, lines[-1]["bytes"]) == (0, (tmp_path / "db-2" / "att.db").stat().st_size)
    assert run("info", tmp_path / "db-2")[0] == 0


def test_tokens_are_made(tmp_path: Path, run: Any) -> None:
    link = make_database(tmp_path)
    assert run("first-token", link, stdin="ab" * 32)[1] == [{"stored": True}]
    assert run("reset-admin", link)[1][0]["token"].startswith("att_")
    assert run("first-token", link, stdin="a token")[2]["code"] == "invalid_input"


@pytest.mark.parametrize("verb", ["info", "migrate", "reset-admin"])
def test_a_missing_database_has_its_code(tmp_path: Path, run: Any, verb: str) -> None:
    code, lines, error = run(verb, tmp_path)
    assert (code, lines, error["code"], error["exit_code"]) == (4, [], "database_missing", 4)


def test_an_error_of_the_machine_is_told_as_json(tmp_path: Path, run: Any) -> None:
    assert run("create", tmp_path / "none" / "db")[2]["code"] == "internal"
    (tmp_path / "file").touch()
    link = make_database(tmp_path)
    code, _, error = run("snapshot", link, tmp_path / "file")
    assert code == 4
    assert error["detail"].startswith("cannot")


def test_a_broken_database_is_told(tmp_path: Path, run: Any) -> None:
    link = make_database(tmp_path)
    (link / "att.db").write_bytes(b"no database" * 1000)
    for verb in ("info", "migrate", "reset-admin"):
        assert run(verb, link)[2]["code"] == "database_damaged"
    assert run("snapshot", link, tmp_path / "db-2")[2]["code"] == "database_damaged"


def test_every_verb_has_a_summary_and_a_usage_error_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(database.VERBS) == set(database._SUMMARIES)
    with pytest.raises(SystemExit) as told:
        database.main(["nonsense"])
    assert told.value.code == 2
    capsys.readouterr()
