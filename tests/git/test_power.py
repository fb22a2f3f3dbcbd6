"""The power fails right after git said that something was done: it is there at the next boot, and nothing is broken.

What the disk has at a moment is the image below the mounted file system: what the kernel still holds is not in it. The
forge and the worktrees lie on a disk each, with nothing else, so that no other writer makes it durable for them.
"""

import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.crash.small_disk import SmallDisk, mounted, small_disk
from tests.fakes.forging import ANN, Forging, Told, forging, plain_git

from att.forge import transport
from att.forge.bare import Bare
from att.forge.merging import Merging
from att.forge.pktline import FLUSH, NOTHING, pkt
from att.forge.schema import PullRequest, PullState
from att.git.schema import PushRequest
from att.workspace.git import durable
from att.workspace.place import Place

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

FILES = 30
ORIGIN = "att://forge/other.git"
AUTHOR = {"name": "ann", "email": "ann@example.org"}


@dataclass
class Disks:
    """The disks of the forge and of the projects."""

    forge: SmallDisk
    projects: SmallDisk


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[Disks]:
    place = tmp_path / "world"
    with (
        small_disk(tmp_path / "forge", place / "forge") as forge,
        small_disk(tmp_path / "projects", place / "projects") as projects,
    ):
        yield Disks(forge, projects)


@pytest.fixture
async def world(tmp_path: Path, disks: Disks) -> AsyncIterator[Forging]:
    async with forging(tmp_path / "world") as made:
        disks.forge.sync()
        disks.projects.sync()
        yield made


@contextmanager
def after_a_power_cut(disk: SmallDisk, of: Path) -> Iterator[Path]:
    """Yield a repository as the next boot finds it."""
    image = Path(shutil.copy2(disk.image, disk.image.with_suffix(".cut")))
    with mounted(image, image.with_suffix(".next")) as folder:
        yield folder / of.relative_to(disk.folder)


def whole(repository: Path) -> None:
    done = subprocess.run(["git", "fsck", "--strict"], cwd=repository, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def in_the_forge(disks: Disks, world: Forging, branch: str) -> str:
    """Return where a branch is after a power cut."""
    with after_a_power_cut(disks.forge, world.bare) as bare:
        whole(bare)
        return plain_git(bare, "--git-dir=.", "rev-parse", branch).strip()


def other_than(world: Forging) -> Place:
    return Place("prj_other", "other", world.place.folder.with_name("other"))


async def open_pull(world: Forging) -> PullRequest:
    await world.branch("rome")
    pulls = world.forge.pulls
    pull = await pulls.create(world.place, ANN, head="rome", base=None, title="Rome", body="")
    await pulls.approve(world.place, ANN, pull.number)
    return pull


def body_of(world: Forging, commit: str, ref: str) -> bytes:
    """Return what git sends when it pushes a commit over HTTP."""
    command = ("git", "pack-objects", "--quiet", "--revs", "--stdout")
    packed = subprocess.run(
        command, cwd=world.place.work, input=f"{commit}\n".encode(), capture_output=True, timeout=30, check=True
    )
    return pkt(f"{NOTHING} {commit} {ref}\0report-status\n".encode()) + FLUSH + packed.stdout


async def push_over_http(world: Forging, commit: str, ref: str) -> bytes:
    """Return the forge's answer."""
    answered = bytearray()

    async def blocks() -> AsyncIterator[bytes]:
        yield body_of(world, commit, ref)

    async def answer(chunk: bytes) -> None:
        answered.extend(chunk)

    judge: transport.Judge = lambda _: {}  # noqa: E731 - everything may be changed
    folder, service = world.bare, transport.Service.PUSH
    await transport.exchange(folder, service, blocks(), answer, protocol=None, judge=judge)
    return bytes(answered)


async def test_a_commit_is_there_with_all_its_files(disks: Disks, world: Forging) -> None:
    for number in range(FILES):
        world.write(f"folder-{number % 3}/file-{number}.txt", f"{number}\n")
    commit = await world.commit("last.txt", "last\n")
    with after_a_power_cut(disks.projects, world.place.work) as work:
        assert plain_git(work, "rev-parse", "HEAD").strip() == commit
        assert plain_git(work, "diff", "--cached", "--name-only") == ""
        whole(work)


async def test_a_branch_that_was_pushed_is_in_the_forge(disks: Disks, world: Forging) -> None:
    commit = await world.branch("towns/rome")
    assert in_the_forge(disks, world, "towns/rome") == commit


async def test_a_branch_that_was_pushed_over_http_is_in_the_forge(disks: Disks, world: Forging) -> None:
    commit = await world.commit("file.txt", "changed\n")
    assert b"ok refs/heads/towns/rome" in await push_over_http(world, commit, "refs/heads/towns/rome")
    assert in_the_forge(disks, world, "towns/rome") == commit


async def test_a_push_asked_for_again_is_in_the_forge_though_the_first_ended_before_it_was_durable(
    disks: Disks, world: Forging, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.agents.of(world.place).call("git.branch", name="rome", start="main", switch=True)
    commit = await world.commit("file.txt", "changed\n")
    with monkeypatch.context() as patch:
        patch.setattr(transport, "settle", lambda *_: None)
        await world.forge.repositories.push(world.place, branch="rome", commit=commit)
    again = await world.git.push(PushRequest(project_id="demo", branch="rome"), Told())
    assert (again.commit, again.changed) == (commit, False)
    assert in_the_forge(disks, world, "rome") == commit


async def test_what_was_merged_is_merged(disks: Disks, world: Forging) -> None:
    pull = await open_pull(world)
    merged = await world.forge.pulls.merge(world.place, ANN, pull.number, message=None)
    assert in_the_forge(disks, world, "main") == merged.merge_commit


async def test_a_merge_found_at_the_next_start_is_durable_before_it_is_told(
    disks: Disks, world: Forging, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull, settled = await open_pull(world), Merging.settled

    async def nothing(*_: Any, **__: Any) -> None:
        return

    async def ends(merging: Merging, one: PullRequest) -> PullRequest:
        if one.state is PullState.MERGING:
            raise InterruptedError
        return await settled(merging, one)

    with monkeypatch.context() as patch:
        patch.setattr(Bare, "settle", nothing)
        patch.setattr(Merging, "settled", ends)
        with pytest.raises(InterruptedError):
            await world.forge.pulls.merge(world.place, ANN, pull.number, message=None)
    await world.forge.pulls.recover()
    found = await world.forge.pulls.show(world.place, pull.number)
    assert found.state is PullState.MERGED
    assert in_the_forge(disks, world, "main") == found.merge_commit


async def test_a_branch_that_was_made_is_checked_out(disks: Disks, world: Forging) -> None:
    await world.agents.of(world.place).call("git.branch", name="towns/rome", start="main", switch=True)
    with after_a_power_cut(disks.projects, world.place.work) as work:
        assert plain_git(work, "symbolic-ref", "HEAD").strip() == "refs/heads/towns/rome"
        assert plain_git(work, "rev-parse", "HEAD") == plain_git(work, "rev-parse", "main")
        whole(work)


async def test_a_branch_that_was_left_is_gone(disks: Disks, world: Forging) -> None:
    agent = world.agents.of(world.place)
    await agent.call("git.branch", name="towns/rome", start="main", switch=True)
    disks.projects.sync()
    await agent.call("git.leave", branch="towns/rome", to="main")
    with after_a_power_cut(disks.projects, world.place.work) as work:
        assert plain_git(work, "branch", "--format=%(refname:short)").split() == ["main"]
        assert plain_git(work, "status", "--porcelain", "--branch").startswith("## main")
        whole(work)


async def test_the_first_commit_of_a_project_is_there(disks: Disks, world: Forging) -> None:
    place = other_than(world)
    place.work.mkdir(parents=True)
    (place.work / "file.txt").write_text("first\n")
    made = await world.agents.of(place).call("git.init", branch="main", origin=ORIGIN, message="First\n", **AUTHOR)
    with after_a_power_cut(disks.projects, place.work) as work:
        assert plain_git(work, "rev-parse", "main").strip() == made["commit"]
        assert plain_git(work, "remote", "get-url", "origin").strip() == ORIGIN
        whole(work)


async def test_a_repository_that_came_with_the_files_is_whole(disks: Disks, world: Forging) -> None:
    place = other_than(world)
    shutil.copytree(world.place.work, place.work)
    made = await world.agents.of(place).call("git.init", branch="main", origin=ORIGIN)
    with after_a_power_cut(disks.projects, place.work) as work:
        assert plain_git(work, "rev-parse", "HEAD").strip() == made["commit"]
        whole(work)


@pytest.mark.parametrize("name", ["../../../other", f"{'a' * 256}/b"])
async def test_a_name_that_git_refuses_is_answered_as_git_answers(world: Forging, name: str) -> None:
    name = f"refs/heads/{name}"
    commit = await world.commit("file.txt", "changed\n")
    answer = await push_over_http(world, commit, name)
    assert f"ng {name}".encode() in answer
    assert await world.forge.head_of("prj_demo", "main") != commit


def test_no_name_leads_out_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(durable, "sync_directory", opened.append)
    repository = tmp_path / "one.git"
    durable.settle(repository, ["refs/heads/main", "refs/../../other/x", "/etc/x", "refs/heads/../../../y"])
    assert set(opened) == {repository, repository / "refs", repository / "refs" / "heads"}
