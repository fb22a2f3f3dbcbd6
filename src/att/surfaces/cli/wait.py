"""Waits for a job of the API: a bar on stderr, through restarts of the service, to the result or its problem."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from att.kernel.errors import AttError
from att.surfaces.cli.client import Client
from att.surfaces.cli.failure import JobFailed
from att.surfaces.cli.progress import ProgressLine

JOB_PATH = "/jobs/{job_id}"
LOOK_SECONDS = 1.0
"""So often the bar moves; that the job has ended is told at once."""
PAUSE_SECONDS = 0.05
AWAY_PAUSE_SECONDS = 0.5
AWAY_SECONDS_MAX = 300.0
_AWAY = frozenset({"unreachable", "write_fenced", "engine_unavailable"})


def wait_for(client: Client, job_id: str) -> dict[str, Any]:
    """Return the job once it has succeeded; JobFailed otherwise. An API that is away for a while is waited for."""
    line = ProgressLine()
    away_since: float | None = None
    try:
        while True:
            try:
                job = show_job(client, job_id, wait_seconds=LOOK_SECONDS)
                away_since = None
            except AttError as error:
                away_since = away_since or time.monotonic()
                if error.code not in _AWAY or time.monotonic() - away_since > AWAY_SECONDS_MAX:
                    raise
                line.show("the API is away, waiting for it")
                time.sleep(AWAY_PAUSE_SECONDS)
            else:
                line.show(f"{job['step'] or job['state']}", job.get("percent"), seconds_left(job))
                if job["finished"] is not None:
                    return demand_success(job)
                time.sleep(PAUSE_SECONDS)  # one that is about to stop answers without waiting
    finally:
        line.done()


def show_job(client: Client, job_id: str, *, wait_seconds: float = 0) -> dict[str, Any]:
    """Return the job once it has ended, or as it is after `wait_seconds`."""
    asked = {"wait_seconds": wait_seconds} if wait_seconds else {}
    _, job = client.call("GET", JOB_PATH, {"job_id": job_id, **asked})
    found: dict[str, Any] = job
    return found


def demand_success(job: dict[str, Any]) -> dict[str, Any]:
    """Return a job that succeeded, else raise JobFailed with its problem."""
    if job["state"] == "succeeded":
        return job
    problem = job.get("problem") or {
        "code": "job_finished",
        "detail": f"the job {job['id']} was {job['state']}",
        "hint": f"read its log: attctl job log {job['id']}",
    }
    raise JobFailed(problem)


def seconds_left(job: Mapping[str, Any]) -> float | None:
    """Return the seconds until the present step's deadline, None without one."""
    if not job.get("deadline"):
        return None
    deadline = datetime.fromisoformat(job["deadline"])
    if deadline.tzinfo is None:
        deadline = deadline.replace(tzinfo=UTC)
    return (deadline - datetime.now(UTC)).total_seconds()
