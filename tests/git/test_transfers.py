"""What a transfer's task leaves is the project's: the forge takes what was asked for and is whole, and nothing else."""

import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.forging import Forging, forging, plain_git
from tests.fakes.sandboxes import MemorySandboxes, Task

from att.egress.grants import Grants
from att.forge.bare import Bare
from att.forge.transfers import Transfers
from att.kernel.errors import AttError
from att.projects.ports import Login
from att.workspace.place import Place
from att.workspace.schema import Ending, TaskKind, TaskSpec
from att.workspace.transfer import PACK, RESULT, order_of
from att.workspace.way_out import WayOut

pytestmark = pytest.mark.anyio
URL = "https://git.test/up.git"
INTO = ("refs/remotes/up/",)


class World:
    """A bare repository, and tasks that leave what the test says."""

    def __init__(self, forged: Forging) -> None:
        self.place: Place = forged.place
        self.bare = Bare(forged.bare)
        self.forged = forged
        self.sandboxes = MemorySandboxes()
        way_out = WayOut(Grants.__new__(Grants), lambda: ["demo=git.test"])
        self.transfers = Transfers(self.sandboxes, way_out)
        self.specs: list[TaskSpec] = []
        self.leave: Callable[[Path], None] = lambda _: None
        self.ending = Ending.EXITED
        self.sandboxes.on_start = self._started

    def _started(self, task: Task) -> None:
        self.specs.append(task.spec)
        out = self.place.task(task.spec.task_id) / "out"
        out.mkdir(parents=True)
        self.leave(out)
        task.end(0, self.ending)

    async def fetch(self) -> None:
        await self.transfers.fetch(self.place, self.bare, URL, None, ["+refs/heads/*:refs/remotes/up/*"], INTO)


def result(out: Path, **values: Any) -> None:
    found = {"code": 0, "out": "", "errors": "", "head": None, "refs": {}, **values}
    (out / RESULT).write_text(json.dumps(found))


def pack_of(folder: Path) -> bytes:
    plain_git(folder, "pack-objects", "--revs", "--all", "--quiet", str(folder / "made"))
    return next(folder.glob("made-*.pack")).read_bytes()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with forging(tmp_path) as made:
        yield World(made)


@pytest.fixture
def foreign(tmp_path: Path) -> tuple[str, bytes]:
    """A commit that the forge has not, and the pack with it."""
    work = tmp_path / "foreign"
    work.mkdir()
    plain_git(work, "init", "--quiet")
    (work / "theirs.txt").write_text("theirs\n")
    plain_git(work, "add", ".")
    plain_git(work, "commit", "--quiet", "-m", "Theirs")
    commit = plain_git(work, "rev-parse", "HEAD").strip()
    return commit, pack_of(work)


async def test_refs_that_were_asked_for_are_taken_and_others_are_not(world: World, foreign: tuple[str, bytes]) -> None:
    commit, pack = foreign
    before = await world.bare.refs()

    def leave(out: Path) -> None:
        (out / PACK).write_bytes(pack)
        names = ("refs/remotes/up/trunk", "refs/heads/main", "refs/remotes/other/x", "refs/remotes/up/a b")
        odd = {"refs/remotes/up/x\0" + commit + "\0\0update refs/heads/main": commit, "refs/remotes/up/odd": "HEAD"}
        result(out, refs={**dict.fromkeys(names, commit), **odd})

    world.leave = leave
    await world.fetch()
    assert await world.bare.refs() == {**before, "refs/remotes/up/trunk": commit}


async def test_a_ref_to_what_did_not_come_is_refused_and_nothing_is_taken(
    world: World, foreign: tuple[str, bytes]
) -> None:
    commit, _ = foreign
    before = await world.bare.refs()
    world.leave = lambda out: result(out, refs={"refs/remotes/up/trunk": commit})
    with pytest.raises(AttError) as refused:
        await world.fetch()
    assert refused.value.code == "git_failed"
    assert await world.bare.refs() == before


@pytest.mark.parametrize("cut", [13, 40, -1])
async def test_a_pack_that_is_not_whole_is_refused(world: World, foreign: tuple[str, bytes], cut: int) -> None:
    commit, pack = foreign

    def leave(out: Path) -> None:
        (out / PACK).write_bytes(pack[:cut])
        result(out, refs={"refs/remotes/up/trunk": commit})

    world.leave = leave
    with pytest.raises(AttError) as refused:
        await world.fetch()
    assert refused.value.code == "git_failed"


def _nothing(out: Path) -> None:
    return None


def _damaged(out: Path) -> None:
    (out / RESULT).write_text("{")


def _wrong(out: Path) -> None:
    (out / RESULT).write_text('{"code": 0, "refs": [1]}')


def _link(out: Path) -> None:
    elsewhere = out.parent / "elsewhere.json"
    elsewhere.write_text(json.dumps({"code": 0, "out": "", "errors": "", "head": None, "refs": {}}))
    (out / RESULT).symlink_to(elsewhere)


def _pipe(out: Path) -> None:
    os.mkfifo(out / RESULT)


@pytest.mark.parametrize("leave", [_nothing, _damaged, _wrong, _link, _pipe])
async def test_a_result_that_is_none_is_refused(world: World, leave: Callable[[Path], None]) -> None:
    world.leave = leave
    with pytest.raises(AttError) as refused:
        await world.fetch()
    assert refused.value.code == "git_failed"


async def test_a_transfer_that_takes_too_long_is_told_as_such(world: World) -> None:
    world.ending = Ending.TIMED_OUT
    with pytest.raises(AttError) as refused:
        await world.fetch()
    assert refused.value.code == "git_timeout"


async def test_the_login_travels_on_standard_input_alone(world: World) -> None:
    world.leave = lambda out: result(out, code=1, errors="fatal: x")
    ended = await world.transfers.push(world.place, URL, Login("ann", "s3cret"), "a:refs/heads/b")
    [spec] = world.specs
    assert (ended.code, ended.errors) == (1, "fatal: x")
    assert spec.kind is TaskKind.TRANSFER
    assert (order_of(spec.stdin).username, order_of(spec.stdin).secret) == ("ann", "s3cret")
    assert "s3cret" not in repr(spec)
    assert "s3cret" not in f"{spec.command}{spec.environment}{spec.secrets}"
    assert "s3cret" not in repr(order_of(spec.stdin))


@pytest.mark.parametrize("ending", [None, Ending.EXITED])
async def test_nothing_of_it_is_left_nor_of_one_whose_process_died_though_it_runs(
    world: World, ending: Ending | None
) -> None:
    world.leave = result
    world.sandboxes.on_start = lambda task: task.end(0, ending) if ending else None
    left = TaskSpec(task_id="transfer_left", kind=TaskKind.TRANSFER, command=("true",))
    other = TaskSpec(task_id="test_left", kind=TaskKind.TEST, command=("true",))
    for spec in (left, other):
        await world.sandboxes.start(world.place, spec)
    world.sandboxes.on_start = world._started
    await world.fetch()
    assert [task.task_id for task in await world.sandboxes.tasks(world.place)] == ["test_left"]
