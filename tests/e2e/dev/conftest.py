"""A fresh `make dev`, its own process in its own folder, with nothing of the network but loopback."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ADDRESS = re.compile(r"ATT runs on (http://127\.0\.0\.1:\d+)/")


@dataclass(frozen=True)
class Dev:
    """Where it listens, and who may come in."""

    url: str
    token_file: Path
    folder: Path
    pid: int

    @property
    def token(self) -> str:
        """The admin token."""
        return self.token_file.read_text(encoding="ascii").strip()


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    folder = tmp_path_factory.mktemp("dev")
    environment = {**os.environ, "PORT": "0", "DATA_DIR": str(folder / "data"), "NO_PROXY": "*"}
    log = (folder / "log").open("w", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "att.entrypoints.dev"], stdout=subprocess.PIPE, stderr=log, env=environment, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if found := ADDRESS.search(line):
            break
    else:
        pytest.fail((folder / "log").read_text(encoding="utf-8"))
    yield Dev(found[1], folder / "data" / "secrets.d" / "admin-token", folder, process.pid)
    process.terminate()
    process.wait(30)
    log.close()
