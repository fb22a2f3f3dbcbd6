"""A fresh `make dev` as a process of its own, everything below a throwaway folder."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Apps outlive the process that started them, as they should: here they end with it, however a test ends.
WITH_ALL_IT_STARTS = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
ADDRESS = re.compile(r"ATT runs on (http://127\.0\.0\.1:\d+)/")
STOP_SECONDS = 30


@dataclass(frozen=True)
class Dev:
    """Where it listens, who may come in, and its process, from which everything descends that it starts."""

    url: str
    token_file: Path
    folder: Path
    pid: int

    @property
    def token(self) -> str:
        """The admin token."""
        return self.token_file.read_text(encoding="ascii").strip()

    @property
    def headers(self) -> dict[str, str]:
        """What a request shows to be let in."""
        return {"Authorization": f"Bearer {self.token}"}


@contextmanager
def development(folder: Path, *, settings: str = "") -> Iterator[Dev]:
    """Serve below `folder`, with the text of an att.yaml, to the end of the block; with all that it started it ends."""
    data = folder / "data"
    if settings:
        (data / "etc" / "att").mkdir(parents=True)
        (data / "etc" / "att" / "att.yaml").write_text(settings, encoding="utf-8")
    environment = {**os.environ, "PORT": "0", "DATA_DIR": str(data), "NO_PROXY": "*"}
    command = [*WITH_ALL_IT_STARTS, "--", sys.executable, "-m", "att.entrypoints.dev"]
    with (
        (folder / "log").open("w", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment, text=True) as process,
    ):
        assert process.stdout is not None
        found = next(filter(None, map(ADDRESS.search, process.stdout)), None)
        assert found is not None, (folder / "log").read_text(encoding="utf-8")
        # Not the namespace's keeper, which blocks SIGTERM: its one child, with which all others end.
        [server] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        try:
            yield Dev(found[1], data / "secrets.d" / "admin-token", folder, int(server))
        finally:
            os.kill(int(server), signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            finally:
                process.kill()
