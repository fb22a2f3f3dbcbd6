"""Patches into a worktree, and branches that are left as if they had never been: real git, no sandbox."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.forging import Forging, forging, plain_git

from att.forge.pktline import NOTHING
from att.kernel.errors import AttError

pytestmark = pytest.mark.anyio

PATCH = """\
--- a/file.txt
+++ b/file.txt
@@ -1 +1 @@
-first
+second
--- /dev/null
+++ b/new/folder.txt
@@ -0,0 +1 @@
+new
"""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Forging]:
    async with forging(tmp_path) as made:
        await made.agents.of(made.place).call("git.branch", name="towns", start="main", switch=True)
        yield made


async def test_a_patch_is_taken_with_new_files_and_not_committed(world: Forging) -> None:
    status = await world.git.apply("demo", branch="towns", patch=PATCH)
    assert [file.path for file in status.files] == ["file.txt", "new/folder.txt"]
    assert (world.place.work / "file.txt").read_text() == "second\n"
    assert (world.place.work / "new/folder.txt").read_text() == "new\n"


@pytest.mark.parametrize(
    "patch",
    [
        "",
        "no patch\n",
        PATCH.replace("-first", "-other"),
        PATCH.replace("new/folder.txt", "../outside.txt"),
        PATCH.replace("new/folder.txt", ".git/config"),
        PATCH + "x" * (8 * 1024 * 1024),
    ],
    ids=["empty", "none", "other content", "outside", "git's own", "large"],
)
async def test_a_patch_that_does_not_fit_is_refused_and_changes_nothing(world: Forging, patch: str) -> None:
    with pytest.raises(AttError) as refused:
        await world.git.apply("demo", branch="towns", patch=patch)
    assert refused.value.code == "patch_refused"
    assert (await world.git.status("demo")).clean
    assert not (world.place.folder / "outside.txt").exists()


async def test_a_patch_through_a_link_out_of_the_worktree_is_refused(world: Forging) -> None:
    (world.place.work / "new").symlink_to(world.place.home)
    with pytest.raises(AttError) as refused:
        await world.git.apply("demo", branch="towns", patch=PATCH)
    assert refused.value.code == "patch_refused"
    assert not (world.place.home / "folder.txt").exists()


async def test_files_of_another_branch_are_left_alone(world: Forging) -> None:
    await world.agents.of(world.place).call("git.branch", name="main", existing=True)
    world.write("file.txt", "somebody works here\n")
    for call in (world.git.apply("demo", branch="towns", patch=PATCH), world.git.restore("demo", branch="towns")):
        with pytest.raises(AttError) as refused:
            await call
        assert refused.value.code == "branch_missing"
    assert (world.place.work / "file.txt").read_text() == "somebody works here\n"


async def test_restoring_drops_what_is_not_committed_and_keeps_what_is_ignored(world: Forging) -> None:
    await world.commit(".gitignore", "kept\n")
    world.write("kept", "kept\n")
    await world.git.apply("demo", branch="towns", patch=PATCH)
    assert (await world.git.restore("demo", branch="towns")).clean
    assert (world.place.work / "file.txt").read_text() == "first\n"
    assert not (world.place.work / "new").exists()
    assert (world.place.work / "kept").exists()


async def test_restoring_takes_a_begun_merge_back(world: Forging) -> None:
    await world.commit("file.txt", "ours\n")
    await world.agents.of(world.place).call("git.branch", name="other", start="main", switch=True)
    await world.commit("file.txt", "theirs\n")
    await world.agents.of(world.place).call("git.branch", name="towns", existing=True)
    with pytest.raises(AttError):
        await world.agents.of(world.place).call("git.merge", ref="other", keep=True, name="ann", email="a@b")
    status = await world.git.restore("demo", branch="towns")
    assert (status.clean, status.merging) == (True, False)


async def test_a_branch_is_left_with_all_that_was_done_on_it_and_leaving_again_is_quiet(world: Forging) -> None:
    commit = await world.commit("file.txt", "done\n")
    await world.forge.repositories.push(world.place, branch="towns", commit=commit)
    world.write("more.txt", "more\n")
    for _ in range(2):
        status = await world.git.leave("demo", branch="towns", to="main")
        assert (status.branch, status.clean) == ("main", True)
        assert plain_git(world.place.work, "branch", "--all", "--format=%(refname)").split() == [
            "refs/heads/main",
            "refs/remotes/origin/main",
        ]


async def test_leaving_a_branch_that_is_not_checked_out_touches_no_file(world: Forging) -> None:
    await world.agents.of(world.place).call("git.branch", name="main", existing=True)
    world.write("file.txt", "somebody works here\n")
    await world.git.leave("demo", branch="towns", to="main")
    assert (world.place.work / "file.txt").read_text() == "somebody works here\n"


async def test_a_branch_of_the_forge_is_removed_where_it_is_what_was_seen(world: Forging) -> None:
    commit = await world.branch("apart")
    bare = world.forge.repositories.of("prj_demo")
    main = await bare.commit_of("refs/heads/main")
    assert main is not None
    assert not await bare.update_ref("refs/heads/apart", NOTHING, main, "remove")
    assert await bare.update_ref("refs/heads/apart", NOTHING, commit, "remove")
    assert await bare.commit_of("refs/heads/apart") is None
