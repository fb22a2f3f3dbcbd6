"""Pull requests over real repositories."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.forging import ANN, BEA, Forging, forging

from att.forge.schema import PullRequest, PullState
from att.kernel.errors import AttError

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Forging]:
    async with forging(tmp_path) as made:
        yield made


async def opened_pull(world: Forging, branch: str = "towns", **file: str) -> PullRequest:
    await world.branch(branch, **file)
    return await world.forge.pulls.create(world.place, ANN, head=branch, base=None, title="Towns", body="")


async def test_a_pull_request_is_opened_approved_and_merged_once(world: Forging) -> None:
    pull = await opened_pull(world)
    await world.forge.pulls.approve(world.place, BEA, pull.number)

    merged = await world.forge.pulls.merge(world.place, BEA, pull.number, message=None)
    again = await world.forge.pulls.merge(world.place, BEA, pull.number, message=None)

    assert merged.state is again.state is PullState.MERGED
    assert merged.merge_commit == again.merge_commit == await world.forge.head_of("prj_demo", "main")
    assert [line.split("\t")[1] for line in world.reflog("main")] == ["push", f"merge {pull.id}"]
    assert world.bus.types() == ["git.commit", "git.pr.created", "git.pr.merged"]


async def test_a_merge_without_approval_is_refused(world: Forging) -> None:
    pull = await opened_pull(world)
    with pytest.raises(AttError) as refused:
        await world.forge.pulls.merge(world.place, ANN, pull.number, message=None)
    assert refused.value.code == "approval_missing"
