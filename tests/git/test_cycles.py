"""Cycles of ATT's change of itself over real git, the real forge and real test runs; the engine is in memory."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.fakes.engine import FakeEngine
from tests.fakes.forging import ANN, plain_git
from tests.fakes.selfmade import Selfmade, make_seed, selfmade

from att.bootstrap.decision import Step
from att.bootstrap.guarding import GuardedPolicies
from att.bootstrap.operations import OPERATIONS
from att.bootstrap.probing import Course, Seen
from att.bootstrap.schema import BootstrapCycle, CycleList
from att.bootstrap.steps import Steps
from att.forge.bare import Bare
from att.forge.pktline import NOTHING
from att.forge.schema import Policy, PullState
from att.jobs.schema import Job, JobState
from att.kernel.errors import AttError, Refused

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

RUN = next(one for one in OPERATIONS if one.name == "att.bootstrap.run")
SAID = "src/att/words/said.py"
GOOD = {"title": "Say more", "edits": [{"path": SAID, "content": 'SAID = "Hello, world"\n'}]}
STEPS = ["register", "branch", "edit", "test", "pull_request", "checks", "approve", "merge", "release", "health"]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Selfmade]:
    engine = FakeEngine(base=make_seed(tmp_path))
    async with selfmade(tmp_path, engine, works=True) as made:
        yield made


async def begun(world: Selfmade, request: dict[str, Any]) -> str:
    values = RUN.request.model_validate(request).model_dump(mode="json")
    reference = await world.jobs.submit(RUN, values, ANN, "req_1", exclusive=RUN.exclusive)
    return reference.job_id


async def ended(world: Selfmade, job_id: str) -> Job:
    with anyio.fail_after(170):
        return await world.jobs.wait(job_id)


async def result(world: Selfmade, request: dict[str, Any]) -> BootstrapCycle:
    job = await ended(world, await begun(world, request))
    assert job.state is JobState.SUCCEEDED, job.problem
    return BootstrapCycle.model_validate(job.result)


async def code_of(world: Selfmade, request: dict[str, Any]) -> str:
    job = await ended(world, await begun(world, request))
    assert job.state is JobState.FAILED
    assert job.problem is not None
    return job.problem.code


async def nothing_left(world: Selfmade) -> None:
    """No branch, no worktree's branch, no open pull request but those of reverts, no closed one proposed."""
    place = await world.project.place()
    refs = plain_git(await world.bare(), "--git-dir=.", "for-each-ref", "--format=%(refname)", "refs/heads").split()
    assert [ref for ref in refs if not ref.startswith("refs/heads/revert/")] == ["refs/heads/main"]
    assert plain_git(place.work, "branch", "--format=%(refname:short)").split() == ["main"]
    assert (await world.git.status("att")).clean
    pulls = await world.pulls.page(place, state=None, limit=50, before=None)
    assert [one.state for one in pulls if not one.head.startswith("revert/") and one.state.live] == []
    assert [one.number for one in pulls if one.state is PullState.CLOSED and one.number in world.engine.standings] == []


async def main_of(world: Selfmade) -> str:
    return plain_git(await world.bare(), "--git-dir=.", "rev-parse", "main").strip()


async def test_a_change_becomes_the_release_step_by_step_with_evidence_of_each(world: Selfmade) -> None:
    world.engine.approves = lambda _: True
    cycle = await result(world, GOOD)

    assert cycle.outcome == "released"
    assert [one.step for one in cycle.steps] == STEPS
    found = {one.step.value: one.evidence for one in cycle.steps}
    assert found["test"]["passed"]
    assert found["test"]["targets"] == ["tests/unit/kernel", "tests/unit/words"]
    assert found["pull_request"]["number"] == cycle.number == 1
    assert set(found["checks"]["runs"]) == {"words"}
    assert found["checks"]["tree"] == found["approve"]["tree"]
    assert found["approve"]["approvals"][0]["by"] == "ann"
    assert found["merge"]["commit"] == cycle.merge_commit == await main_of(world)
    assert found["release"]["transaction"] == cycle.transaction == "tx_1"
    assert found["health"]["verdict"] == "committed"
    assert (cycle.requested_release_id, cycle.previous_release_id) == ("1.0.1", "1.0.0")
    assert (cycle.deployed_release_id, cycle.release_metadata_source) == ("1.0.1", "journal")
    assert world.engine.released == [cycle.merge_commit]
    assert world.engine.dropped == {cycle.head: ()}
    said = plain_git(await world.bare(), "--git-dir=.", "show", f"main:{SAID}")
    assert said == 'SAID = "Hello, world"\n'
    await nothing_left(world)
    told = [payload["step"] for kind, payload in world.bus.published if kind == "bootstrap.step"]
    assert [step for step in told if step in STEPS] == [step for step in STEPS if step in told]
    assert set(STEPS) - {"checks", "health"} <= set(told)
    assert world.bus.types().count("bootstrap.ended") == 1


async def until(true: Any) -> None:
    with anyio.fail_after(170):
        while not true():  # noqa: ASYNC110 - the engine in memory has no event
            await anyio.sleep(0.05)


async def waits_for_approval(world: Selfmade, request: dict[str, Any]) -> str:
    job_id = await begun(world, request)
    await until(lambda: world.engine.standings)
    return job_id


async def test_a_patch_without_a_release_is_merged_and_nothing_is_built(world: Selfmade) -> None:
    patch = f'--- a/{SAID}\n+++ b/{SAID}\n@@ -1 +1 @@\n-SAID = "Hello"\n+SAID = "Hello, you"\n'
    world.engine.approves = lambda _: True
    cycle = await result(world, {"title": "Say you", "patch": patch, "release": "none"})
    assert (cycle.outcome, cycle.merge_commit) == ("merged", await main_of(world))
    assert world.engine.released == []
    assert not world.engine.standings[1].releases
    await nothing_left(world)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"title": "Break it", "edits": [{"path": SAID, "content": "SAID = 1\n"}]}, "tests_failed"),
        ({"title": "No patch", "patch": "nothing\n"}, "patch_refused"),
        ({"title": "Nothing new", "edits": [{"path": SAID, "content": 'SAID = "Hello"\n'}]}, "nothing_to_commit"),
        ({"title": "No file", "edits": [{"path": "none.py", "content": None}]}, "file_unknown"),
        ({"title": "Outside", "edits": [{"path": "../x.py", "content": ""}]}, "path_outside"),
    ],
)
async def test_a_change_that_cannot_be_made_or_fails_its_tests_leaves_nothing(
    world: Selfmade, request_: dict[str, Any], code: str
) -> None:
    before = await world.project.register()
    main = await main_of(world)
    assert await code_of(world, request_) == code
    assert await main_of(world) == main
    assert await world.pulls.page(before, state=None, limit=5, before=None) == []
    await nothing_left(world)


async def test_a_failed_check_stops_it_before_anybody_is_asked(world: Selfmade) -> None:
    hidden = {"path": "tests/unit/words/test_said.py", "content": "def test_it() -> None:\n    assert True\n"}
    edits = [{"path": SAID, "content": "SAID = 1\n"}, hidden]
    assert await code_of(world, {"title": "Hide it", "edits": edits}) == "checks_failed"
    assert world.engine.proposed == 0
    await nothing_left(world)


async def test_tests_that_are_gone_are_told_to_the_engine_and_need_a_person(world: Selfmade) -> None:
    world.engine.auto = True
    other = "def test_something_else() -> None:\n    assert True\n"
    edits = [{"path": "tests/unit/words/test_said.py", "content": other}]
    job_id = await waits_for_approval(world, {"title": "Drop it", "edits": edits})
    standing = world.engine.standings[1]
    assert world.engine.dropped == {standing.commit: ("tests/unit/words/test_said.py::test_something_is_said",)}
    assert standing.problem is not None
    await world.cycles.cancel(job_id, ANN)
    assert (await ended(world, job_id)).state is JobState.CANCELLED
    await nothing_left(world)


async def test_what_an_operator_denies_or_the_engine_does_not_take_ends_it(world: Selfmade) -> None:
    job_id = await waits_for_approval(world, GOOD)
    world.engine.deny(1)
    job = await ended(world, job_id)
    assert (job.state, job.problem and job.problem.code) == (JobState.FAILED, "approval_denied")
    world.engine.refuses = Refused("new_image_needed", "cannot release this: new image needed for appliance/x")
    assert await code_of(world, GOOD) == "new_image_needed"
    await nothing_left(world)


async def test_work_that_somebody_has_not_committed_is_left_alone(world: Selfmade) -> None:
    place = await world.project.register()
    (place.work / "README.md").write_text("somebody writes here\n")
    assert await code_of(world, GOOD) == "worktree_dirty"
    assert (place.work / "README.md").read_text() == "somebody writes here\n"


async def test_while_an_upgrade_is_under_way_none_begins(world: Selfmade) -> None:
    world.engine.running, world.engine.verdict = "tx_of_ann", "running"
    job = await ended(world, await begun(world, GOOD))
    assert job.problem is not None
    assert (job.problem.code, job.problem.data) == ("upgrade_running", {"transaction": "tx_of_ann"})
    assert "asked for by ann" in job.problem.detail


async def test_the_cleaning_up_after_an_upgrade_keeps_none_from_beginning(world: Selfmade) -> None:
    world.engine.running, world.engine.verdict = "tx_of_ann", "committed"
    job_id = await waits_for_approval(world, GOOD)
    await world.cycles.cancel(job_id, ANN)
    assert (await ended(world, job_id)).state is JobState.CANCELLED


async def test_a_release_that_main_does_not_contain_begins_none(world: Selfmade) -> None:
    world.engine.base = "1" * 40
    assert await code_of(world, GOOD) == "base_unrelated"


async def test_without_a_seed_it_says_so(tmp_path: Path) -> None:
    async with selfmade(tmp_path, FakeEngine(), works=True) as world:
        assert await code_of(world, GOOD) == "seed_missing"


async def test_a_main_that_moved_meanwhile_is_taken_in_and_everything_is_asked_again(world: Selfmade) -> None:
    first = await waits_for_approval(world, GOOD)
    asked = world.engine.standings[1]
    await moved(world, "docs.md")
    await until(lambda: world.engine.standings[1].commit != asked.commit)
    world.engine.approves = lambda _: True
    job = await ended(world, first)
    cycle = BootstrapCycle.model_validate(job.result)
    assert cycle.outcome == "released"
    assert cycle.head == world.engine.standings[1].commit
    files = plain_git(await world.bare(), "--git-dir=.", "ls-tree", "-r", "--name-only", "main").split()
    assert {"docs.md", SAID} <= set(files)
    assert [one.step for one in cycle.steps].count(Step.TEST) == 2


async def moved(world: Selfmade, path: str) -> None:
    """Have main move by somebody else's merge, which the guard let through."""
    place = await world.project.place()
    bare = Bare(await world.bare())
    main = await main_of(world)
    other = world.folder / "other"
    plain_git(world.folder, "clone", "--quiet", str(bare.folder), str(other))
    (other / path).write_text("more\n")
    plain_git(other, "add", "--all")
    plain_git(other, "commit", "--quiet", "-m", "More")
    commit = plain_git(other, "rev-parse", "HEAD").strip()
    plain_git(other, "push", "--quiet", "origin", "HEAD:refs/heads/more")
    assert await bare.update_ref("refs/heads/main", commit, main, "merge")
    assert await bare.update_ref("refs/heads/more", NOTHING, commit, "remove")
    await world.forge.repositories.pushed(place.project_id)


async def test_cycles_queue_and_the_second_is_made_on_top_of_the_first(world: Selfmade) -> None:
    world.engine.approves = lambda _: True
    first = await begun(world, GOOD)
    second = await begun(world, {"title": "Docs", "edits": [{"path": "docs.md", "content": "more\n"}]})
    jobs = [await ended(world, job_id) for job_id in (first, second)]
    cycles = [BootstrapCycle.model_validate(job.result) for job in jobs]
    assert [cycle.outcome for cycle in cycles] == ["released", "released"]
    ends = [kind for kind, _ in world.bus.published if kind in ("job.started", "job.succeeded")]
    assert ends == ["job.started", "job.succeeded"] * 2
    parents = plain_git(await world.bare(), "--git-dir=.", "log", "--format=%H", "--first-parent", "main").split()
    assert parents[:2] == [cycles[1].merge_commit, cycles[0].merge_commit]
    listed = await world.cycles.list(CycleList())
    assert [one.job_id for one in listed.cycles] == [second, first]
    assert (await world.cycles.show(first)) == listed.cycles[1]


@pytest.mark.parametrize("verdict", ["rolled_back", pytest.param("refused", marks=pytest.mark.long)])
async def test_a_release_that_is_not_kept_is_told_and_reverted_and_main_is_held_until_that(
    world: Selfmade, verdict: str
) -> None:
    world.engine.approves = lambda _: True
    world.engine.verdict = verdict  # type: ignore[assignment]  # one of the Literal's
    lost = await result(world, GOOD)
    assert lost.outcome == ("rolled_back" if verdict == "rolled_back" else "failed")
    assert (lost.requested_release_id, lost.deployed_release_id) == ("1.0.1", "1.0.0")
    place = await world.project.place()
    [comment] = await world.pulls.comments(place, 1)
    assert "gate_failed" in comment.body
    assert "rollback-1.log" in comment.body
    revert, _ = await world.pulls.page(place, state=None, limit=5, before=None)
    assert (revert.number, revert.head, revert.state) == (2, "revert/1", "open")
    assert await world.source.tree_of(revert.head_commit) == await world.source.tree_of(f"{lost.merge_commit}^1")
    await nothing_left(world)

    other = {"title": "Docs", "edits": [{"path": "docs.md", "content": "more\n"}]}
    assert await code_of(world, other) == "main_held"
    world.engine.verdict = "committed"
    kept = await result(world, {**other, "revert": True})
    assert kept.outcome == "released"
    assert plain_git(await world.bare(), "--git-dir=.", "show", f"main:{SAID}") == 'SAID = "Hello"\n'
    assert (await world.pulls.page(place, state=None, limit=1, before=3))[0].state == "closed"
    assert await result(world, {"title": "Again", "edits": GOOD["edits"]})


@pytest.mark.long
async def test_of_two_lost_releases_in_a_row_neither_comes_back_with_the_revert_of_the_other(world: Selfmade) -> None:
    world.engine.approves = lambda _: True
    world.engine.verdict = "rolled_back"
    await result(world, {"title": "Lost", "edits": [{"path": "first.md", "content": "lost\n"}]})
    lost = await result(world, {"title": "Too", "edits": [{"path": "second.md", "content": "lost\n"}], "revert": True})
    assert lost.outcome == "rolled_back"
    world.engine.verdict = "committed"
    kept = await result(world, {"title": "Kept", "edits": [{"path": "kept.md", "content": "more\n"}], "revert": True})
    assert kept.outcome == "released"
    names = plain_git(await world.bare(), "--git-dir=.", "ls-tree", "--name-only", "main").split()
    assert [name for name in names if name.endswith(".md")] == ["README.md", "kept.md"]


async def test_what_nobody_approved_at_the_ssh_door_is_not_merged_by_hand_either(world: Selfmade) -> None:
    job_id = await waits_for_approval(world, GOOD)
    place = await world.project.place()
    for caller, code in ((replace(ANN, kind="agent"), "people_only"), (ANN, "approval_door")):
        with pytest.raises(AttError) as refused:
            await world.pulls.approve(place, caller, 1)
        assert refused.value.code == code
    with pytest.raises(AttError) as unapproved:
        await world.pulls.merge(place, ANN, 1, message=None)
    assert unapproved.value.code == "approval_missing"
    with pytest.raises(AttError) as inner:
        await world.forge.pulls.merge(place, ANN, 1, message=None)
    assert inner.value.code == "approval_missing"
    with pytest.raises(AttError) as rules:
        await GuardedPolicies(world.forge, world.projects).set_policy(place.project_id, Policy(approvals=0))
    assert rules.value.code == "project_own"
    await world.cycles.cancel(job_id, ANN)
    assert (await ended(world, job_id)).state is JobState.CANCELLED


async def test_what_was_merged_by_hand_is_released_by_hand(world: Selfmade) -> None:
    job_id = await waits_for_approval(world, {**GOOD, "release": "none"})
    world.engine.approves = lambda _: True
    assert BootstrapCycle.model_validate((await ended(world, job_id)).result).outcome == "merged"
    release = next(one for one in OPERATIONS if one.name == "att.bootstrap.release")
    reference = await world.jobs.submit(release, {"number": 1}, ANN, "req_2", exclusive=release.exclusive)
    released = await ended(world, reference.job_id)
    cycle = BootstrapCycle.model_validate(released.result)
    assert (cycle.outcome, cycle.number, cycle.transaction) == ("released", 1, "tx_1")
    assert world.engine.released == [await main_of(world)]


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(step, marks=() if step in ("test", "merge", "release") else pytest.mark.long)
        for step in STEPS[1:9]
        if step != "checks"
    ],
)
async def test_a_cycle_cancelled_in_any_step_leaves_nothing_or_a_revert(
    world: Selfmade, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.engine.approves = lambda _: True
    taken = Steps.take

    async def take(steps: Steps, what: Step, course: Course, seen: Seen) -> bool:
        if what.value == step and not await course.progress.cancelled():
            await world.cycles.cancel(course.job_id, ANN)
        return await taken(steps, what, course, seen)

    monkeypatch.setattr(Steps, "take", take)
    job = await ended(world, await begun(world, GOOD))
    if step == "release":  # the engine had it already: what it says counts
        assert job.state is JobState.SUCCEEDED
    else:
        assert job.state is JobState.CANCELLED
        assert world.engine.released == []
    await nothing_left(world)
    place = await world.project.place()
    reverts = [one for one in await world.pulls.page(place, state=None, limit=9, before=None) if "revert" in one.head]
    assert len(reverts) == (step == "merge")
