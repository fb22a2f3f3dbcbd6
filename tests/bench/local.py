"""On the build host: processor time of attctl's quick commands, and the API's way to ready."""

import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.table import Row

RUNS = 5
ATTCTL = str(Path(sys.executable).parent / "attctl")
# A release ships its modules compiled; here the warm-up compiles them.
COMPILING = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
IMPORTS = "import fastapi, uvicorn, sqlalchemy.ext.asyncio, aiosqlite, mcp.server"


def cpu_seconds(*command: str) -> float:
    """Return the median user and system time of a command over the runs, after one warm-up; it must exit 0."""
    spent = []
    for _ in range(RUNS + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True, timeout=60, env=COMPILING)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(spent[1:])


def attctl() -> list[Row]:
    """Return a row a command, against a bare interpreter."""
    peer = cpu_seconds(sys.executable, "-c", "pass")
    commands = {
        "attctl version": ["version"],
        "attctl --help": ["--help"],
        "attctl config validate": ["config", "validate", "appliance/att.yaml.example"],
    }
    rows = []
    for name, arguments in commands.items():
        spent = cpu_seconds(ATTCTL, *arguments)
        how = f"`{name.split()[0]} {' '.join(arguments)}`, user and system time, median of {RUNS}"
        rows.append(Row(name, f"{spent:.2f} s CPU", "0.4 s", "python -c pass", f"{spent / peer:.1f}", how))
    return rows


def api() -> list[Row]:
    """Return how long the API takes to `/readyz` 200, its database being there, against importing what it stands on."""
    peer = cpu_seconds(sys.executable, "-c", IMPORTS)
    with tempfile.TemporaryDirectory() as data:
        with _dev_server(data):
            pass
        taken = []
        for _ in range(RUNS):
            with _dev_server(data) as seconds:
                taken.append(seconds)
    ready = statistics.median(taken)
    stands_on = f"CPU of {IMPORTS}"
    how = f"`python -m att.entrypoints.dev` to `/readyz` 200, database there, median of {RUNS}"
    return [Row("API ready", f"{ready:.2f} s", "2 s", stands_on, f"{ready / peer:.1f}", how)]


@contextmanager
def _dev_server(data: str) -> Iterator[float]:
    """Start the platform, wait until it is ready, yield the seconds that took, and stop it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = COMPILING | {"PORT": str(port), "DATA_DIR": data}
    started = time.monotonic()
    command = [sys.executable, "-m", "att.entrypoints.dev"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not _ready(port):
            if process.poll() is not None or time.monotonic() - started > 60:
                raise RuntimeError("the API did not get ready")
            time.sleep(0.01)
        yield time.monotonic() - started
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False
