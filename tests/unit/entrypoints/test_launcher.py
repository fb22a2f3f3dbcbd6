"""The launcher's doors on real unix sockets."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from tests.unit.workspace.manager import FakeManager, launcher_at

from att.entrypoints import launcher
from att.kernel.errors import Forbidden, Unavailable
from att.upgrade.building.launched import LaunchedTasks
from att.workspace.launcher_wire import line_of, may_ask, may_build


def listening(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(16)
    return listener


async def ask(path: Path, question: bytes = b"") -> dict[str, object]:
    with anyio.fail_after(30):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(question)
        line = await reader.readline()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
    answer: dict[str, object] = json.loads(line)
    return answer


async def token_for(uid: int, _: asyncio.StreamReader) -> dict[str, object]:
    return {"token": f"for {uid}", "expires": 1}


@pytest.mark.anyio
async def test_the_local_door_answers_with_the_uid_of_the_peer_and_stays_after_a_stop(tmp_path: Path) -> None:
    path = tmp_path / "local.sock"
    async with anyio.create_task_group() as group:
        group.start_soon(launcher.serve, {"local": listening(path)}, {"local": token_for})
        assert await ask(path) == {"token": f"for {os.getuid()}", "expires": 1}
        os.kill(os.getpid(), signal.SIGTERM)
    assert path.exists()


@pytest.mark.anyio
async def test_a_refusal_is_one_line_with_code_and_hint(tmp_path: Path) -> None:
    async def refuse(uid: int, _: asyncio.StreamReader) -> dict[str, object]:
        raise Forbidden("not_allowed", f"cannot log in at the local door: uid {uid}")

    path = tmp_path / "local.sock"
    async with anyio.create_task_group() as group:
        group.start_soon(launcher.serve, {"local": listening(path)}, {"local": refuse})
        answer = await ask(path)
        os.kill(os.getpid(), signal.SIGTERM)
    error = answer["error"]
    assert isinstance(error, dict)
    assert error["code"] == "not_allowed"
    assert error["hint"]


@pytest.fixture
async def own_door(tmp_path: Path) -> AsyncIterator[tuple[Path, FakeManager]]:
    """The launcher's own door, of which this user is the API, over a service manager that is not there."""
    manager = FakeManager()
    answer = launcher.launcher_door(launcher_at(tmp_path, manager), os.getuid())
    path = tmp_path / "launcher.sock"
    async with anyio.create_task_group() as group:
        group.start_soon(launcher.serve, {"launcher": listening(path)}, {"launcher": answer})
        yield path, manager
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
async def roots_door(tmp_path: Path) -> AsyncIterator[tuple[Path, FakeManager]]:
    """The same door, where whoever asks is taken for root: root may ask for everything."""
    manager = FakeManager()
    answer = launcher.launcher_door(launcher_at(tmp_path, manager), 940)
    path = tmp_path / "launcher.sock"
    async with anyio.create_task_group() as group:
        group.start_soon(
            launcher.serve, {"launcher": listening(path)}, {"launcher": lambda _, reader: answer(0, reader)}
        )
        yield path, manager
        os.kill(os.getpid(), signal.SIGTERM)


def test_of_the_api_and_root_alone_the_launcher_takes_orders() -> None:
    assert [may_ask(uid, api_uid=940) for uid in (0, 940, 1000, 20000)] == [True, True, False, False]


def test_of_root_alone_the_launcher_takes_orders_to_build() -> None:
    assert [may_build(uid) for uid in (0, 940, 945, 1000, 20000)] == [True, False, False, False, False]


@pytest.mark.anyio
@pytest.mark.parametrize("uid", [0, 940])
async def test_a_job_of_building_is_done_for_root_and_refused_to_the_api(tmp_path: Path, uid: int) -> None:
    manager = FakeManager()
    answer = launcher.launcher_door(launcher_at(tmp_path, manager), 940)
    path = tmp_path / "launcher.sock"
    async with anyio.create_task_group() as group:
        group.start_soon(
            launcher.serve, {"launcher": listening(path)}, {"launcher": lambda _, reader: answer(uid, reader)}
        )
        tasks = LaunchedTasks(path)
        if uid == 0:
            assert await anyio.to_thread.run_sync(tasks.run, Path("/anywhere/build_1"))
            assert manager.running == {"att-build@build_1.service"}
        else:
            with pytest.raises(Forbidden, match="only the upgrade engine may ask"):
                await anyio.to_thread.run_sync(tasks.run, Path("/anywhere/build_1"))
            assert manager.asked == []
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.anyio
async def test_a_job_that_failed_is_told_and_a_launcher_that_is_away_has_its_own_word(tmp_path: Path) -> None:
    answer = launcher.launcher_door(launcher_at(tmp_path, FakeManager(refuses="start")), 940)
    path = tmp_path / "launcher.sock"
    tasks = LaunchedTasks(path)
    with pytest.raises(Unavailable, match="cannot reach the launcher"):
        tasks.run(Path("build_1"))
    async with anyio.create_task_group() as group:
        group.start_soon(
            launcher.serve, {"launcher": listening(path)}, {"launcher": lambda _, reader: answer(0, reader)}
        )
        assert not await anyio.to_thread.run_sync(tasks.run, Path("build_1"))
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.anyio
async def test_a_task_is_started_and_stopped_through_the_door(own_door: tuple[Path, FakeManager]) -> None:
    path, manager = own_door
    about = {"slot": 7, "task_id": "task_1", "kind": "test"}
    spec = {"task_id": "task_1", "kind": "test", "command": ["true"]}
    started = await ask(path, line_of({"verb": "start", "slot": 7, "spec": spec}))
    assert started["state"] == {"active": True, "result": "success", "memory_bytes": 4096, "invocation": "run1"}
    assert manager.running == {"att-task@p007-task_1.service"}
    await ask(path, line_of({"verb": "stop", **about}))
    assert manager.running == set()
    assert "state" in await ask(path, line_of({"verb": "forget", **about}))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("question", "field"),
    [
        (b"{}\n", ""),
        (b"no json\n", ""),
        (b'{"verb":"build","job":"../x"}\n', "job"),
        (b'{"verb":"build","job":"x","slot":1}\n', "build.slot"),
        (b'{"verb":"start","slot":-1,"spec":{"task_id":"t","kind":"test","command":["x"]}}\n', "start.slot"),
        (b'{"verb":"start","slot":1,"spec":{"task_id":"t","kind":"test","command":[]}}\n', "start.spec.command"),
        (b'{"verb":"start","slot":1,"spec":{"task_id":"../t","kind":"test","command":["x"]}}\n', "task_id"),
        (b'{"verb":"start","slot":999,"spec":{"task_id":"t","kind":"test","command":["x"]}}\n', "slot"),
    ],
)
async def test_what_is_no_request_starts_nothing_and_names_the_field(
    roots_door: tuple[Path, FakeManager], question: bytes, field: str
) -> None:
    path, manager = roots_door
    error = (await ask(path, question))["error"]
    assert isinstance(error, dict)
    assert (error["code"], error["field"]) == ("invalid_input", field)
    assert manager.asked == []


@pytest.mark.anyio
async def test_more_clients_than_it_serves_at_once_all_get_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "local.sock"
    answers: list[dict[str, object]] = []

    async def one() -> None:
        answers.append(await ask(path))

    async with anyio.create_task_group() as group:
        group.start_soon(launcher.serve, {"local": listening(path)}, {"local": token_for})
        async with anyio.create_task_group() as clients:
            for _ in range(launcher.CONNECTIONS_MAX + 10):
                clients.start_soon(one)
        os.kill(os.getpid(), signal.SIGTERM)
    assert len(answers) == launcher.CONNECTIONS_MAX + 10


def test_without_the_sockets_of_the_service_manager_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LISTEN_PID", raising=False)
    with pytest.raises(SystemExit, match="no socket named local"):
        launcher.main()
