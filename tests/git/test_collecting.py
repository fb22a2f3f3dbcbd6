"""Which tests a commit collects, asked of pytest on a fresh checkout of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.engine import FakeEngine
from tests.fakes.selfmade import NO_PLUGINS, Selfmade, make_seed, selfmade

from att.bootstrap.collecting import COMMAND, Collector
from att.kernel.errors import AttError

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Selfmade]:
    async with selfmade(tmp_path, FakeEngine(base=make_seed(tmp_path))) as made:
        await made.project.register()
        yield made


def collector(world: Selfmade, command: str = COMMAND) -> Collector:
    repositories, tasks = world.forge.repositories, world.tasks
    return Collector(world.project, world.source, repositories, world.agents, tasks, command=command)  # type: ignore[arg-type]  # the part that checks need


async def test_pytest_says_which_tests_a_commit_has_lost(world: Selfmade, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NO_PLUGINS.items():
        monkeypatch.setenv(name, value)
    place, base = await world.project.place(), world.engine.base
    await world.agents.of(place).call("git.branch", name="less", start="main", switch=True)
    (place.work / "tests/unit/words/test_said.py").write_text("def test_more() -> None:\n    assert True\n")
    made = await world.agents.of(place).call(
        "git.commit", message="Less", all=True, key="k", name="ann", email="ann@example.org"
    )
    await world.forge.repositories.push(place, branch="less", commit=made["commit"])
    asked = collector(world)
    lost = await asked.dropped(base, made["commit"], "refs/heads/less")
    assert lost == ("tests/unit/words/test_said.py::test_something_is_said",)
    started = len(world.tasks.started)
    assert await asked.dropped(base, base, "refs/heads/main") == ()
    assert len(world.tasks.started) == started


async def test_tests_that_cannot_be_listed_are_told_with_the_last_line(world: Selfmade) -> None:
    with pytest.raises(AttError) as refused:
        await collector(world, "echo it broke; exit 2").dropped(world.engine.base, world.engine.base, "refs/heads/main")
    assert (refused.value.code, "it broke" in refused.value.detail) == ("tests_uncollectable", True)
    assert await world.tasks.tasks(await world.project.place()) == []
