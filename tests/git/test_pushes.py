"""Pushes and fetches between a worktree and the forge, and what becomes of them when something dies in between."""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.fakes.agents import InProcessAgent, InProcessAgents
from tests.fakes.forging import ANN, Forging, Told, forging, over, plain_git

from att.forge import transport
from att.forge.schema import Policy
from att.git import schema
from att.kernel.errors import AttError, Unavailable
from att.workspace.place import Place

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Forging]:
    async with forging(tmp_path) as made:
        yield made


def push_of(**values: Any) -> schema.PushRequest:
    return schema.PushRequest.model_validate({"project_id": "demo", **values})


async def on_branch(world: Forging, name: str, content: str = "changed\n") -> str:
    await world.agents.of(world.place).call("git.branch", name=name, start="main", switch=True)
    return await world.commit("file.txt", content)


async def refusal(world: Forging, request: schema.PushRequest, memory: Mapping[str, Any] | None = None) -> AttError:
    with pytest.raises(AttError) as refused:
        await world.git.push(request, Told(memory))
    return refused.value


async def test_the_first_commit_is_in_the_forge_and_is_what_the_worktree_follows(world: Forging) -> None:
    status = await world.git.status("demo")
    assert await world.forge.head_of("prj_demo", "main") == status.commit
    assert plain_git(world.place.work, "remote", "get-url", "origin").strip() == "att://forge/demo.git"


async def test_making_the_repository_again_changes_nothing(world: Forging) -> None:
    before = world.reflog("main")
    await world.forge.create(world.place)
    assert world.reflog("main") == before


async def test_a_pushed_branch_is_in_the_forge_once(world: Forging) -> None:
    commit = await on_branch(world, "towns")
    first = await world.git.push(push_of(), Told())
    second = await world.git.push(push_of(), Told())
    assert (first.branch, first.commit, first.changed, second.changed) == ("towns", commit, True, False)
    assert len(world.reflog("towns")) == 1
    status = await world.git.status("demo")
    assert (status.upstream, status.ahead) == ("origin/towns", 0)


async def test_a_job_that_was_killed_after_its_push_pushes_no_second_time_and_no_newer_commit(world: Forging) -> None:
    commit = await on_branch(world, "towns")
    job = Told()
    await world.git.push(push_of(), job)
    await world.commit("file.txt", "newer\n")
    resumed = await world.git.push(push_of(), Told(job.memory))
    assert (resumed.commit, resumed.changed) == (commit, True)
    assert await world.forge.head_of("prj_demo", "towns") == commit
    assert len(world.reflog("towns")) == 1


async def test_what_a_killed_git_logged_before_it_moved_the_branch_counts_as_no_move(world: Forging) -> None:
    commit = await on_branch(world, "towns")
    await world.git.push(push_of(), Told())
    log = world.bare / "logs" / "refs" / "heads" / "towns"
    pushed = log.read_text()
    log.write_text(pushed + pushed)
    assert world.reflog("towns") == ["push"]
    log.write_text(pushed.replace(commit, "f" * 40) + pushed)
    assert world.reflog("towns") == ["push"]
    log.write_text(pushed.replace(commit, "f" * 40))
    assert world.reflog("towns") == []


async def test_a_protected_branch_is_not_pushed_to(world: Forging) -> None:
    await world.commit("file.txt", "straight to main\n")
    refused = await refusal(world, push_of())
    assert (refused.code, refused.field) == ("branch_protected", "branch")
    assert len(world.reflog("main")) == 1


async def test_a_policy_may_open_main_and_protect_others(world: Forging) -> None:
    await world.forge.set_policy("prj_demo", Policy(protected=("release/*",)))
    await world.commit("file.txt", "straight to main\n")
    assert (await world.git.push(push_of(), Told())).changed
    await on_branch(world, "release/1")
    assert (await world.git.push(push_of(), Told())).changed, "a protected branch may be made"
    await world.commit("file.txt", "more\n")
    assert (await refusal(world, push_of())).code == "branch_protected"


async def test_a_branch_that_moved_there_is_not_replaced_unless_forced(world: Forging) -> None:
    theirs = await on_branch(world, "towns", "theirs\n")
    await world.git.push(push_of(), Told())
    plain_git(world.place.work, "reset", "--quiet", "--hard", "main")
    ours = await world.commit("file.txt", "ours\n")
    refused = await refusal(world, push_of())
    assert refused.code == "push_rejected"
    assert await world.forge.head_of("prj_demo", "towns") == theirs
    forced = await world.git.push(push_of(force=True), Told())
    assert forced.commit == await world.forge.head_of("prj_demo", "towns") == ours


async def test_a_forced_push_replaces_only_what_its_first_run_saw(world: Forging) -> None:
    await on_branch(world, "towns", "one\n")
    await world.git.push(push_of(), Told())
    seen = await world.forge.head_of("prj_demo", "towns")
    await world.commit("file.txt", "two\n")
    await world.git.push(push_of(), Told())
    plain_git(world.place.work, "reset", "--quiet", "--hard", "main")
    ours = await world.commit("file.txt", "ours\n")
    refused = await refusal(world, push_of(force=True), {"branch": "towns", "commit": ours, "expected": seen})
    assert refused.code == "push_rejected"


async def test_a_branch_that_is_not_there_is_not_pushed(world: Forging) -> None:
    assert (await refusal(world, push_of(branch="none"))).code == "ref_unknown"


async def test_a_remote_without_a_name_here_is_refused(world: Forging) -> None:
    assert (await refusal(world, push_of(remote="upstream"))).code == "remote_missing"


async def test_a_project_without_a_repository_in_the_forge_is_told_so(world: Forging) -> None:
    await world.forge.remove("prj_demo")
    assert (await refusal(world, push_of())).code == "remote_missing"


async def test_many_small_files_are_packed_and_nothing_is_lost(world: Forging) -> None:
    commit = await world.branch("towns")
    bare = world.forge.repositories.of("prj_demo")
    assert await bare.tidy() is False
    assert await bare.tidy(loose_max=0) is True
    assert await bare.tidy(loose_max=0) is False
    assert await bare.commit_of("refs/heads/towns") == commit
    plain_git(world.bare, "--git-dir=.", "fsck", "--strict")


class Flaky(InProcessAgents):
    """Agents whose next streams fail."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures

    def of(self, place: Place) -> "FlakyAgent":
        return FlakyAgent(place, self)


class FlakyAgent(InProcessAgent):
    def __init__(self, place: Place, agents: Flaky) -> None:
        super().__init__(place, agents.called)
        self._agents = agents

    @asynccontextmanager
    async def stream(self, verb: str, **arguments: Any) -> AsyncIterator[Any]:
        if self._agents.failures:
            self._agents.failures -= 1
            raise Unavailable("agent_unreachable", "cannot reach the agent")
        async with super().stream(verb, **arguments) as connection:
            yield connection


@pytest.mark.parametrize(("failures", "pauses"), [(1, [1.0]), (3, [1.0, 2.0, 4.0])])
async def test_what_fails_on_the_way_is_tried_again(world: Forging, failures: int, pauses: list[float]) -> None:
    await on_branch(world, "towns")
    world.forge.repositories._agents = Flaky(failures)
    assert (await world.git.push(push_of(), Told())).changed
    assert world.pauses == pauses


class Dying(InProcessAgents):
    """Agents of which the first that pushes dies over it."""

    dies = True

    def of(self, place: Place) -> "DyingAgent":
        return DyingAgent(place, self)


class DyingAgent(InProcessAgent):
    def __init__(self, place: Place, agents: Dying) -> None:
        super().__init__(place, agents.called)
        self._agents = agents

    @asynccontextmanager
    async def stream(self, verb: str, **arguments: Any) -> AsyncIterator[Any]:
        async with super().stream(verb, **arguments) as connection:
            if verb == "git.push" and self._agents.dies:
                self._agents.dies = False
                connection.shutdown(socket.SHUT_RDWR)
            yield connection


async def test_a_push_whose_agent_dies_over_it_ends_at_once_and_is_made_once(world: Forging) -> None:
    commit = await on_branch(world, "towns")
    world.forge.repositories._agents = Dying()
    with anyio.fail_after(transport.END_SECONDS_MAX / 2):
        pushed = await world.git.push(push_of(), Told())
    assert (pushed.commit, pushed.changed, world.pauses) == (commit, True, [1.0])
    assert len(world.reflog("towns")) == 1


async def test_a_push_says_that_it_changed_something_whichever_of_its_tries_did(world: Forging) -> None:
    commit = await on_branch(world, "towns")
    before = Told()
    await world.git._plan(world.place, push_of(), before)
    await world.forge.repositories.push(world.place, branch="towns", commit=commit)
    assert (await world.git.push(push_of(), Told(before.memory))).changed
    assert not (await world.git.push(push_of(), Told())).changed


async def test_what_a_git_left_that_died_is_cleared_and_what_a_living_one_holds_is_not(world: Forging) -> None:
    left = world.bare / "refs" / "heads" / "towns.lock"
    left.touch()
    again = over(
        world.folder, world.store, world.place, world.agents, world.tasks, world.bus, world.clock
    ).forge.repositories
    assert await (await again.there("prj_demo")).commit_of("refs/heads/towns") is None
    assert not left.exists()
    left.touch()
    await again.there("prj_demo")
    await again.tidy_all()
    assert left.exists()


async def test_after_three_more_tries_it_gives_up(world: Forging) -> None:
    await on_branch(world, "towns")
    world.forge.repositories._agents = Flaky(4)
    assert (await refusal(world, push_of())).code == "agent_unreachable"
    assert world.pauses == [1.0, 2.0, 4.0]


async def test_a_refusal_is_not_tried_again(world: Forging) -> None:
    await world.commit("file.txt", "straight to main\n")
    await refusal(world, push_of())
    assert world.pauses == []


async def test_a_fetch_brings_what_others_pushed_and_leaves_the_files(world: Forging) -> None:
    pull = await other_merge(world)
    world.write("file.txt", "mine\n")
    fetched = await world.git.fetch(schema.FetchRequest(project_id="demo"), Told())
    assert any("origin/main" in line for line in fetched.updates)
    log = await world.git.log(schema.LogRequest(project_id="demo", ref="origin/main", limit=1))
    assert log.commits[0].commit == pull
    assert (world.place.work / "file.txt").read_text() == "mine\n"


async def other_merge(world: Forging) -> str | None:
    """Merge something into main that the worktree has not seen."""
    await world.branch("other", "other.txt")
    pull = await world.forge.pulls.create(world.place, ANN, head="other", base=None, title="Other", body="")
    await world.forge.pulls.approve(world.place, ANN, pull.number)
    return (await world.forge.pulls.merge(world.place, ANN, pull.number, message=None)).merge_commit


async def test_an_imported_history_keeps_its_branches_and_its_default(tmp_path: Path) -> None:
    async with forging(tmp_path) as world:
        place = Place("prj_old", "old", tmp_path / "projects" / "old")
        for each in (place.work, place.home):
            each.mkdir(parents=True)
        plain_git(place.work, "init", "--quiet", "--initial-branch=trunk")
        (place.work / "a.txt").write_text("a")
        plain_git(place.work, "add", ".")
        plain_git(place.work, "commit", "--quiet", "-m", "Old")
        plain_git(place.work, "branch", "side")

        await world.forge.create(place)

        refs = await world.forge.repositories.of("prj_old").refs("refs/heads/")
        assert set(refs) == {"refs/heads/trunk", "refs/heads/side"}
        assert await world.forge.repositories.of("prj_old").default_branch() == "trunk"
        assert (await world.forge.policy("prj_old")).protected == ("trunk",)
