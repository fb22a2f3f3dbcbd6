"""An app that writes faster than anybody reads a log, and a reader who is cut off once and gets every byte."""

import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from tests.bench.table import Row

SECONDS = 60
LINE_BYTES = 100
BEHIND_SECONDS_MAX = 10.0
SOURCE = "src/chatbot/register.py"
NAME, PROJECT = "Producer", "producer"
_END = "every line is written"
# Beside NAT's own lines in one pipe: a write of at most 4096 bytes is never torn.
_PRODUCER = """

def _produce() -> None:
    import os
    import time
    from pathlib import Path

    while not Path("go").exists():
        time.sleep(0.05)
    began, lines, batch = time.monotonic(), {lines}, 40
    for first in range(0, lines, batch):
        ahead = began + first / {rate} - time.monotonic()
        if ahead > 0.01:
            time.sleep(ahead)
        os.write(1, "".join(f"{{n:099d}}\\n" for n in range(first, first + batch)).encode())
    print(f"{end} after {{time.monotonic() - began:.1f}} s", flush=True)


__import__("threading").Thread(target=_produce, daemon=True).start()
"""


def producing(source: str, *, rate: int) -> str:
    """Return an app's `source` that also writes so many lines a second once it finds a file `go`."""
    return source + _PRODUCER.format(lines=rate * SECONDS, rate=rate, end=_END)


@dataclass
class Reader:
    """Follows the app's log, and goes on at its cursor after a break."""

    url: str
    token: str
    cursor: str = "0"
    lines: int = 0
    missing_bytes: int = 0
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    ended: bool = False

    def read(self, until_lines: int | None = None) -> None:
        """Read until the app says that it wrote everything, or until so many lines are there."""
        url = f"{self.url}/api/v1/projects/{PROJECT}/runtime/logs"
        asked = {"follow": "true", "cursor": self.cursor}
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/x-ndjson"}
        with (
            # The appliance's certificate is its own; its fingerprint is another test's.
            httpx.Client(headers=headers, timeout=60, trust_env=False, verify=False) as http,
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
            elif line.startswith(_END):
                self.ended = True


def read_through_a_disconnect(reader: Reader, *, rate: int) -> list[Row]:
    """Read all that the app writes, cut off in the middle; every byte came, soon after it was written."""
    lines = rate * SECONDS
    began = time.monotonic()
    reader.read(until_lines=lines // 2)
    reader.read()
    took = time.monotonic() - began
    rows = [
        Row("written", f"{lines:,} lines of {LINE_BYTES} bytes, {rate:,} a second"),
        Row("read, through one disconnect", f"{reader.lines:,} lines, {reader.missing_bytes} bytes missing"),
        Row("reader done after", f"{took:.1f} s", f"{SECONDS + BEHIND_SECONDS_MAX:.0f} s"),
    ]
    assert (reader.lines, reader.missing_bytes) == (lines, 0), rows
    expected = hashlib.sha256()
    for number in range(lines):
        expected.update(b"%099d\n" % number)
    assert reader.sha256.hexdigest() == expected.hexdigest()
    assert took <= SECONDS + BEHIND_SECONDS_MAX, rows
    return rows
