"""A fresh `make dev`, its own process in its own folder, with nothing of the network but loopback."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# Apps outlive the process that started them, as they should: here they end with it, however a test ends.
WITH_ALL_IT_STARTS = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
ADDRESS = re.compile(r"ATT runs on (http://127\.0\.0\.1:\d+)/")


@dataclass(frozen=True)
class Dev:
    """Where it listens, and who may come in."""

    url: str
    token_file: Path
    folder: Path

    @property
    def token(self) -> str:
        """The admin token."""
        return self.token_file.read_text(encoding="ascii").strip()


@pytest.fixture(scope="module")
def offline() -> Iterator[None]:
    """Leave the network for a namespace of one's own, to which all that is started from here on belongs."""
    if os.geteuid() != 0:
        pytest.skip("needs root for a network namespace")
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    os.unshare(os.CLONE_NEWNET)
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True, timeout=10)
        yield
    finally:
        os.setns(before, os.CLONE_NEWNET)
        os.close(before)


@pytest.fixture(scope="module")
def dev(offline: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    folder = tmp_path_factory.mktemp("dev")
    environment = {**os.environ, "PORT": "0", "DATA_DIR": str(folder / "data"), "NO_PROXY": "*"}
    command = [*WITH_ALL_IT_STARTS, "--", sys.executable, "-m", "att.entrypoints.dev"]
    with (
        (folder / "log").open("w", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment, text=True) as process,
    ):
        assert process.stdout is not None
        found = next(filter(None, map(ADDRESS.search, process.stdout)), None)
        assert found is not None, (folder / "log").read_text(encoding="utf-8")
        yield Dev(found[1], folder / "data" / "secrets.d" / "admin-token", folder)
        process.terminate()
        process.wait(30)
