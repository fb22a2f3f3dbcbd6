"""git of a worktree, as the operations use it: real git, no sandbox."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.forging import ANN, Forging, Told, forging, plain_git

from att.git import schema
from att.kernel.errors import AttError
from att.workspace import verbs

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Forging]:
    async with forging(tmp_path) as made:
        yield made


def commit_of(message: str, **options: object) -> schema.CommitRequest:
    return schema.CommitRequest.model_validate({"project_id": "demo", "message": message, **options})


def branch_of(name: str, **options: object) -> schema.BranchRequest:
    return schema.BranchRequest.model_validate({"project_id": "demo", "name": name, **options})


async def refusal(world: Forging, verb: str, **arguments: object) -> AttError:
    with pytest.raises(AttError) as refused:
        await world.agents.of(world.place).call(verb, **arguments)
    return refused.value


async def test_the_branch_that_is_checked_out_is_told_and_refused_where_there_is_none(world: Forging) -> None:
    await world.branch("towns")
    assert await world.git.checked_out("demo") == "towns"
    plain_git(world.place.work, "checkout", "--detach", "--quiet")
    with pytest.raises(AttError) as refused:
        await world.git.checked_out("demo")
    assert refused.value.code == "branch_missing"


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("git.log", {"path": "a\0b", "limit": 1}),
        ("git.diff", {"paths": ["a\0b"]}),
        ("git.blame", {"path": "a\0b", "first": 1, "limit": 1}),
        ("git.stage", {"paths": ["a\0b"]}),
    ],
)
async def test_a_path_with_a_nul_character_is_refused(world: Forging, verb: str, arguments: dict[str, object]) -> None:
    assert (await refusal(world, verb, **arguments)).code == "invalid_input"


async def test_a_repository_without_changes_is_clean(world: Forging) -> None:
    status = await world.git.status("demo")
    assert (status.branch, status.upstream, status.clean, status.files) == ("main", "origin/main", True, [])
    assert (status.ahead, status.behind) == (0, 0)


async def test_status_tells_staged_changed_renamed_and_untracked_files(world: Forging) -> None:
    await world.commit("old name.txt", "some text that is long enough to be found again\n")
    plain_git(world.place.work, "mv", "old name.txt", "new name.txt")
    world.write("file.txt", "changed\n")
    world.write("folder/ünïcode.txt", "new\n")

    files = {one.path: one for one in (await world.git.status("demo")).files}

    assert (files["new name.txt"].index, files["new name.txt"].old_path) == ("renamed", "old name.txt")
    assert (files["file.txt"].index, files["file.txt"].worktree) == ("unchanged", "modified")
    assert files["folder/ünïcode.txt"].worktree == "untracked"


async def test_only_the_named_files_are_staged(world: Forging) -> None:
    world.write("one.txt", "1")
    world.write("two.txt", "2")
    staged = await world.git.add("demo", paths=["one.txt"], everything=False)
    assert {one.path: one.index for one in staged.files} == {"one.txt": "added", "two.txt": "unchanged"}


async def test_a_file_that_is_not_there_is_not_staged(world: Forging) -> None:
    refused = await refusal(world, "git.stage", paths=["nowhere.txt"])
    assert (refused.code, refused.field) == ("file_unknown", "paths")


@pytest.mark.parametrize("path", ["../outside.txt", "/etc/passwd"])
async def test_a_path_outside_the_project_is_not_staged(world: Forging, path: str) -> None:
    (world.place.folder / "outside.txt").write_text("x")
    assert (await refusal(world, "git.stage", paths=[path])).code == "path_outside"


async def test_a_file_behind_a_link_out_of_the_project_is_not_staged(world: Forging) -> None:
    (world.place.work / "link").symlink_to("/etc")
    assert (await refusal(world, "git.stage", paths=["link/passwd"])).code == "path_outside"


async def test_a_path_with_pathspec_magic_is_taken_literally(world: Forging) -> None:
    world.write("a.txt", "a")
    world.write("*.txt", "star")
    staged = await world.git.add("demo", paths=["*.txt"], everything=False)
    assert {one.path: one.index for one in staged.files} == {"*.txt": "added", "a.txt": "unchanged"}


async def test_a_commit_names_its_author_and_files_and_is_told(world: Forging) -> None:
    world.write("new.txt", "n")
    made = await world.git.commit(ANN, commit_of("Add it\n", all=True))
    assert (made.author, made.email, made.branch, made.files) == ("ann", "usr_ann@att.invalid", "main", ["new.txt"])
    assert world.bus.published[-1][1]["commit"] == made.commit
    assert (await world.git.status("demo")).clean


@pytest.mark.parametrize("message", ["", " \n\t"])
async def test_an_empty_message_is_refused(world: Forging, message: str) -> None:
    world.write("new.txt", "n")
    with pytest.raises(AttError) as refused:
        await world.git.commit(ANN, commit_of(message, all=True))
    assert refused.value.code == "message_empty"


async def test_a_commit_of_nothing_is_refused(world: Forging) -> None:
    with pytest.raises(AttError) as refused:
        await world.git.commit(ANN, commit_of("Nothing\n"))
    assert refused.value.code == "nothing_to_commit"


async def test_a_commit_that_is_asked_for_again_is_the_one_that_was_made(world: Forging) -> None:
    world.write("file.txt", "changed\n")
    asked = commit_of("Change  the\ttown \n\nMore.\n", all=True)
    made = await world.git.commit(ANN, asked, "req_1")
    assert await world.git.commit(ANN, asked, "req_1") == made
    assert len(plain_git(world.place.work, "log", "--format=%H").splitlines()) == 2
    for other, key in ((asked, "req_2"), (commit_of("Another", all=True), "req_1"), (asked, None)):
        with pytest.raises(AttError) as refused:
            await world.git.commit(ANN, other, key)
        assert refused.value.code == "nothing_to_commit"


async def test_what_changed_since_is_committed_by_whoever_asks_with_the_same_key(world: Forging) -> None:
    made = []
    for content in ("one\n", "two\n"):
        world.write("file.txt", content)
        made.append((await world.git.commit(ANN, commit_of("Change", all=True), "req_1")).commit)
    assert plain_git(world.place.work, "log", "--format=%H", "-2").splitlines() == made[::-1]


async def test_a_branch_is_made_switched_to_and_listed(world: Forging) -> None:
    made = await world.git.branch(branch_of("feature/with-slash"))
    assert made.current == "feature/with-slash"
    back = await world.git.branch(branch_of("main", existing=True))
    listed = await world.git.branches("demo")
    assert back.current == listed.current == "main"
    assert [one.name for one in listed.branches if not one.remote] == ["feature/with-slash", "main"]


async def test_a_branch_of_a_taken_name_is_refused(world: Forging) -> None:
    assert (await refusal(world, "git.branch", name="main")).code == "branch_exists"


async def test_a_branch_that_is_not_there_is_not_switched_to(world: Forging) -> None:
    assert (await refusal(world, "git.branch", name="none", existing=True)).code == "branch_unknown"


@pytest.mark.parametrize("name", ["-f", "a..b", "a b", "x.lock", "HEAD", "a\nb", "@{1}", "/a"])
async def test_a_name_that_no_branch_can_have_is_refused(world: Forging, name: str) -> None:
    assert (await refusal(world, "git.branch", name=name)).code == "branch_invalid"


async def test_switching_does_not_lose_changes(world: Forging) -> None:
    await world.branch("other", content="theirs\n")
    await world.git.branch(branch_of("main", existing=True))
    world.write("file.txt", "mine, not committed\n")
    refused = await refusal(world, "git.branch", name="other", existing=True)
    assert refused.code == "worktree_dirty"
    assert (world.place.work / "file.txt").read_text() == "mine, not committed\n"


async def test_the_log_is_newest_first_and_limited(world: Forging) -> None:
    for at in range(3):
        await world.commit(f"{at}.txt", "x", f"Commit {at}\n")
    page = await world.git.log(schema.LogRequest(project_id="demo", limit=2))
    assert [one.message for one in page.commits] == ["Commit 2\n", "Commit 1\n"]
    skipped = await world.git.log(schema.LogRequest(project_id="demo", limit=1, skip=2))
    assert [one.message for one in skipped.commits] == ["Commit 0\n"]


async def test_the_log_of_one_file_leaves_other_commits_out(world: Forging) -> None:
    await world.commit("a.txt", "x", "On a\n")
    await world.commit("b.txt", "x", "On b\n")
    page = await world.git.log(schema.LogRequest(project_id="demo", path="a.txt"))
    assert [one.message for one in page.commits] == ["On a\n"]


def test_the_log_of_an_empty_repository_is_empty(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    verbs.find("git.init")(work, {"branch": "main", "origin": "att://forge/x.git"})
    assert verbs.find("git.log")(work, {"limit": 5}) == []
    assert verbs.find("git.status")(work, {})["commit"] is None


def test_a_folder_without_a_repository_is_not_taken_for_the_one_above(tmp_path: Path) -> None:
    plain_git(tmp_path, "init", "--quiet")
    work = tmp_path / "work"
    work.mkdir()
    with pytest.raises(AttError) as refused:
        verbs.find("git.status")(work, {})
    assert refused.value.code == "git_missing"


async def test_a_diff_between_branches_shows_their_difference(world: Forging) -> None:
    await world.branch("other", content="theirs\n")
    found = await world.git.diff(schema.DiffRequest(project_id="demo", base="main", head="other"))
    assert "-first" in found.diff
    assert "+theirs" in found.diff
    assert [(one.path, one.added, one.deleted) for one in found.files] == [("file.txt", 1, 1)]


async def test_a_diff_of_what_is_not_committed_can_show_the_staged_alone(world: Forging) -> None:
    world.write("file.txt", "staged\n")
    await world.git.add("demo", paths=["file.txt"], everything=False)
    world.write("file.txt", "not staged\n")
    everything = await world.git.diff(schema.DiffRequest(project_id="demo"))
    staged = await world.git.diff(schema.DiffRequest(project_id="demo", staged=True))
    assert "+not staged" in everything.diff
    assert "+staged" in staged.diff


async def test_an_unknown_branch_is_named_with_its_field(world: Forging) -> None:
    refused = await refusal(world, "git.diff", base="none")
    assert (refused.code, refused.field) == ("ref_unknown", "base")


async def test_an_option_in_place_of_a_branch_is_no_option(world: Forging) -> None:
    marker = world.folder / "marker"
    refused = await refusal(world, "git.diff", base=f"--output={marker}")
    assert refused.code == "ref_unknown"
    assert not marker.exists()


async def test_blame_names_the_commit_of_each_line(world: Forging) -> None:
    commit = await world.commit("file.txt", "first\nsecond\n", "Second line\n")
    found = await world.git.blame(schema.BlameRequest(project_id="demo", path="file.txt"))
    assert [(one.line, one.text, one.summary) for one in found.lines] == [
        (1, "first", "First commit"),
        (2, "second", "Second line"),
    ]
    assert found.lines[1].commit == commit
    beyond = await world.git.blame(schema.BlameRequest(project_id="demo", path="file.txt", first=100))
    assert beyond.lines == []


async def test_blame_of_a_file_that_is_not_there_is_refused(world: Forging) -> None:
    assert (await refusal(world, "git.blame", path="none", limit=5)).code == "file_unknown"


async def test_a_merge_with_conflicts_lists_them_and_leaves_everything_as_it_was(world: Forging) -> None:
    await world.branch("other", content="theirs\n")
    await world.git.branch(branch_of("main", existing=True))
    await world.commit("file.txt", "ours\n")
    refused = await refusal(world, "git.merge", ref="other", name="ann", email="a@b")
    assert (refused.code, refused.data) == ("merge_conflict", {"files": ["file.txt"]})
    assert (await world.git.status("demo")).clean


async def test_kept_conflicts_are_solved_and_committed(world: Forging) -> None:
    await world.branch("other", content="theirs\n")
    await world.git.branch(branch_of("main", existing=True))
    await world.commit("file.txt", "ours\n")
    await refusal(world, "git.merge", ref="other", name="ann", email="a@b", keep=True)
    status = await world.git.status("demo")
    assert (status.merging, [one.conflicted for one in status.files]) == (True, [True])
    with pytest.raises(AttError) as refused:
        await world.git.commit(ANN, commit_of("Too early\n"))
    assert refused.value.code == "merge_conflict"
    world.write("file.txt", "both\n")
    made = await world.git.commit(ANN, commit_of("Both\n", all=True))
    assert len(made.parents) == 2


async def test_a_merge_of_nothing_new_changes_nothing(world: Forging) -> None:
    merged = await world.git.merge(ANN, schema.MergeRequest(project_id="demo", ref="main"))
    assert merged.changed is False


async def test_a_lock_that_a_killed_git_left_is_removed(world: Forging) -> None:
    (world.place.work / ".git" / "index.lock").touch()
    world.write("new.txt", "n")
    made = await world.git.commit(ANN, commit_of("After the kill\n", all=True))
    assert made.files == ["new.txt"]


async def test_objects_that_a_killed_git_left_without_names_are_removed(world: Forging) -> None:
    left = world.place.work / ".git" / "objects" / "tmp_objdir-bulk-fsync-x1y2z3" / "ab"
    left.mkdir(parents=True)
    (left / "cdef").write_text("half")
    await world.commit("file.txt", "changed\n")
    assert not left.parent.exists()


async def test_objects_that_another_git_is_about_to_name_stay(world: Forging) -> None:
    left = world.place.work / ".git" / "objects" / "tmp_objdir-bulk-fsync-x1y2z3"
    left.mkdir(parents=True)
    async with await anyio.open_process(["git", "hash-object", "--stdin"], cwd=world.place.work) as other:
        await world.commit("file.txt", "changed\n")
        assert left.exists()
        assert other.stdin is not None
        await other.stdin.aclose()
        await other.wait()
    await world.commit("file.txt", "changed again\n")
    assert not left.exists()


@pytest.mark.parametrize("lock", ["refs/remotes/origin/towns.lock", "packed-refs.lock"])
async def test_a_lock_that_a_killed_fetch_left_is_removed(world: Forging, lock: str) -> None:
    commit = await world.branch("towns")
    plain_git(world.place.work, "update-ref", "-d", "refs/remotes/origin/towns")
    (world.place.work / ".git" / lock).touch()
    await world.git.fetch(schema.FetchRequest(project_id="demo"), Told())
    assert plain_git(world.place.work, "rev-parse", "origin/towns").strip() == commit
    assert not (world.place.work / ".git" / lock).exists()


async def test_a_checkout_of_a_check_that_was_killed_is_made_anew(world: Forging) -> None:
    commit, folder = await world.branch("towns"), world.place.home / "checks" / "task_1"
    folder.mkdir(parents=True)
    plain_git(folder, "init", "--quiet")
    (folder / ".git" / "shallow.lock").touch()
    (folder / "file.txt").write_text("half")
    values = {"name": "task_1", "ref": "refs/heads/towns", "commit": commit}
    await world.forge.repositories.check_out_apart(world.place, **values)
    assert plain_git(folder, "status", "--porcelain") == ""
    assert plain_git(folder, "rev-parse", "HEAD").strip() == commit


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("property") / "work"
    work.mkdir()
    verbs.find("git.init")(work, {"branch": "main", "origin": "att://forge/x.git"})
    return work


VERSIONS = count()
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=200)


@settings(max_examples=40)
@given(message=TEXT.filter(lambda text: text.strip() != ""))
def test_any_commit_message_is_found_again_in_the_log(repository: Path, message: str) -> None:
    (repository / "file.txt").write_text(f"version {next(VERSIONS)}")
    verbs.find("git.commit")(repository, {"message": message, "all": True, "name": "ann", "email": "a@b"})
    assert verbs.find("git.log")(repository, {"limit": 1})[0]["message"] == message


@settings(max_examples=40)
@given(name=st.text(st.characters(categories=["L", "N", "P", "S", "Z"]), min_size=1, max_size=60))
def test_any_name_is_refused_or_listed_as_it_was_given(repository: Path, name: str) -> None:
    arguments = {"name": name, "switch": False}
    if verbs.find("git.log")(repository, {"limit": 1}) == []:
        (repository / "first.txt").write_text("x")
        verbs.find("git.commit")(repository, {"message": "First", "all": True, "name": "ann", "email": "a@b"})
    try:
        verbs.find("git.branch")(repository, arguments)
    except AttError as error:
        assert error.code in ("branch_invalid", "branch_exists")  # noqa: PT017 - both outcomes are right
    else:
        listed = verbs.find("git.branches")(repository, {})["branches"]
        assert name in [one["name"] for one in listed]
