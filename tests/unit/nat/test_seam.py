import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from tests.where import ON_APPLIANCE

from att.appliance import facts, release_root
from att.kernel.errors import AttError, Failed, TooMany, Unavailable
from att.nat import seam as module
from att.nat.place import nat_python
from att.nat.seam import QUESTIONS_MAX, NatSeam

pytestmark = pytest.mark.anyio

READY = 'print(json.dumps({"ready": {"nat": "1"}}), flush=True)\n'
ECHO = """
for line in sys.stdin:
    asked = json.loads(line)
    with open(sys.argv[0] + ".asked", "a") as file:
        file.write(asked["verb"] + "\\n")
    answer(asked)
"""
GOOD = """
def answer(asked):
    verb, number = asked["verb"], asked["id"]
    if verb == "die" or (verb == "die once" and open(sys.argv[0] + ".asked").read().count(verb) == 1):
        os._exit(3)
    if verb == "hang":
        time.sleep(600)
    told = {"id": number, "result": {"pid": os.getpid(), **asked["arguments"]}}
    told |= {"refuse": {"error": "no"}, "other": {"id": 77}, "nothing": {"result": 3}}.get(verb, {})
    print({"text": "no JSON", "list": "[]"}.get(verb, json.dumps(told)), flush=True)
"""


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], Path]:
    """Make an interpreter that is the worker, whatever it is asked to run."""

    def make(body: str) -> Path:
        file = tmp_path / "python"
        file.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{body}")
        file.chmod(0o755)
        return file

    return make


@asynccontextmanager
async def running(python: Path) -> AsyncIterator[NatSeam]:
    seam = NatSeam(python)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(seam.run)
        yield seam
        tasks.cancel_scope.cancel()


def asked(python: Path) -> list[str]:
    return Path(f"{python}.asked").read_text().splitlines()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_one_worker_answers_all_questions_and_dies_with_the_service(make: Callable[[str], Path]) -> None:
    async with running(make(GOOD + READY + ECHO)) as seam:
        assert seam.pid is None, "it is not started before somebody asks"
        first = await seam.ask("echo", {"a": 1})
        second = await seam.ask("echo", {"b": "ä\n"})
        assert first == {"pid": seam.pid, "a": 1}
        assert second == {"pid": seam.pid, "b": "ä\n"}
        assert seam.version == {"nat": "1"}
        pid = first["pid"]
    assert not alive(pid)


async def test_a_woken_worker_is_ready_before_anybody_asks(make: Callable[[str], Path]) -> None:
    async with running(make(GOOD + READY + ECHO)) as seam:
        seam.wake()
        with anyio.fail_after(20):
            while seam.pid is None:
                await anyio.lowlevel.checkpoint()


async def test_a_worker_killed_between_questions_is_replaced_and_nobody_notices(make: Callable[[str], Path]) -> None:
    async with running(make(GOOD + READY + ECHO)) as seam:
        pid = (await seam.ask("echo", {}))["pid"]
        os.kill(pid, signal.SIGKILL)
        assert (await seam.ask("echo", {}))["pid"] != pid


async def test_a_worker_that_dies_over_a_question_is_asked_again_once(make: Callable[[str], Path]) -> None:
    python = make(GOOD + READY + ECHO)
    async with running(python) as seam:
        assert (await seam.ask("die once", {"a": 1}))["a"] == 1
        with pytest.raises(Failed, match="dies of it"):
            await seam.ask("die", {})
        assert asked(python)[-2:] == ["die", "die"]
        assert (await seam.ask("echo", {"a": 2}))["a"] == 2


@pytest.mark.parametrize("verb", ["other", "nothing", "text", "list"])
async def test_a_worker_that_answers_nonsense_is_replaced(make: Callable[[str], Path], verb: str) -> None:
    async with running(make(GOOD + READY + ECHO)) as seam:
        with pytest.raises(Failed) as caught:
            await seam.ask(verb, {})
        assert caught.value.code == "nat_failed"
        assert await seam.ask("echo", {})


async def test_what_the_worker_cannot_answer_is_told_and_it_lives_on(make: Callable[[str], Path]) -> None:
    async with running(make(GOOD + READY + ECHO)) as seam:
        pid = (await seam.ask("echo", {}))["pid"]
        with pytest.raises(Failed, match="cannot refuse: no"):
            await seam.ask("refuse", {})
        assert (await seam.ask("echo", {}))["pid"] == pid


async def test_a_worker_that_hangs_is_killed(make: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.5)
    async with running(make(GOOD + READY + ECHO)) as seam:
        seam.wake()
        with pytest.raises(Unavailable, match="took more than"):
            await seam.ask("hang", {})
        monkeypatch.setattr(module, "ANSWER_SECONDS", 30.0)
        assert await seam.ask("echo", {})


@pytest.mark.parametrize(
    "body",
    ["sys.exit(7)", "print('hello', flush=True)\n", "print('[]', flush=True)", "raise SystemExit('no such thing')"],
)
async def test_without_a_worker_callers_are_told_at_once(make: Callable[[str], Path], body: str) -> None:
    async with running(make(body)) as seam:
        with pytest.raises(Unavailable) as caught:
            await seam.ask("echo", {})
        assert caught.value.code == "nat_unavailable"


async def test_a_missing_interpreter_is_named(tmp_path: Path) -> None:
    async with running(tmp_path / "no-python") as seam:
        with pytest.raises(Unavailable, match="no-python"):
            await seam.ask("echo", {})


async def test_who_asks_while_it_starts_is_told_so_after_a_while(make: Callable[[str], Path]) -> None:
    async with running(make("time.sleep(600)")) as seam:
        with pytest.raises(Unavailable, match="starting"):
            await seam.ask("echo", {}, patience_seconds=0.2)


async def test_a_question_given_up_is_not_asked(make: Callable[[str], Path]) -> None:
    python = make("open(sys.argv[0] + '.go').read()\n" + GOOD + READY + ECHO)
    os.mkfifo(f"{python}.go")
    async with running(python) as seam:
        with pytest.raises(Unavailable):
            await seam.ask("forgotten", {}, patience_seconds=0.1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(seam.ask, "echo", {})
            await anyio.to_thread.run_sync(Path(f"{python}.go").write_text, "go")
        assert asked(python) == ["echo"]


async def test_too_many_questions_are_refused(make: Callable[[str], Path]) -> None:
    ended: list[AttError] = []

    async def ask(seam: NatSeam) -> None:
        try:
            await seam.ask("echo", {}, patience_seconds=0.5)
        except AttError as error:
            ended.append(error)

    seam = NatSeam(make("time.sleep(600)"))
    async with anyio.create_task_group() as tasks:
        for _ in range(QUESTIONS_MAX + 3):
            tasks.start_soon(ask, seam)
    assert sum(isinstance(error, TooMany) for error in ended) == 3
    assert sum(isinstance(error, Unavailable) for error in ended) == QUESTIONS_MAX


async def test_when_the_service_ends_nobody_waits(make: Callable[[str], Path]) -> None:
    async with running(make(GOOD + READY + ECHO)) as seam:
        await seam.ask("echo", {})
    with pytest.raises(Unavailable, match="ending"):
        await seam.ask("echo", {})


@pytest.mark.skipif(ON_APPLIANCE, reason="a release runs here")
def test_nats_python_is_the_releases_own_or_the_checkouts() -> None:
    where = facts()
    assert nat_python(where) == release_root() / ".nat" / "bin" / "python"
    installed = replace(where, paths=replace(where.paths, releases=release_root().parent))
    assert nat_python(installed) == release_root() / "nat" / "bin" / "python"
