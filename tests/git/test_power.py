"""The power fails right after git said that something was done: it is there at the next boot, and nothing is broken.

What the disk has at a moment is the image below the mounted file system: what the kernel still holds is not in it.
"""

import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.crash.small_disk import SmallDisk, mounted, small_disk
from tests.fakes.forging import ANN, Forging, forging, plain_git

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

FILES = 30


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path) as made:
        yield made


@pytest.fixture
async def world(disk: SmallDisk) -> AsyncIterator[Forging]:
    async with forging(disk.folder) as made:
        disk.sync()
        yield made


@contextmanager
def after_a_power_cut(disk: SmallDisk, world: Forging) -> Iterator[tuple[Path, Path]]:
    """Yield the worktree and the forge's repository as the next boot finds them."""
    image = Path(shutil.copy2(disk.image, disk.image.with_suffix(".cut")))
    with mounted(image, disk.folder.with_name("next")) as folder:
        yield folder / world.place.work.relative_to(disk.folder), folder / world.bare.relative_to(disk.folder)


def whole(repository: Path) -> None:
    done = subprocess.run(["git", "fsck", "--strict"], cwd=repository, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


async def test_a_commit_is_there_with_all_its_files(disk: SmallDisk, world: Forging) -> None:
    for number in range(FILES):
        world.write(f"folder-{number % 3}/file-{number}.txt", f"{number}\n")
    commit = await world.commit("last.txt", "last\n")
    with after_a_power_cut(disk, world) as (work, _):
        assert plain_git(work, "rev-parse", "HEAD").strip() == commit
        assert plain_git(work, "diff", "--cached", "--name-only") == ""
        whole(work)


async def test_a_branch_that_was_pushed_is_in_the_forge(disk: SmallDisk, world: Forging) -> None:
    commit = await world.branch("towns/rome")
    with after_a_power_cut(disk, world) as (_, bare):
        assert plain_git(bare, "--git-dir=.", "rev-parse", "towns/rome").strip() == commit
        whole(bare)


async def test_what_was_merged_is_merged(disk: SmallDisk, world: Forging) -> None:
    await world.branch("rome")
    pulls = world.forge.pulls
    pull = await pulls.create(world.place, ANN, head="rome", base=None, title="Rome", body="")
    await pulls.approve(world.place, ANN, pull.number)
    merged = await pulls.merge(world.place, ANN, pull.number, message=None)
    with after_a_power_cut(disk, world) as (_, bare):
        assert plain_git(bare, "--git-dir=.", "rev-parse", "main").strip() == merged.merge_commit
        whole(bare)


async def test_a_branch_that_was_made_is_checked_out(disk: SmallDisk, world: Forging) -> None:
    await world.agents.of(world.place).call("git.branch", name="towns/rome", start="main", switch=True)
    with after_a_power_cut(disk, world) as (work, _):
        assert plain_git(work, "symbolic-ref", "HEAD").strip() == "refs/heads/towns/rome"
        assert plain_git(work, "rev-parse", "HEAD") == plain_git(work, "rev-parse", "main")
        whole(work)
