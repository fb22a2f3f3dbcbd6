"""The API killed while it makes and removes projects: each is there whole or not at all, and no trace is left.

`ATT_KILLS` says how often, `ATT_SEED` at which moments; both are printed.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from att.entrypoints.dev import TOKEN_FILE, development_facts

REPOSITORY = Path(__file__).parents[2]
KILLS = int(os.environ.get("ATT_KILLS", "2"))
START_SECONDS_MAX = 120
SETTLE_SECONDS_MAX = 90
KILL_SECONDS_MAX = 4.0
PROJECTS = "/api/v1/projects"

pytestmark = pytest.mark.timeout(120 + 90 * KILLS)


class Platform:
    """`make dev` as a process of its own, which may be killed and started again over the same data."""

    def __init__(self, folder: Path) -> None:
        self.where = development_facts(folder)
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self.http = httpx.Client()

    def start(self) -> None:
        """Start, and return when it is ready."""
        environment = {**os.environ, "PORT": "0", "DATA_DIR": str(self._folder)}
        with (self._folder / "log").open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "att.entrypoints.dev"],
                cwd=REPOSITORY,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        first = self._process.stdout.readline()
        assert "ATT runs on" in first, (self._folder / "log").read_text()
        token = (self.where.paths.secrets / TOKEN_FILE).read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=first.split()[3].rstrip("/"), headers=headers, timeout=60)

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order, with what it has started."""
        for project in self.projects().values():
            self.delete(project["id"])
        self._end(signal.SIGINT)

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self.http.close()
        self._process.send_signal(number)
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def projects(self) -> dict[str, dict[str, Any]]:
        """Return what is shown, by slug."""
        return {project["slug"]: project for project in self.http.get(PROJECTS).json()["projects"]}

    def delete(self, project: str) -> httpx.Response:
        """Delete a project, confirmed."""
        confirmation = self.http.delete(f"{PROJECTS}/{project}").json()["data"]["confirmation_id"]
        return self.http.delete(f"{PROJECTS}/{project}", headers={"X-Confirmation-Id": confirmation})

    def settled(self) -> dict[str, dict[str, Any]]:
        """Return what is shown once no job runs and no trace of anything else is on the disk."""
        deadline, seen = time.monotonic() + SETTLE_SECONDS_MAX, ""
        while time.monotonic() < deadline:
            jobs = [job for job in self.http.get("/api/v1/jobs").json()["jobs"] if job["finished"] is None]
            shown = self.projects()
            ids = {project["id"] for project in shown.values()}
            folders = {path.name for path in self.where.paths.projects.iterdir()}
            repositories = {path.stem for path in self.where.paths.forge.glob("*.git")}
            if not jobs and ids == folders == repositories:
                return shown
            seen = f"jobs {jobs}, shown {ids}, folders {folders}, repositories {repositories}"
        raise AssertionError(seen)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    made = Platform(tmp_path)
    made.start()
    yield made
    made.stop()


def test_a_project_is_there_whole_or_not_at_all_whenever_the_api_is_killed(platform: Platform) -> None:
    seed = int(os.environ.get("ATT_SEED", str(random.SystemRandom().randrange(10_000))))
    moments = random.Random(seed)
    print(f"ATT_SEED={seed} ATT_KILLS={KILLS}")
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
