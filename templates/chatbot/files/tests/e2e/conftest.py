"""Serves the app on a port of its own, once for all end-to-end tests."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

PROJECT = Path(__file__).parents[2]
READY_SECONDS_MAX = 120
ANSWER_SECONDS_MAX = 60


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of the served app; skipped where no model is offered."""
    if "ATT_ROUTER_URL" not in os.environ:
        pytest.skip("ATT_ROUTER_URL is missing: there is no model to talk to")
    port, log = free_port(), tmp_path_factory.mktemp("app") / "log"
    command = [sys.executable, "-m", "att_nat.serve", "--config", "configs/config.yml", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=PROJECT, stdout=output, stderr=output)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=ANSWER_SECONDS_MAX) as client:
            wait_until_ready(client, process, log)
            yield client
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_ready(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the app is healthy; fail with its log when it ends or takes too long."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get("/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail(f"the app is not ready:\n{log.read_text(errors='replace')[-4000:]}")


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
