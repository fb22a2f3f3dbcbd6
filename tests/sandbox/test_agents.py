"""The workspace agent as a process, and its client: started when asked, again when it died."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from att.entrypoints.dev import development_facts
from att.kernel.errors import AttError, Conflict, Forbidden, NotFound, Unavailable
from att.workspace import verbs
from att.workspace.agent import AgentServer
from att.workspace.agents import TASK_ID, WorkspaceAgents
from att.workspace.backends.subprocesses import SubprocessSandboxes
from att.workspace.place import Place
from att.workspace.schema import Channel, TaskKind, TaskSpec, TaskState
from att.workspace.verbs import files

pytestmark = pytest.mark.anyio


class World:
    """A project with the true agent."""

    def __init__(self, root: Path) -> None:
        where = development_facts(root)
        self.sandboxes = SubprocessSandboxes(where)
        self.place = Place("prj_1", "demo", where.paths.projects / "prj_1")
        self.agent = WorkspaceAgents(self.sandboxes).of(self.place)

    def agent_pids(self) -> list[int]:
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                command, cwd = (entry / "cmdline").read_bytes(), (entry / "cwd").readlink()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if b"att.entrypoints.workspace" in command and b"bwrap" not in command and cwd == self.place.work:
                found.append(int(entry.name))
        return found

    def kill(self) -> None:
        for pid in self.agent_pids():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.sandboxes.prepare(made.place)
    yield made
    await made.sandboxes.remove(made.place)


async def test_the_agent_is_started_by_the_first_question_and_answers_the_next(world: World) -> None:
    await world.agent.call("files.write", path="a", content="text")
    assert (await world.agent.call("files.read", path="a"))["content"] == "text"
    assert [task.task_id for task in await world.sandboxes.tasks(world.place)] == [TASK_ID]


async def test_many_first_questions_start_one_agent(world: World) -> None:
    (world.place.work / "a").write_text("text")
    other = WorkspaceAgents(SubprocessSandboxes(world.sandboxes._where)).of(world.place)
    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(lambda agent: agent.call("files.read", path="a"), (world.agent, other)[number % 2])
    assert len(world.agent_pids()) == 1


async def test_an_error_of_a_verb_arrives_as_itself(world: World) -> None:
    (world.place.work / "a").write_text("theirs")
    with pytest.raises(Forbidden) as outside:
        await world.agent.call("files.read", path="../a")
    assert (outside.value.code, outside.value.field) == ("path_outside", "path")
    with pytest.raises(Conflict) as changed:
        await world.agent.call("files.write", path="a", content="mine", expected="absent")
    assert changed.value.data["expected"] == "absent"
    for name in ("files.none", "os.system", "agent.serve", ""):
        with pytest.raises(NotFound):
            await world.agent.call(name)


async def test_a_killed_agent_is_started_again(world: World) -> None:
    await world.agent.call("files.write", path="a", content="1")
    for number in range(3):
        world.kill()
        await world.agent.call("files.write", path="a", content=f"{number}")
        assert (await world.agent.call("files.read", path="a"))["content"] == f"{number}"


async def test_a_large_file_travels_both_ways(world: World) -> None:
    content = "äöü\n" * 500_000
    await world.agent.call("files.write", path="a", content=content)
    assert (await world.agent.call("files.read", path="a", length=files.READ_BYTES_MAX))["content"] == content


def test_the_agent_starts_within_a_fifth_of_a_second_of_processor_time() -> None:
    before = os.times()
    agent = [sys.executable, "-P", "-c", "import att.entrypoints.workspace, att.workspace.verbs.files"]
    subprocess.run(agent, check=True, env={"PATH": os.defpath})
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    assert used < 0.2, f"{used:.2f} s"


class Served:
    """A server in a thread, so that a test can play the client and put verbs in."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.path = folder / "agent.sock"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._server = AgentServer(self._listener, folder, **settings)
        self.thread = threading.Thread(target=self._server._accept_all, daemon=True)
        self.thread.start()

    def end(self) -> None:
        self._server._idle_seconds = 0
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.path))
        self.thread.join(20)
        assert not self.thread.is_alive()
        self._listener.close()

    def ask(self, request: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(self.path))
            with client.makefile("rwb") as wire:
                assert wire.readline() == b'{"agent": 1}\n'
                wire.write(request + b"\n")
                wire.flush()
                return wire.readline()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def make(**settings: Any) -> Served:
        made.append(Served(tmp_path, **settings))
        return made[-1]

    yield make
    for served in made:
        served.end()


@pytest.fixture
def put_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    added: dict[str, Any] = {}
    monkeypatch.setattr(files, "VERBS", {**files.VERBS, "files.slow": lambda *_: _wait(added)})
    added["go"] = threading.Event()
    yield added
    added["go"].set()


def _wait(added: Mapping[str, Any]) -> str:
    added["go"].wait(30)
    return "done"


@pytest.mark.parametrize(
    ("request_line", "code"),
    [
        (b"no json", "malformed"),
        (b"[]", "malformed"),
        (b'{"verb": "files.read", "arguments": 7}', "invalid_input"),
        (b'{"verb": "files.read"}', "invalid_input"),
        (b'{"stream": "files.read"}', "not_found"),
        (b"{}", "not_found"),
    ],
)
def test_a_request_that_is_none_is_answered_with_an_error(
    serve: Callable[..., Served], request_line: bytes, code: str
) -> None:
    served = serve()
    assert f'"code": "{code}"'.encode() in served.ask(request_line)


def test_a_verb_that_takes_too_long_is_answered_with_an_error(
    serve: Callable[..., Served], put_in: dict[str, Any]
) -> None:
    served = serve(verb_seconds=0.05)
    assert b'"code": "verb_timed_out"' in served.ask(b'{"verb": "files.slow"}')


def test_a_verb_with_a_fault_is_answered_and_the_agent_goes_on(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fault(*_: object) -> None:
        raise RuntimeError("private words")

    monkeypatch.setattr(files, "VERBS", {"files.fault": fault})
    served = serve()
    answer = served.ask(b'{"verb": "files.fault"}')
    assert b'"code": "internal"' in answer
    assert b"private words" not in answer
    assert "private words" in capsys.readouterr().err
    assert b"not_found" in served.ask(b'{"verb": "files.read"}')


def test_an_agent_that_nobody_asks_ends_and_one_that_works_does_not(
    serve: Callable[..., Served], put_in: dict[str, Any]
) -> None:
    served = serve(idle_seconds=0.2)
    answers: list[bytes] = []
    asking = threading.Thread(target=lambda: answers.append(served.ask(b'{"verb": "files.slow"}')))
    asking.start()
    served.thread.join(0.6)
    assert served.thread.is_alive()
    put_in["go"].set()
    asking.join(10)
    served.thread.join(10)
    assert not served.thread.is_alive()
    assert answers == [b'{"ok": "done"}\n']


class Scripted:
    """Sandboxes whose agent answers each connection as the test says: with bytes, or with its end."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.asked: list[bytes] = []
        self.starts = 0
        self._threads: list[threading.Thread] = []

    async def start(self, place: Place, spec: TaskSpec) -> TaskState:
        self.starts += 1
        return TaskState(task_id=spec.task_id, kind=TaskKind.AGENT)

    async def state(self, place: Place, task_id: str) -> TaskState:
        raise NotFound("task_unknown", "cannot find it")

    async def forget(self, place: Place, task_id: str) -> None:
        raise AssertionError

    async def connect(self, place: Place, task_id: str, channel: Channel) -> socket.socket:
        if not self.starts:
            raise Unavailable("task_unreachable", "cannot reach it")
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        answer = self.answers.pop(0)
        thread = threading.Thread(target=self._play, args=(theirs, answer))
        thread.start()
        self._threads.append(thread)
        return ours

    def _play(self, connection: socket.socket, answer: bytes | None) -> None:
        with connection:
            if answer is None:
                return
            connection.sendall(b'{"agent": 1}\n')
            line = connection.makefile("rb").readline()
            if line:
                self.asked.append(line)
                connection.sendall(answer)


def client(sandboxes: Scripted, tmp_path: Path) -> Any:
    return WorkspaceAgents(sandboxes).of(Place("prj_1", "demo", tmp_path))  # type: ignore[arg-type]  # only what is used


@pytest.mark.parametrize("verb", ["files.read", "git.commit"])
async def test_what_done_twice_is_done_once_is_asked_again_when_the_agent_died_over_it(
    tmp_path: Path, verb: str
) -> None:
    sandboxes = Scripted(b"", b'{"ok": 7}\n')
    assert await client(sandboxes, tmp_path).call(verb) == 7
    assert len(sandboxes.asked) == 2


async def test_another_change_is_never_asked_for_twice(tmp_path: Path) -> None:
    sandboxes = Scripted(b'{"ok"', b'{"ok": 7}\n')
    with pytest.raises(Unavailable) as refused:
        await client(sandboxes, tmp_path).call("files.write", path="a", content="")
    assert refused.value.code == "agent_unreachable"
    assert len(sandboxes.asked) == 1


async def test_an_agent_that_ends_before_it_greets_was_asked_nothing_so_even_a_change_is_asked_of_the_next(
    tmp_path: Path,
) -> None:
    sandboxes = Scripted(None, b'{"ok": 7}\n')
    assert await client(sandboxes, tmp_path).call("files.write", path="a", content="") == 7
    assert (len(sandboxes.asked), sandboxes.starts) == (1, 2)


async def test_an_agent_that_always_ends_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as refused:
        await client(Scripted(None, None, None, None), tmp_path).call("files.read", path="a")
    assert refused.value.code == "agent_unreachable"


@pytest.mark.parametrize("answer", [b"no json\n", b"[]\n", b'{"error": 7}\n', b'{"error": {"code": "no_such_code"}}\n'])
async def test_an_answer_that_is_none_is_an_error(tmp_path: Path, answer: bytes) -> None:
    with pytest.raises(AttError) as refused:
        await client(Scripted(answer, answer), tmp_path).call("files.read", path="a")
    assert refused.value.code in ("agent_unreachable", "internal")


async def test_what_follows_the_header_of_a_stream_is_left_for_its_reader(tmp_path: Path) -> None:
    sandboxes = Scripted(b'{"ok": {}}\nraw bytes')
    async with client(sandboxes, tmp_path).stream("git.fetch") as connection:
        await anyio.wait_readable(connection)
        assert connection.recv(100) == b"raw bytes"


async def test_a_stream_that_is_refused_raises_the_verb_s_error(world: World) -> None:
    with pytest.raises(NotFound):
        async with world.agent.stream("files.none"):
            pytest.fail("there is no such stream")


def test_every_verb_is_found_and_those_that_may_be_asked_again_are_verbs() -> None:
    for module in verbs.MODULES:
        for name in verbs._table(f"{module}.x", "VERBS"):
            assert callable(verbs.find(name))
        assert set(verbs._table(f"{module}.x", "READS")) <= set(verbs._table(f"{module}.x", "VERBS"))
        assert set(verbs._table(f"{module}.x", "AGAIN")) <= set(verbs._table(f"{module}.x", "VERBS"))
    assert verbs.repeats("files.read")
    assert verbs.repeats("git.commit")
    assert not verbs.repeats("files.write")
