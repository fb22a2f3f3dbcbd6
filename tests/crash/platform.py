"""`make dev` as a process of its own, which may be killed and started again over the same data."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from tests.fakes.runners import end_runners, runners

from att.entrypoints.dev import TOKEN_FILE, development_facts
from att.workspace.agents import TASK_ID as AGENT
from att.workspace.shim.descendants import descendants

REPOSITORY = Path(__file__).parents[2]
PROJECTS = "/api/v1/projects"
AGENT_MODULE = "att.entrypoints.workspace"
START_SECONDS = 2.8
SETTLE_SECONDS_MAX = 90
ANSWER_SECONDS_MAX = 180


class Platform:
    """One platform below `folder`; calls wait until it is up, and are made again when it is killed over them."""

    def __init__(self, folder: Path) -> None:
        self.where = development_facts(folder)
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._up = threading.Event()
        self.http = httpx.Client(timeout=60)
        self.slowness = 1.0

    def start(self) -> None:
        """Start, and return when it is ready; how long that took says how slow the machine is now."""
        began = time.monotonic()
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
        self.http.headers["Authorization"] = f"Bearer {token}"
        self.http.base_url = httpx.URL(first.split()[3])
        self._up.set()
        self.slowness = (time.monotonic() - began) / START_SECONDS

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order, with what it has started."""
        try:
            for project in self.projects().values():
                self.delete(project["id"])
        finally:
            self._end(signal.SIGINT)
            self.http.close()
            end_runners(self.where.paths.projects)

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._up.clear()
        self._process.send_signal(number)
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def ask(self, method: str, path: str, key: str, *, done: str = "", **values: Any) -> Any:
        """Return the answer of a call, made again as the front does when its connection broke; `key` says it is that.

        Any answer but a good one is an AssertionError, but for the error with the code `done`: its data is returned.
        """
        headers = {"X-Request-ID": f"req_{key}", "Idempotency-Key": key}

        def answered() -> httpx.Response | None:
            self._up.wait(ANSWER_SECONDS_MAX)
            with suppress(httpx.TransportError):
                return self.http.request(method, path, json=values or None, headers=headers)
            return None

        answer = until(answered, f"{method} {path} is answered")
        if answer.is_client_error and answer.json()["code"] == done:
            return answer.json()["data"]
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def job(self, path: str, key: str, **values: Any) -> dict[str, Any]:
        """Start a job and return it once it has ended well."""
        job_id = self.ask("POST", path, key, **values)["job_id"]

        def ended() -> dict[str, Any] | None:
            job: dict[str, Any] = self.ask("GET", f"/api/v1/jobs/{job_id}?wait_seconds=20", key)
            return None if job["finished"] is None else job

        job = until(ended, f"{job_id} of {path} ends")
        assert job["state"] == "succeeded", f"{job['operation']}: {job['problem']}"
        return job

    def followed(self, path: str) -> list[dict[str, Any]]:
        """Follow a stream to its end and return its items; one that breaks off is followed on by its cursor."""
        found: list[dict[str, Any]] = []

        def ended() -> bool | None:
            self._up.wait(ANSWER_SECONDS_MAX)
            cursor = {"cursor": found[-1]["cursor"]} if found else {}
            with (
                suppress(httpx.TransportError),
                self.http.stream("GET", path, params={"follow": "true", **cursor}) as answer,
            ):
                for line in filter(None, answer.iter_lines()):  # an empty one is a heartbeat
                    item = json.loads(line)
                    if "end" in item:
                        return True
                    if "cursor" in item:
                        found.append(item)
            return None

        until(ended, f"{path} ends")
        return found

    def agents(self) -> dict[str, tuple[int, int]]:
        """Return by project the process of each agent that runs, and that of the att-run above it."""
        found = dict[str, tuple[int, int]]()
        for project, runner in runners(self.where.paths.projects, AGENT):
            own = [pid for pid in descendants(runner) if _runs(pid, AGENT_MODULE)]
            if own:
                found[project] = (own[-1], runner)
        return found

    def projects(self) -> dict[str, dict[str, Any]]:
        """Return what is shown, by slug."""
        return {project["slug"]: project for project in self.http.get(PROJECTS).json()["projects"]}

    def delete(self, project: str) -> httpx.Response:
        """Delete a project, confirmed."""
        confirmation = self.http.delete(f"{PROJECTS}/{project}").json()["data"]["confirmation_id"]
        return self.http.delete(f"{PROJECTS}/{project}", headers={"X-Confirmation-Id": confirmation})

    def settled(self) -> dict[str, dict[str, Any]]:
        """Return what is shown once no job runs and no trace of anything else is on the disk."""
        seen = ""

        def whole() -> dict[str, dict[str, Any]] | None:
            nonlocal seen
            jobs = [job for job in self.http.get("/api/v1/jobs").json()["jobs"] if job["finished"] is None]
            shown = self.projects()
            ids = {project["id"] for project in shown.values()}
            folders = {path.name for path in self.where.paths.projects.iterdir()}
            repositories = {path.stem for path in self.where.paths.forge.glob("*.git")}
            seen = f"jobs {jobs}, shown {ids}, folders {folders}, repositories {repositories}"
            return shown if not jobs and ids == folders == repositories else None

        return until(whole, lambda: f"it settles: {seen}", SETTLE_SECONDS_MAX)


def until[T](found: Callable[[], T | None], what: str | Callable[[], str], seconds: float = ANSWER_SECONDS_MAX) -> T:
    """Return what is found once it is there."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (answer := found()) is not None:
            return answer
    raise AssertionError(f"not in {seconds:g} s: {what if isinstance(what, str) else what()}")


def _runs(pid: int, module: str) -> bool:
    """Whether a process is Python with that module, not what contains it."""
    try:
        words = Path("/proc", str(pid), "cmdline").read_bytes().decode().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return module in words and "bwrap" not in words[0]
