"""The table a measurement writes: what was measured, how, the figure, its bound, the peer and the ratio to it."""

import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

EVIDENCE = Path(__file__).parents[1] / "evidence"


@dataclass(frozen=True)
class Row:
    """One measurement; `bound` is the issue's, empty where there is none; `how` the command that gave the figure."""

    what: str
    figure: str
    bound: str = ""
    peer: str = ""
    ratio: str = ""
    how: str = ""


_HEADS = {"what": "what", "figure": "figure", "bound": "bound", "peer": "peer", "ratio": "ratio", "how": "command"}


def commit() -> str:
    """Return the short commit the numbers belong to, with -dirty where anything but the tables differs from it."""
    name = _git("rev-parse", "--short=10", "HEAD")
    return f"{name}-dirty" if _git("status", "--porcelain", "--", ":/", ":(top,exclude)tests/evidence") else name


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True, timeout=20).stdout.strip()


def machine() -> str:
    """Return what the build host is: cores, processor, memory, system, Python."""
    cpu = _field("/proc/cpuinfo", "model name") or platform.machine()
    memory = int(_field("/proc/meminfo", "MemTotal").split()[0]) / 2**20
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    linux = platform.release().partition("-")[0]
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {cpu}, {memory:.0f} GB, {system}, Linux {linux}, Python {platform.python_version()}"


def write(name: str, command: str, rows: list[Row], *, of: str = "") -> Path:
    """Print the rows as a Markdown table and keep them under tests/evidence/NAME.md; empty columns are left out.

    `of` says what was measured where that is more than the checkout.
    """
    shown = [field for field in _HEADS if any(getattr(row, field) for row in rows)]
    lines = [
        f"# {name}",
        "",
        f"`{command}` at commit {commit()}{of and f', {of}'}, on {machine()}.",
        "",
        _line(_HEADS[field] for field in shown),
        _line("---" for _ in shown),
        *(_line(getattr(row, field) for field in shown) for row in rows),
        "",
    ]
    text = "\n".join(lines)
    print(text)
    target = EVIDENCE / f"{name}.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text(text)
    return target


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _field(file: str, name: str) -> str:
    for line in Path(file).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
