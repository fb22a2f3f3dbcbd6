"""The launcher's doors on real unix sockets."""

import asyncio
import json
import os
import signal
import socket
from pathlib import Path

import anyio
import pytest

from att.entrypoints import launcher
from att.kernel.errors import Forbidden


def listening(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(16)
    return listener


async def ask(path: Path) -> dict[str, object]:
    with anyio.fail_after(5):
        reader, writer = await asyncio.open_unix_connection(str(path))
        line = await reader.readline()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
    answer: dict[str, object] = json.loads(line)
    return answer


def token_for(uid: int) -> dict[str, object]:
    return {"token": f"for {uid}", "expires": 1}


@pytest.mark.anyio
async def test_the_local_door_answers_with_the_uid_of_the_peer_and_stays_after_a_stop(tmp_path: Path) -> None:
    path = tmp_path / "local.sock"
    async with anyio.create_task_group() as group:
        group.start_soon(launcher.serve, {"local": listening(path)}, token_for)
        assert await ask(path) == {"token": f"for {os.getuid()}", "expires": 1}
        os.kill(os.getpid(), signal.SIGTERM)
    assert path.exists()


@pytest.mark.anyio
async def test_a_refusal_is_one_line_with_code_and_hint(tmp_path: Path) -> None:
    def refuse(uid: int) -> dict[str, object]:
        raise Forbidden("not_allowed", f"cannot log in at the local door: uid {uid}")

    path = tmp_path / "local.sock"
    async with anyio.create_task_group() as group:
        group.start_soon(launcher.serve, {"local": listening(path)}, refuse)
        answer = await ask(path)
        os.kill(os.getpid(), signal.SIGTERM)
    error = answer["error"]
    assert isinstance(error, dict)
    assert error["code"] == "not_allowed"
    assert error["hint"]


@pytest.mark.anyio
async def test_the_launchers_own_door_says_that_there_is_nothing_to_start(tmp_path: Path) -> None:
    paths = {name: tmp_path / f"{name}.sock" for name in ("local", "launcher")}
    async with anyio.create_task_group() as group:
        group.start_soon(launcher.serve, {name: listening(path) for name, path in paths.items()}, token_for)
        answer = await ask(paths["launcher"])
        os.kill(os.getpid(), signal.SIGTERM)
    error = answer["error"]
    assert isinstance(error, dict)
    assert error["code"] == "not_found"


@pytest.mark.anyio
async def test_more_clients_than_it_serves_at_once_all_get_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "local.sock"
    answers: list[dict[str, object]] = []

    async def one() -> None:
        answers.append(await ask(path))

    async with anyio.create_task_group() as group:
        group.start_soon(launcher.serve, {"local": listening(path)}, token_for)
        async with anyio.create_task_group() as clients:
            for _ in range(launcher.CONNECTIONS_MAX + 10):
                clients.start_soon(one)
        os.kill(os.getpid(), signal.SIGTERM)
    assert len(answers) == launcher.CONNECTIONS_MAX + 10


def test_without_the_sockets_of_the_service_manager_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LISTEN_PID", raising=False)
    before = os.umask(0o077)
    os.umask(before)
    with pytest.raises(SystemExit, match="no socket named local"):
        launcher.main()
    os.umask(before)
