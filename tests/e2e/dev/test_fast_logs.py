"""An app that writes faster than anybody reads a log: who follows it gets every byte, also through a disconnect."""

import hashlib
import json
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.bench.table import Row, write
from tests.e2e.dev.doors import Do, attctl
from tests.e2e.dev.service import Dev

from att.entrypoints.dev import development_facts

LINES_A_SECOND = 100_000
SECONDS = 60
LINES = LINES_A_SECOND * SECONDS
LINE_BYTES = 100
BEHIND_SECONDS_MAX = 10.0
END = "every line is written"
# Beside NAT's own lines in one pipe: a write of at most 4096 bytes is never torn.
PRODUCER = f'''

def _produce() -> None:
    import os
    import time
    from pathlib import Path

    while not Path("go").exists():
        time.sleep(0.05)
    began, lines, batch = time.monotonic(), {LINES}, 40
    for first in range(0, lines, batch):
        ahead = began + first / {LINES_A_SECOND} - time.monotonic()
        if ahead > 0.01:
            time.sleep(ahead)
        os.write(1, "".join(f"{{n:099d}}\\n" for n in range(first, first + batch)).encode())
    print(f"{END} after {{time.monotonic() - began:.1f}} s", flush=True)


__import__("threading").Thread(target=_produce, daemon=True).start()
'''


@dataclass
class Reader:
    """Follows the log of a project's app, and goes on at its cursor after a break."""

    dev: Dev
    project: str
    cursor: str = "0"
    lines: int = 0
    missing_bytes: int = 0
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    ended: bool = False

    def read(self, until_lines: int | None = None) -> None:
        """Read until the app says that it wrote everything, or until so many lines are there."""
        url = f"{self.dev.url}/api/v1/projects/{self.project}/runtime/logs"
        asked = {"follow": "true", "cursor": self.cursor}
        headers = {**self.dev.headers, "Accept": "application/x-ndjson"}
        with (
            httpx.Client(headers=headers, timeout=60, trust_env=False) as http,
            http.stream("GET", url, params=asked) as response,
        ):
            for line in response.raise_for_status().iter_lines():
                self._take(json.loads(line))
                if self.ended or (until_lines is not None and self.lines >= until_lines):
                    return

    def _take(self, part: dict[str, Any]) -> None:
        self.cursor = part["cursor"]
        self.missing_bytes += part["missing_bytes"]
        for line in part["text"].splitlines(keepends=True):
            if len(line) == LINE_BYTES and line[:-1].isdigit():
                self.sha256.update(line.encode())
                self.lines += 1
            elif line.startswith(END):
                self.ended = True


@pytest.fixture
def producer(dev: Dev, tmp_path: Path) -> Do:
    """A started app of the project `producer`, which writes as soon as it finds a file `go`."""
    do = attctl(dev, tmp_path / "person", dev.token).do
    project = do("att.project.create", name="Producer", template="chatbot")["id"]
    work = development_facts(dev.folder / "data").paths.projects / project / "work"
    [source] = work.glob("src/*/register.py")
    path = source.relative_to(work).as_posix()
    do("att.code.write", project_id=project, path=path, content=source.read_text(encoding="utf-8") + PRODUCER)
    assert do("att.runtime.start", project_id=project)["healthy"]
    return partial(do, project_id=project)


def test_one_reader_gets_every_byte_through_a_disconnect_and_is_done_soon_after(dev: Dev, producer: Do) -> None:
    reader = Reader(dev, "producer")
    producer("att.code.write", path="go", content="")
    began = time.monotonic()
    reader.read(until_lines=LINES // 2)
    reader.read()
    took = time.monotonic() - began

    rows = [
        Row("written", f"{LINES:,} lines of {LINE_BYTES} bytes, {LINES_A_SECOND:,} a second"),
        Row("read, through one disconnect", f"{reader.lines:,} lines, {reader.missing_bytes} bytes missing"),
        Row("reader done after", f"{took:.1f} s", f"{SECONDS + BEHIND_SECONDS_MAX:.0f} s"),
    ]
    write("fast-logs", "make e2e", rows)
    assert (reader.lines, reader.missing_bytes) == (LINES, 0), rows
    expected = hashlib.sha256()
    for number in range(LINES):
        expected.update(b"%099d\n" % number)
    assert reader.sha256.hexdigest() == expected.hexdigest()
    assert took <= SECONDS + BEHIND_SECONDS_MAX, rows
