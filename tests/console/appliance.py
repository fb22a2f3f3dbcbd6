"""The API as on an appliance, for the browser: real process, database and socket; the upgrade engine is a fake.

The listening socket belongs to the test, as it belongs to systemd on the machine: while the process restarts,
connections wait in its backlog.
"""

import asyncio
import hashlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Self

import httpx
from tests.console.engine import FakeEngine

CLAIM_CODE = "K7QX-2MPA-9RTD"
STOP_SECONDS = 10
"""`TimeoutStopSec` of the unit; then systemd kills."""
START_SECONDS = 60
_ROOT = Path(__file__).parents[2]


class Appliance:
    """One machine in `data`. `mode` is `appliance`, or `dev` for what `make dev` runs."""

    def __init__(self, data: Path, *, mode: str = "appliance") -> None:
        self.data = data
        self._mode = mode
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._process: subprocess.Popen[bytes] | None = None
        self.session: dict[str, str] = {}
        """The cookies of who claimed it."""
        self.killed = 0
        """How often the API did not end in time."""
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.engine = FakeEngine(data / "run/att/upgraded.sock")

    def __enter__(self) -> Self:
        self.engine.__enter__()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.engine.__exit__()
        self._listener.close()

    def start(self) -> None:
        """Start the API on the socket that was there all the time; returns when it is ready."""
        fd = self._listener.fileno()
        command = [sys.executable, "-m", "tests.console.appliance", str(self.data), str(fd), self._mode]
        log = (self.data / "api.log").open("ab")
        self._process = subprocess.Popen(command, cwd=_ROOT, pass_fds=[fd], stdout=log, stderr=log)
        log.close()
        httpx.get(f"{self.url}/readyz", timeout=START_SECONDS).raise_for_status()

    def stop(self) -> None:
        """Stop the API as systemd does, which kills one that does not end in time; the socket stays."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.killed += 1
            self._process.kill()
            self._process.wait()
        self._process = None

    def restart(self) -> None:
        """What an upgrade does to the API."""
        self.stop()
        self.start()

    @property
    def admin_token(self) -> str:
        """In mode `dev`: the token that `make dev` prints the place of."""
        return (self.data / "secrets.d/admin-token").read_text(encoding="ascii").strip()


def main() -> None:
    """Serve on the inherited socket until SIGTERM."""
    from att.config.live import LiveSettings
    from att.entrypoints import dev
    from att.entrypoints.platform import ApiServer, build

    data, fd, mode = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    os.umask(0o077)
    where = dev.development_facts(data)
    token = dev.prepare(where)
    digest = hashlib.sha256(CLAIM_CODE.replace("-", "").encode()).hexdigest()
    (where.paths.keys / "claim.sha256").write_text(digest, encoding="ascii")

    async def serve() -> None:
        listener = socket.socket(fileno=fd)
        if mode == "dev":
            await dev.serve(where, listener, token)
            return
        platform = await build(where, LiveSettings(where.paths.config), appliance=True)
        await ApiServer(platform, on_ready=lambda: None).serve([listener])

    asyncio.run(serve())


if __name__ == "__main__":
    main()
