"""Clones, fetches and pushes with another host: real git in real sandboxes, through the way out, over HTTPS."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest
from tests.fakes.egress import WayOut as Proxy
from tests.fakes.egress import way_out
from tests.fakes.forging import Forging, Told, forging, plain_git
from tests.fakes.git_host import NAME, GitHost, git_host
from tests.fakes.site import connect_proxy, write

from att.egress.ways import Ways
from att.entrypoints.dev import development_facts
from att.forge.transfers import Transfers
from att.git import schema
from att.kernel.errors import AttError
from att.projects.ports import Login
from att.site.decision import Site
from att.site.live import LiveSite
from att.site.trust import base64_of
from att.workspace.backends import contained
from att.workspace.backends.subprocesses import SubprocessSandboxes
from att.workspace.place import Place
from att.workspace.schema import TaskKind, TaskSpec
from att.workspace.way_out import WayOut

pytestmark = pytest.mark.anyio
ANN = ("ann", "s3cret-of-ann")


@dataclass
class World:
    """A project, its forge, another host with the repository `up.git`, and the proxy between them."""

    forging: Forging
    host: GitHost
    proxy: Proxy
    upstream: Path
    sandboxes: SubprocessSandboxes
    root: Path
    trusted: Site

    async def fetch(self) -> schema.Fetched:
        return await self.forging.git.fetch(schema.FetchRequest(project_id="demo", remote="up"), Told())

    async def push(self) -> schema.Pushed:
        return await self.forging.git.push(schema.PushRequest(project_id="demo", remote="up"), Told())

    async def name_it(self, name: str = "up.git") -> None:
        await self.forging.forge.remotes.set(self.forging.place, "up", self.host.url(name), None)

    def commit(self, name: str) -> None:
        """Have somebody else push a file to the other host."""
        work = self.upstream.parent.parent / "theirs"
        (work / name).write_text(name * 1000)
        plain_git(work, "add", ".")
        plain_git(work, "commit", "--quiet", "-m", f"Add {name}")
        plain_git(work, "push", "--quiet", str(self.upstream), "trunk")


@asynccontextmanager
async def another(
    folder: Path, login: tuple[str, str] | None = None, ways: Ways | None = None, *, contain: bool = False
) -> AsyncIterator[World]:
    """The host's own authority is the site's, and the way out reads the same file as the tasks."""
    where = development_facts(folder / "dev")
    hosted, home = folder / "hosted", folder / "projects" / "demo" / "home"
    seconds = count()
    for each in (hosted, home):
        each.mkdir(parents=True)
    authority = folder / "authority.pem"
    with git_host(hosted, authority, login) as host:
        trusted = Site(authorities=tuple(base64_of(authority.read_text())))
        write(where.root, trusted)
        site = LiveSite(where.root, lambda: float(next(seconds)))
        async with way_out(folder, where.unit("att-egress").socket_paths[0], ways=ways, site=site) as proxy:
            proxy.entries += [f"demo={NAME}:{host.port}", f"clone={NAME}:{host.port}"]
            proxy.names[NAME] = [(socket.AF_INET, "127.0.0.1", host.port)]
            sandboxes = SubprocessSandboxes(where, WayOut(proxy.grants, lambda: proxy.entries), contain=contain)
            transfers = Transfers(sandboxes, WayOut(proxy.grants, lambda: proxy.entries))
            home.rmdir()
            home.parent.rmdir()
            async with forging(folder, transfers=transfers) as made:
                yield World(made, host, proxy, _upstream(folder, hosted), sandboxes, where.root, trusted)


def _upstream(folder: Path, hosted: Path) -> Path:
    work, bare = folder / "theirs", hosted / "up.git"
    work.mkdir()
    plain_git(work, "init", "--quiet", "--initial-branch=trunk")
    (work / "theirs.txt").write_text("theirs\n")
    plain_git(work, "add", ".")
    plain_git(work, "commit", "--quiet", "-m", "Theirs")
    plain_git(work, "tag", "-a", "v1", "-m", "One")
    plain_git(folder, "clone", "--quiet", "--bare", str(work), str(bare))
    plain_git(bare, "--git-dir=.", "config", "http.receivepack", "true")
    return bare


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with another(tmp_path) as made:
        yield made


def holding(folder: Path, text: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def clone_place(folder: Path) -> Place:
    place = Place("prj_clone", "clone", folder / "projects" / "clone")
    for each in (place.work, place.home, place.tasks):
        each.mkdir(parents=True)
    return place


async def test_a_clone_has_branches_tags_the_default_and_the_files_and_leaves_no_task(
    world: World, tmp_path: Path
) -> None:
    place, forge = clone_place(tmp_path), world.forging.forge
    for _ in range(2):
        await forge.fetch_from(place, world.host.url("up.git"), None)
    bare = forge.repositories.of("prj_clone")
    assert (place.work / "theirs.txt").read_text() == "theirs\n"
    assert set(await bare.refs()) == {"refs/heads/trunk", "refs/tags/v1"}
    assert await bare.default_branch() == "trunk"
    assert plain_git(place.work, "cat-file", "-t", "refs/tags/v1").strip() == "tag"
    assert list(place.tasks.iterdir()) == []


async def test_a_clone_of_an_empty_repository_is_empty_and_of_nothing_refused(world: World, tmp_path: Path) -> None:
    plain_git(world.host.folder, "init", "--quiet", "--bare", "empty.git")
    place = clone_place(tmp_path)
    await world.forging.forge.fetch_from(place, world.host.url("empty.git"), None)
    assert [one.name for one in place.work.iterdir()] == [".git"]
    with pytest.raises(AttError) as refused:
        await world.forging.forge.fetch_from(place, world.host.url("none.git"), None)
    assert refused.value.code == "url_refused"


async def test_a_remote_is_fetched_from_and_the_next_time_only_what_is_new_comes(world: World) -> None:
    await world.name_it()
    for number in range(30):
        world.commit(f"file-{number}.txt")
    await world.fetch()
    first = world.host.brought
    world.commit("new.txt")
    await world.fetch()
    log = await world.forging.git.log(schema.LogRequest(project_id="demo", ref="up/trunk"))
    assert [one.message for one in log.commits][:2] == ["Add new.txt\n", "Add file-29.txt\n"]
    assert world.host.brought - first < first / 2
    assert (await world.fetch()).updates == []


async def test_a_branch_is_pushed_also_one_that_the_worktree_lost(world: World) -> None:
    await world.name_it()
    commit = await world.forging.branch("towns")
    for _ in range(2):
        assert (await world.push()).commit == commit
    assert plain_git(world.upstream, "--git-dir=.", "rev-parse", "towns").strip() == commit


async def test_a_rejection_is_told_in_the_hosts_words(world: World, tmp_path: Path) -> None:
    await world.name_it()
    plain_git(tmp_path / "theirs", "push", "--quiet", str(world.upstream), "trunk:main")
    with pytest.raises(AttError) as refused:
        await world.push()
    assert refused.value.code == "push_rejected"


async def test_the_login_opens_the_host_and_is_nowhere_to_be_seen(tmp_path: Path) -> None:
    async with another(tmp_path, ANN) as world:
        place = clone_place(tmp_path)
        await world.forging.forge.fetch_from(place, world.host.url("up.git"), Login(*ANN))
        assert (place.work / "theirs.txt").exists()
        assert world.host.seen == []
        assert holding(tmp_path, ANN[1]) == []


@pytest.mark.parametrize("login", [None, Login("ann", "wrong-secret")], ids=["none", "wrong"])
async def test_a_host_that_wants_another_login_is_told_and_not_asked_again(tmp_path: Path, login: Login | None) -> None:
    async with another(tmp_path, ANN) as world:
        with pytest.raises(AttError) as refused:
            await world.forging.forge.fetch_from(clone_place(tmp_path), world.host.url("up.git"), login)
        assert refused.value.code == "clone_refused"
        assert "wrong-secret" not in refused.value.detail
        await world.name_it()
        with pytest.raises(AttError) as refused:
            await world.push()
        assert refused.value.code == "clone_refused"
        assert world.forging.pauses == [], "another try would not help"


async def test_a_configuration_of_the_project_hears_nothing_of_the_login(tmp_path: Path) -> None:
    async with another(tmp_path, ANN) as world:
        stolen = tmp_path / "stolen"
        work = world.forging.place.work
        plain_git(work, "config", "credential.helper", f"!cat >>{stolen}; true")
        plain_git(work, "config", "core.sshCommand", f"touch {stolen}")
        plain_git(work, "config", "http.proxy", "http://127.0.0.1:1")
        (work / ".git" / "hooks").mkdir(exist_ok=True)
        (work / ".git" / "hooks" / "pre-push").write_text(f"#!/bin/sh\ntouch {stolen}\n")
        (work / ".git" / "hooks" / "pre-push").chmod(0o755)
        world.forging.forge.remotes._logins = lambda: _Knows()
        await world.forging.forge.remotes.set(world.forging.place, "up", world.host.url("up.git"), "ann")
        await world.fetch()
        await world.push()
        assert not stolen.exists()


class _Knows:
    async def login(self, credential: str, url: str) -> Login:
        return Login(*ANN)


async def test_a_host_that_is_away_is_tried_again_and_then_told(world: World) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        world.proxy.names[NAME] = [(socket.AF_INET, "127.0.0.1", closed.getsockname()[1])]
        await world.name_it()
        with pytest.raises(AttError) as refused:
            await world.push()
    assert refused.value.code == "clone_unreachable"
    assert world.forging.pauses == [1.0, 2.0, 4.0]


async def test_a_host_that_leads_to_a_private_address_is_refused_although_the_policy_names_it(tmp_path: Path) -> None:
    def private(host: str, port: int) -> list[tuple[int, str, int]]:
        return [(socket.AF_INET, "10.0.0.1", port)]

    async with another(tmp_path, ways=Ways(resolve=private)) as world:
        with pytest.raises(AttError) as refused:
            await world.forging.forge.fetch_from(clone_place(tmp_path), world.host.url("up.git"), None)
        assert refused.value.code == "egress_denied"
        assert "att-egress" in refused.value.hint
        assert world.host.asked == []


async def test_without_the_sites_authority_the_host_is_not_believed_and_what_helps_is_told(world: World) -> None:
    write(world.root, Site())
    with pytest.raises(AttError) as refused:
        await world.forging.forge.fetch_from(clone_place(world.root), world.host.url("up.git"), None)
    assert refused.value.code == "clone_unreachable"
    assert "attctl network set --ca" in refused.value.hint
    assert world.host.asked == []


async def test_behind_the_sites_proxy_the_host_is_reached_through_it(world: World, tmp_path: Path) -> None:
    del world.proxy.names[NAME]
    async with connect_proxy() as site:
        site.names[NAME] = world.host.port
        write(world.root, replace(world.trusted, proxy=site.proxy))
        place = clone_place(tmp_path)
        await world.forging.forge.fetch_from(place, world.host.url("up.git"), None)
        assert (place.work / "theirs.txt").read_text() == "theirs\n"
        assert {line.split()[1] for line in site.asked} == {f"{NAME}:{world.host.port}"}
        assert NAME not in world.proxy.asked
        site.answer = lambda _line: b"HTTP/1.1 403 No\r\n\r\n"
        await world.name_it()
        with pytest.raises(AttError) as refused:
            await world.fetch()
        assert refused.value.code == "clone_unreachable"


@pytest.mark.parametrize("contain", [False, True], ids=["plain", "bubblewrap"])
async def test_a_program_in_a_task_finds_proxy_and_authorities_in_its_environment(
    tmp_path: Path, contain: bool
) -> None:
    if contain and contained.program() is None:
        pytest.skip("bubblewrap does not work here")
    async with another(tmp_path, contain=contain) as world, connect_proxy() as site:
        site.names[NAME] = world.host.port
        write(world.root, replace(world.trusted, proxy=site.proxy))
        place = clone_place(tmp_path)
        command = ("python3", "-c", _FETCH, world.host.url("up.git/info/refs?service=git-upload-pack"))

        async def said(task_id: str) -> str:
            spec = TaskSpec(task_id=task_id, kind=TaskKind.TEST, command=command, timeout_seconds=60)
            await world.sandboxes.start(place, spec)
            await world.sandboxes.wait(place, task_id)
            return (place.task(task_id) / "log").read_text()

        assert "# service=git-upload-pack" in await said("trusting")
        assert len(site.asked) == 1
        write(world.root, Site(proxy=site.proxy))
        assert "CERTIFICATE_VERIFY_FAILED" in await said("not_trusting")


_FETCH = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=30).read().decode())"


async def test_in_bubblewrap_too_a_clone_is_made(tmp_path: Path) -> None:
    if contained.program() is None:
        pytest.skip("bubblewrap does not work here")
    async with another(tmp_path, contain=True) as world:  # which hides the folder that names the authority
        place = clone_place(tmp_path)
        await world.forging.forge.fetch_from(place, world.host.url("up.git"), None)
        assert (place.work / "theirs.txt").read_text() == "theirs\n"
