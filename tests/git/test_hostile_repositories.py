"""Repositories that want something of theirs to be run: the forge runs nothing, the reading verbs run nothing.

Each trick is first seen to work for plain git, so that a trick that never works proves nothing.
"""

import os
import stat
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.fakes.forging import ANN, BEA, Forging, Told, forging, plain_git
from tests.fakes.hostile import (
    ATTRIBUTES,
    CLIMBING,
    EXT_MODULE,
    HOOKS,
    IDENTITY,
    MODULES,
    PAYLOADS,
    PREPARED,
    Payload,
    program,
)

from att.forge.pktline import NOTHING, Command
from att.forge.schema import PullState
from att.forge.transport import Service, advertise
from att.git import schema
from att.kernel.errors import AttError
from att.workspace import verbs

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Forging]:
    async with forging(tmp_path) as made:
        yield made


class Trap:
    """Programs that leave a marker when they are run, one for each payload."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "traps"
        self._marker = folder / "marker"
        self.folder.mkdir()
        for payload in PAYLOADS:
            self._program(self.folder / payload.name)

    def _program(self, path: Path) -> None:
        path.write_text(program(f'echo "$name" >>{self._marker}'))
        path.chmod(stat.S_IRWXU)

    @property
    def sprung(self) -> set[str]:
        """What has run since this was asked last."""
        found = set(self._marker.read_text().split()) if self._marker.exists() else set()
        self._marker.unlink(missing_ok=True)
        return found

    def hooks(self, git_folder: Path) -> None:
        (git_folder / "hooks").mkdir(exist_ok=True)
        for name in HOOKS:
            self._program(git_folder / "hooks" / name)

    def configure(self, git_folder: Path, *payloads: Payload) -> None:
        for payload in payloads:
            for name, value in payload.configured(str(self.folder)).items():
                plain_git(git_folder, "config", "--file", "config", name, value)


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap(tmp_path)


def set_trap(world: Forging, trap: Trap) -> None:
    """Everything that never has to run; filters and merge drivers are what the sandbox is for."""
    work = world.place.work
    trap.configure(work / ".git", *(payload for payload in PAYLOADS if not payload.inside))
    trap.hooks(work / ".git")
    (work / ".gitattributes").write_text(ATTRIBUTES + "\n")
    (work / ".gitmodules").write_text(EXT_MODULE)
    (work / "file.txt").write_text("changed\n")
    assert not trap.sprung


@pytest.mark.parametrize("payload", [one for one in PAYLOADS if one.springs], ids=lambda one: one.name)
def test_the_payload_works_for_plain_git(tmp_path: Path, trap: Trap, payload: Payload) -> None:
    work = tmp_path / "work"
    work.mkdir()
    shell(work, PREPARED)
    trap.configure(work / ".git", payload)
    shell(work, payload.springs)
    assert trap.sprung == {payload.name}


def test_hooks_work_for_plain_git(tmp_path: Path, trap: Trap) -> None:
    work = tmp_path / "work"
    work.mkdir()
    shell(work, PREPARED)
    trap.hooks(work / ".git")
    shell(work, "git commit -qam changed; git switch -q theirs; git merge -q main")
    assert {"pre-commit", "commit-msg", "post-commit", "post-checkout", "reference-transaction"} <= trap.sprung


def shell(work: Path, script: str) -> None:
    """Run what a person types; that git then fails for the program's nonsense is no matter."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(work), "GIT_CONFIG_NOSYSTEM": "1", **IDENTITY}
    subprocess.run(
        ["sh", "-c", script], cwd=work, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=30
    )


READS: dict[str, Callable[[Path], object]] = {
    "status": lambda root: verbs.find("git.status")(root, {}),
    "log": lambda root: verbs.find("git.log")(root, {"limit": 5}),
    "branches": lambda root: verbs.find("git.branches")(root, {}),
    "diff": lambda root: verbs.find("git.diff")(root, {}),
    "staged diff": lambda root: verbs.find("git.diff")(root, {"staged": True}),
    "blame": lambda root: verbs.find("git.blame")(root, {"path": "file.txt", "limit": 5}),
    "resolve": lambda root: verbs.find("git.resolve")(root, {"ref": "HEAD"}),
}


@pytest.mark.parametrize("name", READS)
async def test_reading_runs_nothing_of_the_repository(world: Forging, trap: Trap, name: str) -> None:
    set_trap(world, trap)
    READS[name](world.place.work)
    assert not trap.sprung


async def test_committing_branching_merging_and_pushing_run_no_hook(world: Forging, trap: Trap) -> None:
    set_trap(world, trap)
    agent = world.agents.of(world.place)
    await agent.call("git.branch", name="towns", switch=True)
    await agent.call("git.commit", message="Change\n", all=True, name="ann", email="a@b")
    await agent.call("git.branch", name="main", existing=True)
    await agent.call("git.merge", ref="towns", name="ann", email="a@b")
    await world.git.push(schema.PushRequest(project_id="demo", branch="towns"), Told())
    assert not trap.sprung


async def test_the_forge_runs_nothing_of_what_was_pushed(world: Forging, trap: Trap) -> None:
    """Filters, drivers and hooks are named by the content; even hooks that lay in the bare folder would not run."""
    trap.hooks(world.bare)
    trap.configure(world.bare, *PAYLOADS)
    assert not trap.sprung
    await world.branch("hostile", ".gitattributes", ATTRIBUTES + "\n")
    await world.commit("file.txt", "hostile\n")
    await world.git.push(schema.PushRequest(project_id="demo"), Told())
    pull = await world.forge.pulls.create(world.place, ANN, head="hostile", base=None, title="T", body="")
    await world.forge.pulls.approve(world.place, BEA, pull.number)
    shown = await world.forge.pulls.show(world.place, pull.number, diff=True)
    merged = await world.forge.pulls.merge(world.place, BEA, pull.number, message=None)
    for service in Service:
        await advertise(world.bare, service, "version=2")
    await world.git.fetch(schema.FetchRequest(project_id="demo"), Told())
    assert "+hostile" in (shown.diff or "")
    assert merged.state is PullState.MERGED
    assert not trap.sprung


def tree_with(work: Path, name: str, mode: str = "100644") -> str:
    """Make a commit whose tree has an entry that no checkout should make."""
    blob = plain_git(work, "hash-object", "-w", "file.txt").strip()
    tree = plain_git(work, "hash-object", "-w", "-t", "tree", "--literally", str(_raw_tree(work, name, mode, blob)))
    return plain_git(work, "commit-tree", tree.strip(), "-p", "HEAD", "-m", "hostile").strip()


def _raw_tree(work: Path, name: str, mode: str, blob: str) -> Path:
    raw = work.parent / "raw-tree"
    raw.write_bytes(f"{mode} {name}".encode() + b"\0" + bytes.fromhex(blob))
    return raw


@pytest.mark.parametrize("name", CLIMBING)
async def test_a_tree_with_a_path_that_climbs_is_refused_by_the_forge(world: Forging, name: str) -> None:
    commit = tree_with(world.place.work, name)
    plain_git(world.folder, "init", "--quiet", "--bare", "plain.git")
    plain_git(
        world.place.work, "push", "--quiet", "--no-verify", str(world.folder / "plain.git"), f"{commit}:refs/heads/x"
    )
    with pytest.raises(AttError) as refused:
        await world.forge.repositories.push(world.place, branch="hostile", commit=commit)
    assert refused.value.code in ("git_failed", "push_rejected")
    assert await world.forge.head_of("prj_demo", "hostile") is None


@pytest.mark.parametrize("modules", MODULES)
async def test_submodules_with_tricks_are_refused_by_the_forge(world: Forging, modules: str) -> None:
    world.write(".gitmodules", modules)
    commit = await world.commit("file.txt", "x\n")
    with pytest.raises(AttError):
        await world.forge.repositories.push(world.place, branch="hostile", commit=commit)
    assert await world.forge.head_of("prj_demo", "hostile") is None


async def test_refs_outside_branches_and_tags_are_refused(world: Forging) -> None:
    commit = (await world.git.status("demo")).commit
    judge = await world.forge.repositories.judge("prj_demo")
    assert commit is not None
    refused = judge([Command(NOTHING, commit, "refs/pull/1/head"), Command(NOTHING, commit, "refs/heads/fine")])
    assert set(refused) == {"refs/pull/1/head"}
