"""ATT's own repository as project `att`: made of the seed once, with its history, kept for good."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.forging import ANN, plain_git
from tests.fakes.selfmade import FILES, Selfmade, make_seed, selfmade

from att.bootstrap.project import RULES
from att.forge.bare import Bare
from att.git.schema import LogRequest
from att.kernel.errors import AttError
from att.projects.decision import ProjectStatus
from att.projects.making import Wish

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Selfmade]:
    async with selfmade(tmp_path) as made:
        yield made


async def test_it_is_made_of_the_seed_with_its_history_and_tags(world: Selfmade) -> None:
    commit = make_seed(world.folder)
    place = await world.project.register()

    bare = Bare(await world.bare())
    assert place.slug == "att"
    assert await bare.refs() == {"refs/heads/main": commit, "refs/tags/v0.1.0": await bare.commit_of("v0.1.0")}
    log = await world.git.log(LogRequest(project_id="att"))
    assert [one.message for one in log.commits] == ["Second\n", "First\n"]
    assert {path: (place.work / path).read_text() for path in FILES} == FILES
    assert (await world.git.status("att")).clean
    plain_git(bare.folder, "--git-dir=.", "fsck", "--strict")


async def test_nobody_pushes_to_its_main_nor_approves_what_is_his_own(world: Selfmade) -> None:
    make_seed(world.folder)
    place = await world.project.register()
    assert await world.forge.policy(place.project_id) == RULES
    assert RULES.protected == ("main",)
    assert not RULES.author_may_approve


async def test_registering_again_changes_nothing(world: Selfmade) -> None:
    make_seed(world.folder)
    first = await world.project.register()
    await world.project.run()
    assert await world.project.register() == first
    assert [row.slug for row in (await world.projects.list()).projects] == ["att"]


async def test_what_an_interruption_left_half_made_is_made_whole(world: Selfmade) -> None:
    make_seed(world.folder)
    good = (world.folder / "att.bundle").read_bytes()
    (world.folder / "att.bundle").write_bytes(good[:-100])
    with pytest.raises(AttError) as broken:
        await world.project.register()
    assert broken.value.code == "git_failed"
    assert (await world.projects.list()).projects == []

    (world.folder / "att.bundle").write_bytes(good)
    assert (await world.project.register()).slug == "att"


async def test_without_a_seed_there_is_none(world: Selfmade) -> None:
    await world.project.run()
    with pytest.raises(AttError) as missing:
        await world.project.place()
    assert missing.value.code == "seed_missing"


async def test_its_short_name_is_kept_for_it_and_it_is_never_deleted(world: Selfmade) -> None:
    async def fill(_: object) -> None:
        raise AssertionError("nothing is made")

    with pytest.raises(AttError) as taken:
        await world.projects.makers.make(Wish("ATT", ProjectStatus.CREATED, ANN), fill)
    assert taken.value.code == "name_taken"
    make_seed(world.folder)
    await world.project.register()
    with pytest.raises(AttError) as kept:
        await world.projects.delete("att")
    assert kept.value.code == "project_own"
