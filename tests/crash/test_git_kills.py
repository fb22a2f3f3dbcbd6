"""The API killed at random moments of a commit, a push, a merge: done again, each has its effect exactly once.

Effects are counted where they arrive: in the history of the worktree and in the reflog of the forge. `ATT_KILLS` says
how often each is killed, `ATT_SEED` at which moments.
"""

import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.bench.table import Row
from tests.crash.moments import kills, seeded
from tests.fakes.forging import ANN, Forging, forging, plain_git

pytestmark = [pytest.mark.anyio, pytest.mark.heavy, pytest.mark.long, pytest.mark.timeout(1200)]

KILLS = kills(1)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Forging]:
    async with forging(tmp_path) as made:
        yield made


def started(world: Forging, what: str, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.crash.forge_process", str(world.folder), what, str(number)]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "go\n", child.communicate(timeout=30)[1]
    return child


def done(world: Forging, what: str, number: int) -> float:
    """Let it finish; returns how long it took."""
    child, begun = started(world, what, number), time.monotonic()
    out, errors = child.communicate(timeout=60)
    assert out == "done\n", errors
    return time.monotonic() - begun


def kill_often(world: Forging, what: str, first: int, told: list[Row]) -> None:
    """Kill `KILLS` processes, each at a random moment of its work, and have the next one finish it."""
    seed, chosen = seeded()
    length, broken = done(world, what, first), 0
    for number in range(first + 1, first + 1 + KILLS):
        child = started(world, what, number)
        with suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=chosen.uniform(0, length))
        broken += child.poll() is None
        child.kill()
        child.communicate(timeout=30)
        done(world, what, number)
    figure = f"{KILLS} kills, {broken} in the middle: each done once, none lost"
    told.append(Row(f"{what}, its process killed", figure, f"ATT_SEED={seed}"))
    print(f"{what}: {figure}")
    assert broken >= KILLS // 4  # of a few all may come too late


async def test_each_commit_is_made_once(world: Forging, told: list[Row]) -> None:
    kill_often(world, "commit", 1, told)
    subjects = plain_git(world.place.work, "log", "--format=%s").splitlines()
    assert sorted(subjects) == sorted(["First commit", *(f"Commit {number}" for number in range(1, KILLS + 2))])
    assert plain_git(world.place.work, "status", "--porcelain") == ""


async def test_each_push_arrives_once(world: Forging, told: list[Row]) -> None:
    for number in range(1, KILLS + 2):
        await world.agents.of(world.place).call("git.branch", name=f"branch-{number}", start="main", switch=True)
        await world.commit("file.txt", f"{number}\n")
    kill_often(world, "push", 1, told)
    for number in range(1, KILLS + 2):
        assert len(world.reflog(f"branch-{number}")) == 1
    plain_git(world.bare, "--git-dir=.", "fsck", "--strict")


async def test_each_merge_is_made_once(world: Forging, told: list[Row]) -> None:
    for number in range(1, KILLS + 2):
        await world.branch(f"branch-{number}", f"file-{number}.txt")
        pull = await world.forge.pulls.create(
            world.place, ANN, head=f"branch-{number}", base=None, title=f"Pull {number}", body=""
        )
        await world.forge.pulls.approve(world.place, ANN, pull.number)
    kill_often(world, "merge", 1, told)
    moves = [reason.split(" ")[0] for reason in world.reflog("main")]
    assert moves == ["push", *["merge"] * (KILLS + 1)]
    merges = plain_git(world.bare, "--git-dir=.", "log", "--merges", "--format=%s", "main").splitlines()
    assert len(merges) == len(set(merges)) == KILLS + 1
    plain_git(world.bare, "--git-dir=.", "fsck", "--strict")
