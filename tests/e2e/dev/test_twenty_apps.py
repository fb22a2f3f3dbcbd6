"""Twenty apps at once on one host: the API still answers at once, and what all of it takes of the memory is told."""

import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tests.bench.processes import command_of, descendants, pss_bytes_of
from tests.bench.table import Row, write
from tests.e2e.dev.doors import attctl
from tests.e2e.dev.service import Dev

APPS = 20
AT_ONCE = 4
REQUESTS = 300
P95_MS_MAX = 100.0
WORKER_AND_ROUTER_MIB_MAX = 330.0
MIB = 2**20
PATHS = (
    "/projects",
    "/projects/{slug}",
    "/projects/{slug}/runtime/status",
    "/projects/{slug}/git/status",
    "/projects/{slug}/git/log",
    "/projects/{slug}/files",
    "/jobs",
)


@pytest.fixture
def apps(dev: Dev, tmp_path: Path) -> list[str]:
    """The short names of twenty projects whose apps run and have answered."""
    do = attctl(dev, tmp_path / "person", dev.token).do

    def started(number: int) -> str:
        slug = str(do("att.project.create", name=f"App {number}", template="chatbot")["slug"])
        assert do("att.runtime.start", project_id=slug)["healthy"]
        assert "391" in do("att.runtime.ask", project_id=slug, message="What is 17 * 23?")["answer"]
        return slug

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(started, range(APPS)))


def test_the_api_answers_at_once_while_twenty_apps_run(dev: Dev, apps: list[str]) -> None:
    with httpx.Client(base_url=f"{dev.url}/api/v1", headers=dev.headers, timeout=30, trust_env=False) as http:
        taken = [_milliseconds(http, number, apps) for number in range(REQUESTS)]
    p95 = statistics.quantiles(taken, n=20)[-1]
    below = [(pid, command_of(pid)) for pid in descendants(dev.pid)]
    everything = sum(pss_bytes_of(pid) for pid in (dev.pid, *(pid for pid, _ in below))) / MIB
    serving = [pss_bytes_of(pid) / MIB for pid, command in below if _runs(command, "att_nat.serve")]
    ours = sum(pss_bytes_of(pid) for pid, command in below if _is_worker_or_router(command)) / MIB

    rows = [
        Row("API while they run, 95 %", f"{p95:.1f} ms", f"{P95_MS_MAX:.0f} ms"),
        Row("API while they run, median", f"{statistics.median(taken):.1f} ms"),
        Row("one app, median of PSS", f"{statistics.median(serving):.0f} MiB"),
        Row(f"everything, {APPS} apps among it, PSS", f"{everything:.0f} MiB"),
        Row("NAT's worker and the router, PSS", f"{ours:.0f} MiB", f"{WORKER_AND_ROUTER_MIB_MAX:.0f} MB"),
    ]
    write("twenty-apps", "make e2e", rows)
    assert len(serving) >= APPS
    assert p95 < P95_MS_MAX, rows
    assert 0 < ours * MIB <= WORKER_AND_ROUTER_MIB_MAX * 1e6, rows


def _milliseconds(http: httpx.Client, number: int, apps: Sequence[str]) -> float:
    path = PATHS[number % len(PATHS)].format(slug=apps[number % len(apps)])
    began = time.perf_counter()
    http.get(path).raise_for_status()
    return 1000 * (time.perf_counter() - began)


def _is_worker_or_router(command: Sequence[str]) -> bool:
    return _runs(command, "att_nat.worker") or _runs(command, "att.entrypoints.router")


def _runs(command: Sequence[str], module: str) -> bool:
    """Whether this is Python with that module, not the sandbox around it, which has the same words."""
    return module in command and Path(command[0]).name.startswith("python")
