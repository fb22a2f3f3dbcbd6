"""The real API process on an inherited socket: started, used, stopped and replaced as the service manager does it."""

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.fakes.api_process import Machine, machine_at, prepare_machine


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A machine's folders with a database and an admin's token, to be copied."""
    folder = tmp_path_factory.mktemp("prepared")
    return folder, prepare_machine(folder)


@pytest.fixture
def machine(tmp_path: Path, prepared: tuple[Path, str]) -> Iterator[Machine]:
    with machine_at(tmp_path, *prepared) as found:
        yield found


def test_it_is_ready_keeps_the_watchdog_quiet_and_stops_with_exit_code_0(machine: Machine) -> None:
    process = machine.start()
    machine.told("READY=1")
    machine.told("WATCHDOG=1")
    with machine.client() as client:
        assert client.get("/readyz").json()["status"] == "ok"
        assert client.get("/api/v1/tokens").status_code == 200
    process.send_signal(signal.SIGTERM)
    machine.told("STOPPING=1")
    assert process.wait(10) == 0
    lines = machine.journal()
    assert {"request", "ready"} <= {line["message"] for line in lines}
    assert not [line for line in lines if line["level"] in ("error", "critical")]


def test_replacing_the_process_loses_no_request_and_no_write(machine: Machine) -> None:
    process = machine.start()
    machine.told("READY=1")
    statuses: list[int] = []
    created: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            with machine.client() as client:
                read = client.get("/api/v1/tokens")
                write = client.post("/api/v1/tokens", json={"name": "written"})
            if write.status_code == 503:  # a writer in the queue is let go: the front asks the next process
                assert write.json()["code"] == "write_fenced"
                continue
            statuses.extend((read.status_code, write.status_code))
            created.append(write.json()["id"])
            stop.wait(0.02)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for _ in range(3):
        before = len(statuses)
        while len(statuses) < before + 20:
            stop.wait(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        process = machine.start()
        machine.told("READY=1")
    stop.set()
    for asker in askers:
        asker.join(30)
    with machine.client() as client:
        found = {token["id"] for token in client.get("/api/v1/tokens").json()["tokens"]}
    assert set(statuses) == {200, 201}
    assert set(created) <= found
    assert len(found) == len(created) + 1


def test_an_open_stream_does_not_hold_up_the_end(machine: Machine) -> None:
    process = machine.start()
    machine.told("READY=1")
    with (
        machine.client() as client,
        client.stream("GET", "/api/v1/events", headers={"Accept": "text/event-stream"}) as stream,
    ):
        chunks = stream.iter_text()
        next(chunks)
        process.send_signal(signal.SIGTERM)
        ending = "".join(chunks)
    assert "event: reconnect" in ending
    assert process.wait(10) == 0


def test_a_write_that_waits_at_a_fence_is_let_go_when_the_process_stops(machine: Machine) -> None:
    process = machine.start()
    machine.told("READY=1")
    machine.facts.paths.run.mkdir(parents=True, exist_ok=True)
    (machine.facts.paths.run / "fence").touch()
    answers: list[httpx.Response] = []

    def write() -> None:
        with machine.client() as client:
            answers.append(client.post("/api/v1/tokens", json={"name": "late"}))

    waiting = threading.Thread(target=write)
    waiting.start()
    with machine.client() as client:
        assert client.get("/api/v1/tokens").status_code == 200
    waiting.join(0.5)
    assert answers == []
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    waiting.join(5)
    assert time.monotonic() - started < 2
    assert (answers[0].status_code, answers[0].json()["code"]) == (503, "write_fenced")
    assert answers[0].headers["retry-after"] == "1"
    assert process.wait(10) == 0


def test_with_a_database_too_new_it_runs_and_says_so(machine: Machine) -> None:
    import sqlite3

    with sqlite3.connect(machine.facts.paths.api_database / "att.db") as connection:
        connection.execute("UPDATE att_schema SET version = 999, min_reader = 999")
    connection.close()
    machine.start()
    machine.told("READY=1")
    with machine.client() as client:
        ready, health, call = client.get("/readyz"), client.get("/healthz"), client.get("/api/v1/tokens")
    assert (ready.status_code, health.status_code, call.status_code) == (503, 200, 503)
    assert "schema_too_new" in ready.json()["checks"]["database"]["detail"]
