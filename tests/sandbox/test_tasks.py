"""Tasks as `make dev` runs them: real processes under real att-runs, in bubblewrap and without."""

import fcntl
import hashlib
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from att.entrypoints.dev import development_facts
from att.kernel.errors import AttError, Conflict, Failed, InvalidInput, NotFound, Unavailable
from att.workspace.backends import contained
from att.workspace.backends.folders import runner_of
from att.workspace.backends.subprocesses import SubprocessSandboxes
from att.workspace.place import Place
from att.workspace.schema import Channel, Ending, TaskKind, TaskSpec, TaskState
from att.workspace.shim.attach import frame
from att.workspace.shim.log import STEP_BYTES
from att.workspace.shim.records import RUN, take_lock

pytestmark = pytest.mark.anyio

HOLDER = "exec 9>held; flock 9; trap '' TERM; touch ready; while :; do sleep 0.05; done"
"""A shell that nothing but SIGKILL ends, and whose life a lock shows."""


@dataclass
class World:
    sandboxes: SubprocessSandboxes
    place: Place
    contain: bool

    async def start(self, *command: str, task_id: str = "task_1", **more: Any) -> TaskState:
        return await self.sandboxes.start(self.place, spec(*command, task_id=task_id, **more))

    async def run(self, *command: str, task_id: str = "task_1", **more: Any) -> tuple[TaskState, bytes]:
        await self.start(*command, task_id=task_id, **more)
        with anyio.fail_after(30):
            state = await self.sandboxes.wait(self.place, task_id)
        return state, await self.log(task_id)

    async def log(self, task_id: str = "task_1", offset: int = 0) -> bytes:
        blocks = [block async for block in self.sandboxes.read_log(self.place, task_id, offset)]
        return b"".join(blocks)

    async def until(self, true: Callable[[], bool]) -> None:
        with anyio.fail_after(30):
            while not true():  # noqa: ASYNC110 - what it waits for happens in another process
                await anyio.sleep(0.01)

    async def until_ready(self) -> None:
        await self.until((self.place.work / "ready").exists)

    def is_held(self) -> bool:
        with (self.place.work / "held").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False


def spec(*command: str, task_id: str = "task_1", kind: TaskKind = TaskKind.TEST, **more: Any) -> TaskSpec:
    return TaskSpec(task_id=task_id, kind=kind, command=command, **more)


@pytest.fixture(params=[True, False], ids=["contained", "plain"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param and contained.program() is None:
        pytest.skip("bubblewrap does not work here")
    where = development_facts(tmp_path / ("long" * 30))
    # Some tests leave a shell behind that no SIGTERM ends.
    sandboxes = SubprocessSandboxes(where, contain=request.param, removal_grace_seconds=0.2)
    place = Place("prj_1", "demo", where.paths.projects / "prj_1")
    await sandboxes.prepare(place)
    yield World(sandboxes, place, request.param)
    await sandboxes.remove(place)


async def test_a_task_ends_with_its_code_and_both_its_outputs_are_in_the_log(world: World) -> None:
    state, log = await world.run("sh", "-c", "echo out; echo err >&2; exit 3")

    assert (state.ending, state.code, state.running) == (Ending.EXITED, 3, False)
    assert log == b"out\nerr\n"
    assert state.started is not None
    assert state.ended is not None
    assert state.started <= state.ended
    assert state.log_bytes == 8


async def test_a_task_that_a_signal_ends_says_which(world: World) -> None:
    state, _ = await world.run("sh", "-c", "kill -9 $$")
    assert (state.ending, state.code) == (Ending.KILLED, -signal.SIGKILL)


async def test_a_program_that_is_not_there_ends_the_task_with_a_line_that_says_so(world: World) -> None:
    state, log = await world.run("no-such-program")
    assert (state.ending, state.code) == (Ending.EXITED, 127 if not world.contain else 1)
    assert b"no-such-program" in log


async def test_a_task_works_in_its_folder_with_its_own_home_and_environment(world: World) -> None:
    (world.place.work / "sub").mkdir()
    _, log = await world.run(
        "sh",
        "-c",
        "pwd; echo $HOME; echo $GIVEN; echo $SECRET",
        cwd="sub",
        environment={"GIVEN": "a"},
        secrets={"SECRET": "b"},
    )
    assert log.decode().split() == [str(world.place.work / "sub"), str(world.place.home), "a", "b"]


async def test_a_secret_is_on_no_disk_and_in_no_argument(world: World) -> None:
    await world.start("sh", "-c", "touch ready; sleep 60", secrets={"SECRET": "hunter2hunter2"})
    await world.until_ready()

    for path in world.place.folder.rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes(), path
    assert b"hunter2" not in b"".join(command_lines())


@pytest.mark.parametrize("cwd", ["..", "/", "a/../.."])
async def test_a_folder_outside_the_worktree_is_refused(world: World, cwd: str) -> None:
    with pytest.raises(InvalidInput):
        await world.start("true", cwd=cwd)


@pytest.mark.parametrize("task_id", ["../task", "", "a/b", "A", "x" * 65])
async def test_an_id_that_is_none_is_refused(world: World, task_id: str) -> None:
    for call in (world.sandboxes.state, world.sandboxes.stop, world.sandboxes.forget):
        with pytest.raises(InvalidInput):
            await call(world.place, task_id)
    with pytest.raises(InvalidInput):
        await world.start("true", task_id=task_id)


async def test_a_task_that_nobody_started_is_unknown(world: World) -> None:
    with pytest.raises(NotFound) as refused:
        await world.sandboxes.state(world.place, "task_1")
    assert refused.value.code == "task_unknown"


async def test_the_same_task_started_many_times_is_one(world: World) -> None:
    other = SubprocessSandboxes(world.sandboxes._where, contain=world.contain)
    async with anyio.create_task_group() as group:
        for number in range(6):
            one = (world.sandboxes, other)[number % 2]
            group.start_soon(one.start, world.place, spec("sh", "-c", "echo ran >> runs"))
    await world.sandboxes.wait(world.place, "task_1")
    await world.start("sh", "-c", "echo ran >> runs")
    assert (world.place.work / "runs").read_text() == "ran\n"
    assert len(await world.sandboxes.tasks(world.place)) == 1


async def test_a_task_outlives_who_started_it(world: World) -> None:
    starter = f"""
import anyio, os, signal
from pathlib import Path
from att.entrypoints.dev import development_facts
from att.workspace.backends.subprocesses import SubprocessSandboxes
from att.workspace.place import Place
from att.workspace.schema import TaskKind, TaskSpec
async def main():
    where = development_facts(Path({str(world.sandboxes._where.root)!r}))
    place = Place("prj_1", "demo", where.paths.projects / "prj_1")
    command = ("sh", "-c", "touch ready; while ! test -e go; do sleep 0.02; done; echo went on")
    await SubprocessSandboxes(where, contain={world.contain}).start(
        place, TaskSpec(task_id="task_1", kind=TaskKind.TEST, command=command))
    os.kill(os.getpid(), signal.SIGKILL)
anyio.run(main)
"""
    died = await anyio.to_thread.run_sync(lambda: subprocess.run([sys.executable, "-c", starter], check=False))
    assert died.returncode == -signal.SIGKILL
    await world.until_ready()
    assert (await world.sandboxes.state(world.place, "task_1")).running

    (world.place.work / "go").touch()

    state = await world.sandboxes.wait(world.place, "task_1")
    assert (state.ending, state.code, await world.log()) == (Ending.EXITED, 0, b"went on\n")


async def test_a_time_limit_ends_the_whole_tree_also_who_ran_away(world: World) -> None:
    runaway = f"(setsid sh -c '({HOLDER.replace(chr(39), chr(34))}) &' &); while :; do sleep 0.05; done"
    state, log = await world.run("sh", "-c", runaway, timeout_seconds=1)
    assert state.ending is Ending.TIMED_OUT
    assert b"time limit" in log
    assert (world.place.work / "ready").exists()
    assert not world.is_held()


async def test_who_is_left_behind_by_the_first_process_is_ended(world: World) -> None:
    state, log = await world.run(
        "sh", "-c", f'(setsid sh -c "{HOLDER}" &); while ! test -e ready; do :; done; echo over'
    )
    assert (state.ending, state.code, log) == (Ending.EXITED, 0, b"over\n")
    assert not world.is_held()


async def test_a_stopped_task_may_end_by_itself(world: World) -> None:
    await world.start("sh", "-c", "trap 'echo bye; exit 5' TERM; touch ready; while :; do sleep 0.02; done")
    await world.until_ready()
    state = await world.sandboxes.stop(world.place, "task_1")
    assert (state.ending, state.code) == (Ending.STOPPED, 5)
    assert b"bye\n" in await world.log()


async def test_a_stopped_task_that_does_not_listen_is_killed(world: World) -> None:
    await world.start("sh", "-c", HOLDER)
    await world.until_ready()
    with anyio.fail_after(20):
        state = await world.sandboxes.stop(world.place, "task_1", grace_seconds=0.2)
    assert (state.ending, state.code) == (Ending.STOPPED, -signal.SIGKILL)
    assert not world.is_held()
    assert await world.sandboxes.stop(world.place, "task_1") == state


async def test_a_task_whose_att_run_was_killed_is_lost_and_dies_with_it(world: World) -> None:
    await world.start("sh", "-c", f"echo begun; {HOLDER}")
    await world.until_ready()
    runner = runner_of(world.place, "task_1")
    assert runner is not None

    os.kill(runner, signal.SIGKILL)

    state = await world.sandboxes.wait(world.place, "task_1")
    assert (state.ending, state.code) == (Ending.LOST, None)
    await world.until(lambda: not world.is_held())
    assert await world.log() == b"begun\n"
    with pytest.raises(Unavailable):
        await world.sandboxes.connect(world.place, "task_1", Channel.ATTACH)


async def test_a_log_keeps_what_fits_and_counts_the_rest_while_the_task_goes_on(world: World) -> None:
    state, log = await world.run("sh", "-c", "seq 1 20000; touch done", log_bytes_max=1000)
    whole = "".join(f"{number}\n" for number in range(1, 20001)).encode()
    assert log == whole[:1000]
    assert (state.log_bytes, state.log_dropped_bytes) == (1000, len(whole) - 1000)
    assert (world.place.work / "done").exists()


async def test_an_apps_log_keeps_its_newest_bytes_each_at_its_place(world: World) -> None:
    program = "import sys\nfor n in range(60_000): sys.stdout.write(f'{n:099d}\\n')"
    command = (sys.executable, "-c", program)
    await world.start(*command, kind=TaskKind.APP, log_bytes_max=2_000_000)
    state = await world.sandboxes.wait(world.place, "task_1")
    whole = "".join(f"{number:099d}\n" for number in range(60_000)).encode()

    blocks = [block async for block in world.sandboxes.read_blocks(world.place, "task_1")]
    first = blocks[0].offset
    assert 2_000_000 <= len(whole) - first < 2_000_000 + STEP_BYTES
    assert b"".join(block.data for block in blocks) == whole[first:]
    assert [block.offset for block in blocks[1:]] == [block.offset + len(block.data) for block in blocks[:-1]]
    assert (state.log_bytes, state.log_dropped_bytes) == (len(whole), first)
    on_disk = (world.place.task("task_1") / "log").stat().st_blocks * 512
    assert on_disk < 2_000_000 + 2 * STEP_BYTES


async def test_who_follows_a_log_loses_nothing_through_a_break(world: World) -> None:
    program = "import sys\nfor n in range(200_000): sys.stdout.write(f'{n:099d}\\n')"
    await world.start(sys.executable, "-c", program)
    got = bytearray()
    async for block in world.sandboxes.read_log(world.place, "task_1", follow=True):
        got += block
        if len(got) > 1_000_000:
            break
    async for block in world.sandboxes.read_log(world.place, "task_1", len(got), follow=True):
        got += block

    state = await world.sandboxes.state(world.place, "task_1")
    assert not state.running
    whole = "".join(f"{number:099d}\n" for number in range(200_000)).encode()
    assert hashlib.sha256(got).hexdigest() == hashlib.sha256(whole).hexdigest()


async def test_a_task_leaves_files_for_who_started_it(world: World) -> None:
    await world.run("sh", "-c", "echo report > $ATT_TASK_OUT/report.xml")
    assert (world.place.task("task_1") / "out" / "report.xml").read_text() == "report\n"


async def test_a_task_that_runs_is_not_forgotten_and_one_that_ended_is(world: World) -> None:
    await world.start("sh", "-c", "while ! test -e go; do sleep 0.02; done")
    with pytest.raises(Conflict) as refused:
        await world.sandboxes.forget(world.place, "task_1")
    assert refused.value.code == "task_running"
    (world.place.work / "go").touch()
    await world.sandboxes.wait(world.place, "task_1")
    await world.sandboxes.forget(world.place, "task_1")
    assert await world.sandboxes.tasks(world.place) == []
    await world.sandboxes.forget(world.place, "task_1")


async def test_a_removed_project_leaves_no_process_and_no_file(world: World) -> None:
    await world.start("sh", "-c", HOLDER)
    await world.until_ready()
    with (world.place.work / "held").open("a") as held:
        locked = world.place.work / "cache" / "deep"
        locked.mkdir(parents=True)
        (locked / "file").touch()
        locked.chmod(0o500)
        with anyio.fail_after(30):
            await world.sandboxes.remove(world.place)
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not world.place.folder.exists()
    await world.sandboxes.remove(world.place)


async def test_a_terminal_is_typed_into_resized_and_followed_again_from_any_place(world: World) -> None:
    await world.start("sh", kind=TaskKind.TERMINAL, pty=True, environment={"PS1": "$ "})
    first = await attached(world, 0)
    await send(first, frame(b"r", struct.pack(">HH", 33, 101)) + frame(b"i", b"stty size; echo one-$((1+1))\n"))
    seen = await received(first, b"one-2\r\n")
    assert b"33 101\r\n" in seen
    first.close()

    second = await attached(world, len(seen))
    await send(second, frame(b"i", b"echo two-$((1+1)); exit 7\n"))
    rest = await received(second, None)

    state = await world.sandboxes.wait(world.place, "task_1")
    assert (state.ending, state.code) == (Ending.EXITED, 7)
    assert seen + rest == await world.log()
    assert b"two-2\r\n" in rest


async def test_a_client_that_sends_no_frames_is_let_go(world: World) -> None:
    await world.start("sh", kind=TaskKind.TERMINAL, pty=True)
    for nonsense in (b"z\0\0\0\0", b"a\xff\xff\xff\xff", frame(b"a", b"short")):
        connection = await world.sandboxes.connect(world.place, "task_1", Channel.ATTACH)
        await send(connection, nonsense)
        assert await received(connection, None) == b""
    assert (await world.sandboxes.state(world.place, "task_1")).running


async def test_who_follows_from_before_what_an_apps_log_keeps_is_let_go_instead_of_given_zeros(world: World) -> None:
    wrote = "import sys, time\nsys.stdout.write('x' * 4_000_000)\nsys.stdout.flush()\ntime.sleep(600)"
    await world.start(sys.executable, "-c", wrote, kind=TaskKind.APP, log_bytes_max=1_000_000)
    with anyio.fail_after(30):
        while (state := await world.sandboxes.state(world.place, "task_1")).log_bytes < 4_000_000:  # noqa: ASYNC110 - of another process
            await anyio.sleep(0.01)
    assert await received(await attached(world, 0), None) == b""
    with await attached(world, state.log_bytes - 3) as connection:
        assert await received(connection, b"xxx") == b"xxx"
    await world.sandboxes.stop(world.place, "task_1", grace_seconds=0.1)


async def test_the_port_of_an_app_is_reached_through_its_socket(world: World) -> None:
    server = (
        "import http.server, os, sys\n"
        "class Handler(http.server.SimpleHTTPRequestHandler):\n"
        "    def do_POST(self):\n"
        "        data = self.rfile.read(int(self.headers['Content-Length']))\n"
        "        self.send_response(200); self.end_headers(); self.wfile.write(data[::-1])\n"
        "assert sys.argv[1] == os.environ['ATT_PORT']\n"
        "server = http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler)\n"
        "open('ready', 'w'); server.serve_forever()\n"
    )
    await world.start(sys.executable, "-c", server, "{port}", kind=TaskKind.APP, port=0)
    await world.until_ready()
    data = os.urandom(2_000_000)
    for _ in range(3):
        connection = await world.sandboxes.connect(world.place, "task_1", Channel.APP)
        head = f"POST / HTTP/1.0\r\nContent-Length: {len(data)}\r\n\r\n".encode()
        async with anyio.create_task_group() as group:
            group.start_soon(send, connection, head + data)
            answer = await received(connection, None)
        assert answer.partition(b"\r\n\r\n")[2] == data[::-1]


async def test_an_app_that_does_not_listen_yet_closes_the_connection(world: World) -> None:
    await world.start("sleep", "60", kind=TaskKind.APP, port=0)
    connection = await world.sandboxes.connect(world.place, "task_1", Channel.APP)
    assert await received(connection, None) == b""


async def test_a_channel_that_a_task_does_not_have_is_unreachable(world: World) -> None:
    await world.start("sleep", "60")
    with pytest.raises(Unavailable) as refused:
        await world.sandboxes.connect(world.place, "task_1", Channel.APP)
    assert refused.value.code == "task_unreachable"


async def test_what_a_project_puts_in_place_of_its_task_s_files_leads_nobody_astray(
    world: World, tmp_path: Path
) -> None:
    await world.run("true")
    folder, secret = world.place.task("task_1"), tmp_path / "secret"
    secret.write_text("secret")
    with socket.socket(socket.AF_UNIX) as foreign:
        foreign.bind(str(tmp_path / "foreign.sock"))
        foreign.listen()
        (folder / "attach.sock").symlink_to(tmp_path / "foreign.sock")
        with pytest.raises(Unavailable):
            await world.sandboxes.connect(world.place, "task_1", Channel.ATTACH)
    (folder / "log").unlink()
    (folder / "log").symlink_to(secret)
    with pytest.raises((AttError, OSError)) as refused:
        await world.log()
    assert "secret" not in str(refused.value)
    for nonsense in ("", "[]", '{"ending": "bliss", "code": 0, "ended": "never"}', '{"more": 1}'):
        (folder / "exit.json").write_text(nonsense)
        with pytest.raises(NotFound) if "bliss" in nonsense else _nothing():
            assert (await world.sandboxes.state(world.place, "task_1")).ending is Ending.LOST


async def test_a_contained_task_sees_no_other_project_and_nothing_of_the_platform(world: World) -> None:
    if not world.contain:
        return
    where = world.sandboxes._where
    other = where.paths.projects / "prj_2"
    other.mkdir()
    (other / "file").write_text("theirs")
    where.paths.secrets.mkdir(parents=True, exist_ok=True)
    (where.paths.secrets / "admin-token").write_text("secret")
    probes = (
        f"cat {other}/file",
        f"cat {where.paths.secrets}/admin-token",
        f"ls -A {Path.home()}/.ssh",
        "touch /usr/here",
    )

    _, log = await world.run(
        "sh", "-c", "; ".join(f"({probe}) 2>/dev/null && echo reached" for probe in probes) + "; echo end"
    )

    assert log == b"end\n"


async def test_a_task_that_another_process_is_about_to_begin_is_waited_for_and_begins_once(world: World) -> None:
    folder = world.place.task("task_1")
    folder.mkdir()
    lock = take_lock(folder)
    assert lock is not None
    async with anyio.create_task_group() as group:
        group.start_soon(world.start, "sh", "-c", "echo begun >> begun")
        await world.until(lambda: any(str(folder).encode() in line for line in command_lines()))
        assert not (folder / RUN).exists()
        os.close(lock)
    await world.sandboxes.wait(world.place, "task_1")
    assert (world.place.work / "begun").read_text() == "begun\n"


async def test_more_tasks_than_a_project_may_have_are_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("att.workspace.backends.subprocesses.TASKS_MAX", 1)
    await world.start("sleep", "60")
    with pytest.raises(AttError) as refused:
        await world.start("true", task_id="task_2")
    assert refused.value.code == "too_many_tasks"


async def test_no_task_starts_in_a_project_that_was_removed(world: World) -> None:
    await world.sandboxes.remove(world.place)
    with pytest.raises(NotFound) as refused:
        await world.start("true")
    assert refused.value.code == "worktree_missing"
    assert not world.place.folder.exists()


async def test_a_task_that_cannot_begin_is_told_with_the_reason(world: World) -> None:
    world.place.tasks.rmdir()
    world.place.tasks.write_text("in the way")
    with pytest.raises(Failed) as refused:
        await world.start("true")
    assert refused.value.code == "task_not_started"


def command_lines() -> Iterator[bytes]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it may end meanwhile
            yield (process / "cmdline").read_bytes()


class _nothing:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


async def attached(world: World, offset: int) -> socket.socket:
    connection = await world.sandboxes.connect(world.place, "task_1", Channel.ATTACH)
    await send(connection, frame(b"a", struct.pack(">Q", offset)))
    return connection


async def send(connection: socket.socket, data: bytes) -> None:
    left = memoryview(data)
    with anyio.fail_after(30):
        while left:
            try:
                left = left[connection.send(left) :]
            except BlockingIOError:
                await anyio.wait_writable(connection)


async def received(connection: socket.socket, until: bytes | None) -> bytes:
    got = b""
    with anyio.fail_after(30):
        while until is None or until not in got:
            await anyio.wait_readable(connection)
            try:
                data = connection.recv(65536)
            except ConnectionResetError:
                break
            if not data:
                break
            got += data
    if until is None:
        connection.close()
    return got
