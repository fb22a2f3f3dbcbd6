"""When the platform only reads, what it says then, and that it writes again by itself."""

from pathlib import Path

import anyio
import pytest
from tests.fakes.database import RememberingBus

from att.config.settings import Disk
from att.effects.room import HELD_FILE, MEGABYTE, Room, is_held
from att.kernel.codes import CODES
from att.kernel.errors import Unavailable
from att.machine.disk.guard import FRESH_SECONDS, DiskGuard

pytestmark = pytest.mark.anyio


class World:
    """A guard of two folders on one file system, with a disk and a clock that tests set."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bus, self.now, self.disk = folder, RememberingBus(), 100.0, Disk()
        (folder / "api").mkdir()
        self.room: Room | None = Room(50.0, 9_000 * MEGABYTE)
        self.asked: list[Path] = []
        folders = (folder, folder / "api", folder / "none")
        self.run = folder / "run"
        self.guard = DiskGuard(folders, lambda: self.disk, self.bus, self.run, room=self._room, clock=lambda: self.now)

    def _room(self, path: Path) -> Room | None:
        self.asked.append(path)
        return self.room

    async def at(self, percent: float, inodes_percent: float = 0.0) -> str:
        """Return the code that a write is refused with when the disk is so full, empty when it is not."""
        self.now += FRESH_SECONDS
        self.room = Room(percent, 9_000 * MEGABYTE, inodes_percent)
        try:
            await self.guard.admit()
        except Unavailable as error:
            return error.code
        return ""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_writes_are_refused_from_the_limit_on_and_until_there_is_some_room(world: World) -> None:
    said = [await world.at(percent) for percent in (94.9, 95.0, 94.0, 93.0, 92.9, 94.9)]
    assert said == ["", "disk_full", "disk_full", "disk_full", "", ""]
    assert await world.at(10.0, inodes_percent=97.0) == "disk_inodes"
    world.disk = Disk(limit_percent=100)
    assert await world.at(10.0, inodes_percent=97.0) == ""


async def test_who_looks_at_the_disk_without_the_api_knows_what_it_only_reads(world: World) -> None:
    run, seen = world.run, []
    for percent in (94.9, 95.0, 94.0, 92.9):
        await world.at(percent)
        seen.append(is_held(run, world.folder))
    assert seen == [False, True, True, False]
    assert (run / HELD_FILE).stat().st_mode & 0o444 == 0o444
    await world.at(96.0)
    again = DiskGuard((world.folder,), lambda: world.disk, world.bus, run, room=lambda _: Room(94.0, 9_000 * MEGABYTE))
    await again.admit()
    assert not is_held(run, world.folder), "another process of the API writes at once"


async def test_a_folder_that_takes_no_file_keeps_nobody_from_looking(world: World) -> None:
    world.run.write_text("in the way")
    assert [await world.at(95.0), await world.at(50.0)] == ["disk_full", ""]


async def test_a_refusal_names_the_place_the_figures_and_the_way_out(world: World) -> None:
    await world.at(97.2)
    with pytest.raises(Unavailable) as told:
        await world.guard.admit()
    assert told.value.detail == (
        f"cannot write now: 97 % of the blocks of {world.folder} are used; "
        "from 95 % on ATT only reads, until it is less than 93 %"
    )
    assert told.value.hint == CODES["disk_full"]
    assert "attctl disk show" in told.value.hint


async def test_each_level_is_told_once(world: World) -> None:
    for percent in (10.0, 86.0, 87.0, 96.0, 97.0, 80.0, 80.0):
        await world.at(percent)
    told = [(kind, payload["level"], payload["used_percent"]) for kind, payload in world.bus.published]
    assert told == [("disk.level", "warning", 86.0), ("disk.level", "full", 96.0), ("disk.level", "ok", 80.0)]


async def test_one_file_system_is_asked_once_and_not_for_each_write(world: World) -> None:
    await world.guard.admit()
    await world.guard.admit()
    assert world.asked == [world.folder]
    world.now += FRESH_SECONDS
    await world.guard.admit()
    assert world.asked == [world.folder] * 2


async def test_what_cannot_be_asked_refuses_nothing(world: World) -> None:
    world.room = None
    await world.guard.admit()


async def test_it_looks_without_being_asked(world: World) -> None:
    world.room = Room(99.0, 1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.guard.run)
        with anyio.fail_after(60):
            while not world.bus.published:
                await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert [payload["level"] for _, payload in world.bus.published] == ["full"]
