"""Pull requests over real repositories."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.forging import ANN, BEA, Forging, forging, plain_git

from att.forge.bare import Bare
from att.forge.schema import Policy, PullRequest, PullState
from att.git.schema import BranchRequest
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
    assert world.reflog("main") == ["push", f"merge {pull.id}"]
    assert world.bus.types() == ["git.commit", "git.pr.created", "git.pr.merged"]


async def test_a_merge_without_approval_is_refused(world: Forging) -> None:
    pull = await opened_pull(world)
    with pytest.raises(AttError) as refused:
        await world.forge.pulls.merge(world.place, ANN, pull.number, message=None)
    assert refused.value.code == "approval_missing"


async def refusal(world: Forging, number: int) -> AttError:
    with pytest.raises(AttError) as refused:
        await world.forge.pulls.merge(world.place, BEA, number, message=None)
    return refused.value


async def test_a_pull_request_has_an_address_a_text_and_its_files(world: Forging) -> None:
    await world.branch("towns", content="new\n")
    pull = await world.forge.pulls.create(world.place, ANN, head="towns", base="main", title="Towns", body="Why not")
    shown = await world.forge.pulls.show(world.place, pull.number, diff=True)
    assert pull.url == "/api/v1/projects/prj_demo/git/pr/1"
    assert (shown.body, shown.commits, shown.blocked) == ("Why not", 1, "approval_missing")
    assert [(one.path, one.added, one.deleted) for one in shown.files] == [("file.txt", 1, 1)]
    assert shown.diff is not None
    assert "+new" in shown.diff


@pytest.mark.parametrize(
    ("head", "base", "code"),
    [
        ("none", None, "branch_unknown"),
        ("towns", "none", "branch_unknown"),
        ("main", None, "invalid_input"),
        ("to\0wns", None, "invalid_input"),
    ],
)
async def test_a_pull_request_needs_two_branches(world: Forging, head: str, base: str | None, code: str) -> None:
    await world.branch("towns")
    with pytest.raises(AttError) as refused:
        await world.forge.pulls.create(world.place, ANN, head=head, base=base, title="T", body="")
    assert refused.value.code == code


async def test_a_second_pull_request_for_the_same_branches_names_the_first(world: Forging) -> None:
    pull = await opened_pull(world)
    with pytest.raises(AttError) as refused:
        await world.forge.pulls.create(world.place, ANN, head="towns", base=None, title="T", body="")
    assert (refused.value.code, refused.value.data) == ("pr_exists", {"number": pull.number})


async def test_a_pull_request_without_a_change_is_refused(world: Forging) -> None:
    commit = (await world.git.status("demo")).commit
    assert commit is not None
    await world.forge.repositories.push(world.place, branch="same", commit=commit)
    with pytest.raises(AttError) as refused:
        await world.forge.pulls.create(world.place, ANN, head="same", base=None, title="T", body="")
    assert refused.value.code == "pr_nothing"


async def test_a_merge_with_conflicts_lists_the_files(world: Forging) -> None:
    first = await opened_pull(world, "one", content="one\n")
    second = await opened_pull(world, "two", content="two\n")
    for pull in (first, second):
        await world.forge.pulls.approve(world.place, BEA, pull.number)
    await world.forge.pulls.merge(world.place, BEA, first.number, message=None)
    refused = await refusal(world, second.number)
    assert (refused.code, refused.data) == ("merge_conflict", {"files": ["file.txt"]})
    assert (await world.forge.pulls.show(world.place, second.number)).conflicts == ["file.txt"]


async def test_remarks_are_read_in_order_and_none_where_there_are_none(world: Forging) -> None:
    pull = await opened_pull(world)
    assert await world.forge.pulls.comments(world.place, pull.number) == []
    await world.forge.pulls.comment(world.place, BEA, pull.number, body="Why?", path="file.txt", line=1)
    await world.forge.pulls.comment(world.place, ANN, pull.number, body="Because", path=None, line=None)
    found = await world.forge.pulls.comments(world.place, pull.number)
    assert [(one.author, one.body, one.line) for one in found] == [("bea", "Why?", 1), ("ann", "Because", None)]
    assert found[0].commit == pull.head_commit


async def test_an_approval_is_of_one_commit_and_not_of_the_next(world: Forging) -> None:
    pull = await opened_pull(world)
    await world.forge.pulls.approve(world.place, BEA, pull.number)
    newer = await world.commit("file.txt", "something else\n")
    await world.forge.repositories.push(world.place, branch="towns", commit=newer)
    assert (await refusal(world, pull.number)).code == "approval_missing"
    shown = await world.forge.pulls.show(world.place, pull.number)
    assert (shown.head_commit, [one.current for one in shown.approvals]) == (newer, [False])


async def test_a_policy_may_want_two_and_not_the_author(world: Forging) -> None:
    await world.forge.set_policy("prj_demo", Policy(approvals=1, author_may_approve=False))
    pull = await opened_pull(world)
    with pytest.raises(AttError) as refused:
        await world.forge.pulls.approve(world.place, ANN, pull.number)
    assert refused.value.code == "approval_own"
    await world.forge.pulls.approve(world.place, BEA, pull.number)
    await world.forge.set_policy("prj_demo", Policy(approvals=2))
    assert (await refusal(world, pull.number)).code == "approval_missing"


async def test_a_closed_pull_request_is_not_merged_and_not_closed_again(world: Forging) -> None:
    pull = await opened_pull(world)
    closed = await world.forge.pulls.close(world.place, pull.number)
    assert closed.state is PullState.CLOSED
    assert (await refusal(world, pull.number)).code == "pr_ended"
    with pytest.raises(AttError) as refused:
        await world.forge.pulls.close(world.place, pull.number)
    assert refused.value.code == "pr_ended"
    assert (await world.forge.pulls.show(world.place, pull.number)).commits == 1


async def test_an_unknown_pull_request_is_told(world: Forging) -> None:
    assert (await refusal(world, 7)).code == "pr_unknown"


async def test_the_list_is_paged_newest_first(world: Forging) -> None:
    for name in ("one", "two", "three"):
        await opened_pull(world, name, path=f"{name}.txt")
    page = await world.forge.pulls.page(world.place, state=PullState.OPEN, limit=2, before=None)
    rest = await world.forge.pulls.page(world.place, state=PullState.OPEN, limit=2, before=page[-1].number)
    assert [one.number for one in (*page, *rest)] == [3, 2, 1]
    assert await world.forge.pulls.page(world.place, state=PullState.CLOSED, limit=2, before=None) == []


async def test_the_head_of_a_deleted_branch_is_still_merged(world: Forging) -> None:
    pull = await opened_pull(world)
    plain_git(world.bare, "--git-dir=.", "update-ref", "-d", "refs/heads/towns")
    await world.forge.pulls.refresh("prj_demo")
    await world.forge.pulls.approve(world.place, BEA, pull.number)
    merged = await world.forge.pulls.merge(world.place, BEA, pull.number, message="By hand\n")
    assert merged.state is PullState.MERGED
    assert plain_git(world.bare, "--git-dir=.", "log", "-1", "--format=%B", "main").strip() == "By hand"


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("moved", [False, True])
async def test_a_process_that_died_in_a_merge_leaves_it_done_once_or_open(
    world: Forging, monkeypatch: pytest.MonkeyPatch, moved: bool
) -> None:
    pull = await opened_pull(world)
    await world.forge.pulls.approve(world.place, BEA, pull.number)
    really = Bare.update_ref

    async def dies(bare: Bare, ref: str, new: str, old: str, reason: str) -> bool:
        if moved:
            await really(bare, ref, new, old, reason)
        raise Killed

    monkeypatch.setattr(Bare, "update_ref", dies)
    with pytest.raises(Killed):
        await world.forge.pulls.merge(world.place, BEA, pull.number, message=None)
    monkeypatch.undo()

    assert (await world.forge.pulls.show(world.place, pull.number)).state is PullState.MERGING
    await world.forge.pulls.recover()
    found = await world.forge.pulls.show(world.place, pull.number)
    assert found.state is (PullState.MERGED if moved else PullState.OPEN)

    again = await world.forge.pulls.merge(world.place, BEA, pull.number, message=None)
    assert again.state is PullState.MERGED
    assert world.reflog("main") == ["push", f"merge {pull.id}"]
    assert world.bus.types().count("git.pr.merged") == 1


async def test_a_base_that_moves_during_the_merge_is_merged_with_as_it_is_then(
    world: Forging, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.forge.set_policy("prj_demo", Policy(protected=()))
    pull = await opened_pull(world, path="towns.txt")
    await world.forge.pulls.approve(world.place, BEA, pull.number)
    await world.git.branch(BranchRequest(project_id="demo", name="main", existing=True))
    theirs = await world.commit("theirs.txt", "x")
    really, pushes = Bare.update_ref, [theirs]

    async def late(bare: Bare, ref: str, new: str, old: str, reason: str) -> bool:
        if pushes:
            await world.forge.repositories.push(world.place, branch="main", commit=pushes.pop())
        return await really(bare, ref, new, old, reason)

    monkeypatch.setattr(Bare, "update_ref", late)
    merged = await world.forge.pulls.merge(world.place, BEA, pull.number, message=None)
    assert merged.base_commit == theirs
    assert len(world.reflog("main")) == 3


async def test_a_removed_project_leaves_nothing_in_the_forge(world: Forging) -> None:
    await opened_pull(world)
    await world.forge.remove("prj_demo")
    await world.forge.remove("prj_demo")
    assert not world.bare.exists()
    assert await world.forge.pulls.page(world.place, state=None, limit=9, before=None) == []
