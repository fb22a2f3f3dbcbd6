"""The API killed while it makes and removes projects: each is there whole or not at all, and no trace is left.

`ATT_KILLS` says how often, `ATT_SEED` at which moments; both are printed.
"""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.bench.table import Row
from tests.crash.moments import kills, seeded
from tests.crash.platform import PROJECTS, Platform

KILLS = kills(1)
KILL_SECONDS_MAX = 4.0

pytestmark = [pytest.mark.long, pytest.mark.timeout(120 + 90 * KILLS)]


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    made = Platform(tmp_path)
    made.start()
    yield made
    made.stop()


def test_a_project_is_there_whole_or_not_at_all_whenever_the_api_is_killed(platform: Platform, told: list[Row]) -> None:
    seed, moments = seeded()
    first = platform.http.post(PROJECTS, json={"name": "first"}).json()
    source = f"file://{platform.where.paths.forge}/{first['id']}.git"
    for number in range(KILLS):
        kind = ("create", "clone", "delete")[number % 3]
        name = f"{kind}{number}"
        if kind == "delete":
            assert platform.http.post(PROJECTS, json={"name": name}).is_success
        answered: list[bool] = []

        def ask(kind: str = kind, name: str = name, answered: list[bool] = answered) -> None:
            try:
                match kind:
                    case "create":
                        answer = platform.http.post(PROJECTS, json={"name": name})
                    case "clone":
                        answer = platform.http.post(f"{PROJECTS}/clone", json={"source": source, "name": name})
                    case _:
                        answer = platform.delete(name)
            except httpx.TransportError:
                return
            answered.append(answer.is_success)

        asking = threading.Thread(target=ask)
        asking.start()
        asking.join(moments.uniform(0, KILL_SECONDS_MAX))
        platform.kill()
        asking.join(70)
        platform.start()
        shown = platform.settled()
        print(f"{name}: {'answered' if answered else 'cut'}, {'there' if name in shown else 'gone'}")
        if answered:
            assert answered == [True]
            assert (name in shown) is (kind != "delete")
        if name in shown:
            assert platform.http.get(f"{PROJECTS}/{name}/files/pyproject.toml").is_success
            assert platform.http.get(f"{PROJECTS}/{name}/git/log").json()["commits"]
    figure = f"{KILLS} kills: each whole or gone, no trace left"
    told.append(Row("create, clone and delete in turn, API killed", figure, f"ATT_SEED={seed}"))
