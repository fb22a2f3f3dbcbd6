"""The table a benchmark writes: what was measured, the figure, its bound, the peer and the ratio to it."""

import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

EVIDENCE = Path(__file__).parents[1] / "evidence"


@dataclass(frozen=True)
class Row:
    """One measurement; `bound` is the issue's, empty where there is none."""

    what: str
    figure: str
    bound: str = ""
    peer: str = ""
    ratio: str = ""


def commit() -> str:
    """Return the short commit the numbers belong to."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()


def write(name: str, command: str, rows: list[Row]) -> Path:
    """Print the rows as a Markdown table and keep them under tests/evidence/NAME.md."""
    head = [
        f"# {name}",
        "",
        f"`{command}` at commit {commit()}, {platform.machine()}, {platform.python_version()} on the build host.",
        "",
        "| what | figure | bound | peer | ratio |",
        "|---|---|---|---|---|",
    ]
    lines = [f"| {row.what} | {row.figure} | {row.bound} | {row.peer} | {row.ratio} |" for row in rows]
    text = "\n".join([*head, *lines, ""])
    print(text)
    target = EVIDENCE / f"{name}.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text(text)
    return target
