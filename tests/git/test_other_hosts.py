"""Clones, fetches and pushes with another folder of the machine; which addresses are taken at all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.forging import Forging, Told, forging, plain_git

from att.forge.mirror import SCHEMES, check_url
from att.git import schema
from att.kernel.errors import AttError
from att.projects.ports import Login
from att.workspace.place import Place

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Forging]:
    async with forging(tmp_path) as made:
        yield made


def upstream(folder: Path, branch: str = "trunk") -> Path:
    """Make another host's repository with one commit and one tag."""
    work, bare = folder / "upstream-work", folder / "upstream.git"
    work.mkdir()
    plain_git(work, "init", "--quiet", f"--initial-branch={branch}")
    (work / "theirs.txt").write_text("theirs\n")
    plain_git(work, "add", ".")
    plain_git(work, "commit", "--quiet", "-m", "Theirs")
    plain_git(work, "tag", "v1")
    plain_git(folder, "clone", "--quiet", "--bare", str(work), str(bare))
    return bare


def another_place(folder: Path) -> Place:
    place = Place("prj_clone", "clone", folder / "projects" / "clone")
    for each in (place.work, place.home):
        each.mkdir(parents=True)
    return place


async def test_a_clone_has_the_branches_the_default_and_its_files(world: Forging, tmp_path: Path) -> None:
    bare, place = upstream(tmp_path), another_place(tmp_path)
    await world.forge.fetch_from(place, f"file://{bare}", None)
    await world.forge.fetch_from(place, f"file://{bare}", None)
    forge = world.forge.repositories.of("prj_clone")
    assert (place.work / "theirs.txt").read_text() == "theirs\n"
    assert set(await forge.refs()) == {"refs/heads/trunk", "refs/tags/v1"}
    assert await forge.default_branch() == "trunk"
    assert (await world.forge.policy("prj_clone")).protected == ("trunk",)
    assert plain_git(place.work, "status", "-sb").strip() == "## trunk...origin/trunk"


async def test_a_clone_of_an_empty_repository_is_empty(world: Forging, tmp_path: Path) -> None:
    plain_git(tmp_path, "init", "--quiet", "--bare", "empty.git")
    place = another_place(tmp_path)
    await world.forge.fetch_from(place, f"file://{tmp_path}/empty.git", None)
    assert (place.work / ".git").is_dir()
    assert [one.name for one in place.work.iterdir()] == [".git"]


async def test_a_clone_of_nothing_is_refused(world: Forging, tmp_path: Path) -> None:
    with pytest.raises(AttError) as refused:
        await world.forge.fetch_from(another_place(tmp_path), f"file://{tmp_path}/none.git", None)
    assert refused.value.code == "url_refused"


async def test_a_remote_is_named_fetched_from_and_pushed_to(world: Forging, tmp_path: Path) -> None:
    bare = upstream(tmp_path)
    await world.forge.remotes.set(world.place, "upstream", f"file://{bare}", None)
    await world.git.fetch(schema.FetchRequest(project_id="demo", remote="upstream"), Told())
    log = await world.git.log(schema.LogRequest(project_id="demo", ref="upstream/trunk"))
    assert [one.message for one in log.commits] == ["Theirs\n"]

    commit = await world.branch("towns")
    job = Told()
    for _ in range(2):
        pushed = await world.git.push(schema.PushRequest(project_id="demo", remote="upstream"), job)
        assert pushed.commit == commit
    assert plain_git(bare, "--git-dir=.", "rev-parse", "towns").strip() == commit
    assert [one.name for one in await world.forge.remotes.all(world.place)] == ["upstream"]
    await world.forge.remotes.remove(world.place, "upstream")
    assert await world.forge.remotes.all(world.place) == []


async def test_a_branch_that_the_forge_lacks_does_not_go_to_another_host(world: Forging, tmp_path: Path) -> None:
    await world.forge.remotes.set(world.place, "upstream", f"file://{upstream(tmp_path)}", None)
    await world.agents.of(world.place).call("git.branch", name="towns", switch=True)
    with pytest.raises(AttError) as refused:
        await world.git.push(schema.PushRequest(project_id="demo", remote="upstream"), Told())
    assert refused.value.code == "branch_unknown"


async def test_a_remote_s_own_refusal_is_told(world: Forging, tmp_path: Path) -> None:
    bare = upstream(tmp_path, "main")
    await world.forge.remotes.set(world.place, "upstream", f"file://{bare}", None)
    with pytest.raises(AttError) as refused:
        await world.git.push(schema.PushRequest(project_id="demo", remote="upstream"), Told())
    assert refused.value.code == "push_rejected"


async def test_origin_is_always_the_forge(world: Forging) -> None:
    with pytest.raises(AttError) as refused:
        await world.forge.remotes.set(world.place, "origin", "https://example.org/a.git", None)
    assert (refused.value.code, refused.value.field) == ("invalid_input", "name")


async def test_an_unknown_credential_is_refused_when_it_is_named(world: Forging) -> None:
    with pytest.raises(AttError) as refused:
        await world.forge.remotes.set(world.place, "up", "https://example.org/a.git", "none")
    assert refused.value.code == "not_found"


@pytest.mark.parametrize(
    "url",
    [
        "ssh://example.org/a.git",
        "git@example.org:a.git",
        "ext::sh -c id",
        "fd::7",
        "/etc",
        "--upload-pack=id",
        "file:///etc",
        "https://ann:secret@example.org/a.git",
        "https://",
        "https://example.org/a b",
        "https://example.org/a\n",
        "https://[::1",
        "http://example.org/a.git",
    ],
)
def test_an_address_that_git_must_not_get_is_refused(url: str) -> None:
    with pytest.raises(AttError) as refused:
        check_url(url, SCHEMES)
    assert refused.value.code == "url_refused"


async def test_a_login_with_a_line_break_is_refused(world: Forging, tmp_path: Path) -> None:
    with pytest.raises(AttError) as refused:
        await world.forge.fetch_from(another_place(tmp_path), "https://git.test/a.git", Login("ann", "a\nhost=x"))
    assert refused.value.code == "invalid_input"


async def test_a_host_that_the_policy_does_not_name_is_not_asked_and_the_hint_is_the_entry_that_would(
    world: Forging, tmp_path: Path
) -> None:
    with pytest.raises(AttError) as refused:
        await world.forge.fetch_from(another_place(tmp_path), "https://git.test/a.git", None)
    assert refused.value.code == "egress_denied"
    assert "git.test:443" in refused.value.detail
    assert "`- clone=git.test`" in refused.value.hint
    assert world.tasks.started == []
