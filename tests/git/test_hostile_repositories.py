"""Repositories that want something of theirs to be run: the forge runs nothing, the reading verbs run nothing.

Each trick is first seen to work for plain git, so that a trick that never works proves nothing.
"""

import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.fakes.forging import ANN, BEA, Forging, Told, forging, plain_git

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


HOOKS = (
    "commit-msg",
    "post-checkout",
    "post-commit",
    "post-merge",
    "post-receive",
    "post-update",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "pre-receive",
    "prepare-commit-msg",
    "reference-transaction",
    "update",
)


class Trap:
    """A program that leaves a marker when it is run."""

    def __init__(self, folder: Path) -> None:
        self.marker = folder / "marker"
        self.program = folder / "trap"
        self.program.write_text(f'#!/bin/sh\necho "$0" >> {self.marker}\ncat\n')
        self.program.chmod(stat.S_IRWXU)

    @property
    def sprung(self) -> bool:
        found = self.marker.exists()
        self.marker.unlink(missing_ok=True)
        return found

    def hooks(self, git_folder: Path) -> None:
        (git_folder / "hooks").mkdir(exist_ok=True)
        for name in HOOKS:
            (git_folder / "hooks" / name).write_text(f"#!/bin/sh\necho {name} >> {self.marker}\n")
            (git_folder / "hooks" / name).chmod(stat.S_IRWXU)


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap(tmp_path)


def settings(trap: Trap) -> dict[str, str]:
    program = str(trap.program)
    return {
        "core.fsmonitor": program,
        "core.pager": program,
        "core.editor": program,
        "core.sshCommand": program,
        "core.askPass": program,
        "gpg.program": program,
        "commit.gpgSign": "true",
        "log.showSignature": "true",
        "diff.external": program,
        "diff.odd.textconv": program,
        "diff.odd.command": program,
        "credential.helper": program,
        "uploadpack.packObjectsHook": program,
        "core.alternateRefsCommand": program,
    }


def set_trap(world: Forging, trap: Trap) -> None:
    work = world.place.work
    for name, value in settings(trap).items():
        plain_git(work, "config", name, value)
    trap.hooks(work / ".git")
    (work / ".gitattributes").write_text("*.txt diff=odd\n")
    (work / "file.txt").write_text("changed\n")
    assert not trap.sprung


READS: dict[str, Callable[[Path], object]] = {
    "status": lambda root: verbs.find("git.status")(root, {}),
    "log": lambda root: verbs.find("git.log")(root, {"limit": 5}),
    "branches": lambda root: verbs.find("git.branches")(root, {}),
    "diff": lambda root: verbs.find("git.diff")(root, {}),
    "staged diff": lambda root: verbs.find("git.diff")(root, {"staged": True}),
    "blame": lambda root: verbs.find("git.blame")(root, {"path": "file.txt", "limit": 5}),
    "resolve": lambda root: verbs.find("git.resolve")(root, {"ref": "HEAD"}),
}


async def test_the_traps_work_for_plain_git(world: Forging, trap: Trap) -> None:
    set_trap(world, trap)
    plain_git(world.place.work, "status")
    assert trap.sprung, "fsmonitor"
    plain_git(world.place.work, "-c", "core.fsmonitor=false", "diff")
    assert trap.sprung, "textconv, external diff"
    plain_git(world.place.work, "-c", "core.fsmonitor=false", "-c", "commit.gpgSign=false", "commit", "-qam", "x")
    assert trap.sprung, "hooks"


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
    attributes = "*.txt filter=odd diff=odd merge=odd\n"
    for name in ("filter.odd.clean", "filter.odd.smudge", "diff.odd.textconv", "diff.odd.command"):
        plain_git(world.bare, "--git-dir=.", "config", name, str(trap.program))
    assert not trap.sprung
    await world.branch("hostile", ".gitattributes", attributes)
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


@pytest.mark.parametrize("name", [".git", "..", ".", ".GIT", "a/b", ".g\u200cit", "git~1"])
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


@pytest.mark.parametrize(
    "modules",
    [
        '[submodule "../../x"]\n\tpath = x\n\turl = ./x\n',
        '[submodule "x"]\n\tpath = -x\n\turl = ./x\n',
        '[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch\n',
    ],
)
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
