"""The room of a project's files over the real verbs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from tests.fakes.agents import InProcessAgents
from tests.fakes.database import RememberingBus

from att.code import schema
from att.code.service import Code
from att.kernel.errors import AttError, Conflict, Forbidden, NotFound, TooLarge
from att.workspace.place import Place

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Places:
    """One project, found by its slug."""

    only: Place

    async def place(self, project: str) -> Place:
        if project not in (self.only.slug, self.only.project_id):
            raise NotFound("project_unknown", "cannot find it")
        return self.only

    async def all(self) -> list[Place]:
        return [self.only]

    async def secrets(self, project_id: str) -> Mapping[str, str]:
        raise AssertionError


class Room:
    """The disk's quota; `full` says why nothing more may be written."""

    full: AttError | None = None

    async def require_room(self, place: Place) -> None:
        if self.full:
            raise self.full


class World:
    def __init__(self, folder: Path) -> None:
        self.place = Place("prj_1", "demo", folder)
        self.place.work.mkdir()
        self.bus = RememberingBus()
        self.room = Room()
        self.code = Code(Places(self.place), self.room, InProcessAgents(), self.bus)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_a_written_file_is_read_found_listed_and_announced(world: World) -> None:
    write = schema.FileWrite(project_id="demo", path="src/a.py", content="needle = 1\n")
    assert (await world.code.write(write)).created

    read = await world.code.read(schema.FileRead(project_id="demo", path="src/a.py"))
    found = await world.code.search(schema.SearchRequest(project_id="prj_1", query="needle"))
    tree = await world.code.tree(schema.TreeRequest(project_id="demo"))

    assert read.content == "needle = 1\n"
    assert [(match.path, match.line) for match in found.matches] == [("src/a.py", 1)]
    assert [entry.path for entry in tree.entries] == ["src", "src/a.py"]
    assert world.bus.published == [("code.changed", {"path": "src/a.py", "change": "created"})]


async def test_a_full_project_is_written_no_more_and_may_be_cleared(world: World) -> None:
    await world.code.write(schema.FileWrite(project_id="demo", path="a", content="one"))
    world.room.full = TooLarge("quota_reached", "cannot write to demo: it is full")
    with pytest.raises(TooLarge, match="full"):
        await world.code.write(schema.FileWrite(project_id="demo", path="a", content="two"))
    assert (await world.code.read(schema.FileRead(project_id="demo", path="a"))).content == "one"
    assert (await world.code.delete(schema.FileDelete(project_id="demo", path="a"))).path == "a"


async def test_every_change_is_announced_and_a_refused_one_is_not(world: World) -> None:
    for content in ("one", "two"):
        await world.code.write(schema.FileWrite(project_id="demo", path="a", content=content))
    await world.code.move(schema.FileMove(project_id="demo", path="a", target="b"))
    with pytest.raises(NotFound):
        await world.code.delete(schema.FileDelete(project_id="demo", path="a"))
    with pytest.raises(Conflict):
        await world.code.write(schema.FileWrite(project_id="demo", path="b", content="x", expected="absent"))
    await world.code.delete(schema.FileDelete(project_id="demo", path="b"))

    assert [payload for _, payload in world.bus.published] == [
        {"path": "a", "change": "created"},
        {"path": "a", "change": "written"},
        {"path": "a", "change": "moved", "target": "b"},
        {"path": "b", "change": "deleted"},
    ]


async def test_a_path_outside_the_project_is_refused(world: World) -> None:
    with pytest.raises(Forbidden) as refused:
        await world.code.read(schema.FileRead(project_id="demo", path="../../etc/passwd"))
    assert refused.value.code == "path_outside"


async def test_a_project_that_is_unknown_is_told(world: World) -> None:
    with pytest.raises(NotFound) as refused:
        await world.code.tree(schema.TreeRequest(project_id="other"))
    assert refused.value.code == "project_unknown"


async def test_a_watch_tells_its_place_and_goes_on_from_there(world: World) -> None:
    (start,) = [change async for change in world.code.watch(schema.WatchRequest(project_id="demo"))]
    assert start.kind is schema.ChangeKind.START
    await world.code.write(schema.FileWrite(project_id="demo", path="a", content="x"))

    request = schema.WatchRequest(project_id="demo", cursor=start.cursor)
    changes = [change async for change in world.code.watch(request)]

    assert [(change.path, change.kind) for change in changes] == [("a", schema.ChangeKind.FILE)]
    again = schema.WatchRequest(project_id="demo", cursor=changes[-1].cursor)
    assert [change async for change in world.code.watch(again)] == []


async def test_who_follows_is_told_of_changes_as_they_happen(world: World) -> None:
    seen: list[str] = []
    begun = anyio.Event()

    async def follow() -> None:
        async for change in world.code.watch(schema.WatchRequest(project_id="demo", follow=True)):
            begun.set()
            seen.append(change.path)
            if change.path == "b":
                return

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(follow)
            await begun.wait()
            await world.code.write(schema.FileWrite(project_id="demo", path="a", content="x"))
            await world.code.write(schema.FileWrite(project_id="demo", path="b", content="x"))
    assert seen == ["", "a", "b"]
