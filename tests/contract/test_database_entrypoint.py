"""The database's entrypoint as the engine runs it: processes, a real fence, a writer that is told no lie."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.database import make_database

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = [sys.executable, "-m", "att.entrypoints.database"]

WRITER = textwrap.dedent(
    """
    import anyio, sys, time
    from pathlib import Path
    from sqlalchemy import insert, select, func
    from att.kernel.errors import Unavailable
    from att.store.service import Store
    from att.store.tables import canaries

    async def main():
        store = await Store.open(Path(sys.argv[1]), schema_version=1)
        number = 0
        while True:
            number += 1
            started = time.monotonic()
            try:
                async with store.write(patience_seconds=float(sys.argv[2])) as connection:
                    row = {"id": f"{sys.argv[3]}-{number}", "value": "", "created": 0.0}
                    await connection.execute(insert(canaries), row)
                print("wrote", row["id"], round(time.monotonic() - started, 2), flush=True)
            except Unavailable as error:
                async with store.read() as connection:
                    await connection.execute(select(func.count()).select_from(canaries))
                print("refused", error.code, round(time.monotonic() - started, 2), flush=True)
            await anyio.sleep(0.005)

    anyio.run(main)
    """
)


def run(*arguments: object, stdin: str = "") -> dict[str, Any]:
    done = _run(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def refused(*arguments: object, stdin: str = "") -> dict[str, Any]:
    done = _run(*arguments, stdin=stdin)
    assert done.returncode == 4 if json.loads(done.stderr)["error"]["status"] != 422 else 2
    assert done.stdout == ""
    error: dict[str, Any] = json.loads(done.stderr)["error"]
    assert error["hint"]
    return error


def _run(*arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PYTHON, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


@contextmanager
def fence(directory: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*PYTHON, "fence", str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


@contextmanager
def writer(link: Path, *, patience: float, name: str = "w") -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(link), str(patience), name], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


LINES_MAX = 5_000


def lines_until(process: subprocess.Popen[str], word: str, count: int) -> list[list[str]]:
    assert process.stdout is not None
    found: list[list[str]] = []
    while sum(line[0] == word for line in found) < count:
        line = process.stdout.readline()
        assert line, "the writer died"
        found.append(line.split())
    return found


def ids(directory: Path) -> set[str]:
    connection = sqlite3.connect(directory / "att.db")
    try:
        return {row[0] for row in connection.execute("SELECT id FROM canaries")}
    finally:
        connection.close()


@pytest.fixture
def link(tmp_path: Path) -> Path:
    return make_database(tmp_path)


def test_create_and_info_answer_in_json(tmp_path: Path) -> None:
    head = run("head")
    created = run("create", tmp_path / "db")
    assert {"version": created["version"], "min_reader": created["min_reader"]} == head
    info = run("info", tmp_path / "db")
    assert info["version"] == head["version"]
    assert info["claimed"] is False
    assert (tmp_path / "db").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "db" / "att.db").stat().st_mode & 0o777 == 0o600


def test_errors_are_json_on_stderr_with_a_code(tmp_path: Path) -> None:
    assert refused("info", tmp_path)["code"] == "database_missing"
    assert refused("migrate", tmp_path)["code"] == "database_missing"
    assert refused("snapshot", tmp_path, tmp_path / "x")["code"] == "database_missing"
    assert refused("create", tmp_path / "no" / "parent")["code"] == "internal"
    (tmp_path / "att.db").write_bytes(b"no database at all" * 100)
    assert refused("info", tmp_path)["code"] == "database_damaged"


def test_under_the_fence_writes_wait_then_503_reads_go_on_and_acknowledged_rows_survive(link: Path) -> None:
    with writer(link, patience=0.3) as process:
        told = lines_until(process, "wrote", 20)
        with fence(link):
            told += lines_until(process, "refused", 3)
            snapshot = run("snapshot", link, link.parent / "db-2")
            assert snapshot["bytes"] > 0
            kept = {line[1] for line in told if line[0] == "wrote"}
            told += lines_until(process, "refused", 1)
        told += lines_until(process, "wrote", 5)
    waits = [float(line[2]) for line in told if line[0] == "refused"]
    assert min(waits) >= 0.29
    assert max(waits) < 2
    assert {line[1] for line in told if line[0] == "wrote"} <= ids(link)
    assert ids(link.parent / "db-2") == kept


def test_a_write_that_waits_goes_when_the_fence_falls(link: Path) -> None:
    with writer(link, patience=30) as process:
        lines_until(process, "wrote", 1)
        with fence(link):
            time.sleep(0.6)  # the wait itself is what is measured
        told: list[list[str]] = []
        # What it wrote before the fence stood is still to be read.
        while len(told) < LINES_MAX and not any(float(line[2]) >= 0.5 for line in told):
            told += lines_until(process, "wrote", 1)
    assert len(told) < LINES_MAX, "none of the writes waited"
    assert all(line[0] == "wrote" for line in told)
    assert {line[1] for line in told} <= ids(link)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_fence_falls_when_its_process_dies(link: Path, how: signal.Signals) -> None:
    with writer(link, patience=30) as process:
        with fence(link) as holder:
            os.kill(holder.pid, how)
            holder.wait(10)
        lines_until(process, "wrote", 5)


def test_a_second_fence_is_refused_after_its_patience(link: Path) -> None:
    with fence(link):
        assert refused("fence", link, "--patience", "0.2")["code"] == "write_fenced"
    with fence(link):
        pass


def test_a_snapshot_replaces_what_lay_there_and_its_companions(link: Path) -> None:
    target = link.parent / "db-2"
    shutil.copytree(link.resolve(), target)
    for name in ("att.db-wal", "att.db-shm", "att.db.partial", "att.db.partial-wal"):
        (target / name).write_bytes(b"stale")
    run("snapshot", link, target)
    assert [path.name for path in target.iterdir()] == ["att.db"]
    assert run("migrate", target)["from_version"] == run("head")["version"]
    assert refused("snapshot", link, link.resolve())["code"] == "snapshot_failed"


def test_a_snapshot_of_a_damaged_database_is_refused_and_leaves_nothing(link: Path) -> None:
    path = link / "att.db"
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 5] = b"\xa5" * 8192
    path.write_bytes(data)
    error = refused("snapshot", link, link.parent / "db-2")
    assert error["code"] in {"snapshot_failed", "database_damaged"}
    assert list((link.parent / "db-2").iterdir()) == []


def test_a_writer_killed_at_any_moment_was_told_the_truth(link: Path) -> None:
    told: set[str] = set()
    for attempt in range(3):
        with writer(link, patience=5, name=f"w{attempt}") as process:
            told |= {line[1] for line in lines_until(process, "wrote", 15)}
            process.kill()
            assert process.stdout is not None
            told |= {line.split()[1] for line in process.stdout.read().splitlines() if line.startswith("wrote w")}
    assert told <= ids(link)


def test_the_first_token_is_stored_until_the_claim(link: Path) -> None:
    assert run("first-token", link, stdin="ab" * 32 + "\n") == {"stored": True}
    assert run("first-token", link, stdin="ab" * 32) == {"stored": True}
    assert run("first-token", link, stdin="cd" * 32) == {"stored": True}
    assert refused("first-token", link, stdin="secret")["code"] == "invalid_input"
    connection = sqlite3.connect(link / "att.db")
    rows = connection.execute("SELECT sha256, name, role, kind, expires FROM tokens").fetchall()
    assert rows == [("cd" * 32, "first", "admin", "person", None)]
    connection.execute("INSERT INTO claims VALUES (1, 'usr_x', 0)")
    connection.commit()
    connection.close()
    assert run("first-token", link, stdin="ef" * 32) == {"stored": False}
    assert run("info", link)["claimed"] is True


def test_reset_admin_makes_a_token_that_expires(link: Path) -> None:
    made = run("reset-admin", link)
    assert made["token"].startswith("att_")
    assert len(made["token"]) == 47
    assert made["expires"] > time.time() + 3600
    with fence(link):
        pass
