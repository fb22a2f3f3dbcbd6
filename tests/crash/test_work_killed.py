"""The API, or the workspace agents, killed at a random moment of seven works: each is done right, and once.

All are in flight at each kill, every one at a random moment of its own. `ATT_KILLS` says how often, `ATT_SEED` at
which moments; both are printed. What is killed is started again at once, as the service manager does with the API and
the API with an agent.
"""

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from tests.bench.table import Row
from tests.crash.moments import kills, seeded
from tests.crash.platform import ANSWER_SECONDS_MAX, Platform
from tests.crash.works import WORKS, Work

from att.workspace.shim.descendants import send

KILLS = kills(1)
ROUND_SECONDS_MAX = 300

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(120 + ROUND_SECONDS_MAX * KILLS)]


Kill = Callable[[Platform, random.Random], set[str]]
"""Kills, and returns the projects whose work that cut."""


@dataclass(frozen=True)
class World:
    """One platform, and what is done on it."""

    platform: Platform
    works: list[Work]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    platform = Platform(tmp_path_factory.mktemp("killed"))
    platform.start()
    yield World(platform, [make(platform) for make in WORKS])
    platform.stop()


def test_each_work_is_done_once_whenever_the_api_is_killed(world: World, told: list[Row]) -> None:
    def kill(platform: Platform, _: random.Random) -> set[str]:
        platform.kill()
        platform.start()
        return {path.name for path in platform.where.paths.projects.iterdir()}

    kill_often(world, "API", kill, told)


@pytest.mark.long
def test_each_work_is_done_once_whenever_the_agents_are_killed(world: World, told: list[Row]) -> None:
    def kill(platform: Platform, moments: random.Random) -> set[str]:
        agents = platform.agents()
        for agent in agents.values():
            send(signal.SIGKILL, [moments.choice(agent)])
        return set(agents)

    kill_often(world, "agent", kill, told)


def kill_often(world: World, whom: str, kill: Kill, told: list[Row]) -> None:
    """Kill `KILLS` times over all works, and prove each after each kill."""
    seed, moments = seeded()
    cut = dict.fromkeys((work.name for work in world.works), 0)
    for number in range(KILLS):
        for name in killed_over(world, f"{whom.lower()}-{number}", moments, kill):
            cut[name] += 1
    for name, count in cut.items():
        figure = f"{KILLS} kills, {count} in the middle: each done once, none lost"
        told.append(Row(f"{name}, {whom} killed", figure, f"ATT_SEED={seed}"))
        print(f"{told[-1].what}: {figure}")


def killed_over(world: World, key: str, moments: random.Random, kill: Kill) -> list[str]:
    """Begin every work so long before the kill as it drew, and return the names of those that the kill cut."""
    works, slowness = world.works, world.platform.slowness
    for work in works:
        work.prepare(key)
    ahead = {work.name: moments.uniform(0, work.seconds * slowness) for work in works}
    done: dict[str, Future[Any]] = {}
    nobody, at = threading.Event(), time.monotonic() + max(ahead.values())
    with ThreadPoolExecutor(len(works)) as pool:
        for work in sorted(works, key=lambda work: -ahead[work.name]):
            nobody.wait(at - ahead[work.name] - time.monotonic())
            done[work.name] = pool.submit(work.do, key)
        nobody.wait(at - time.monotonic())
        going = [work for work in works if not done[work.name].done()]
        killed = kill(world.platform, moments)
        answers = {name: future.result(ANSWER_SECONDS_MAX) for name, future in done.items()}
    for work in works:
        work.prove(key, answers[work.name])
    return [work.name for work in going if work.project_of(answers[work.name]) in killed]
