"""On the build host: NAT's worker, its start, its memory, and how long the check of a config takes it."""

import json
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.bench.processes import pss_bytes_of
from tests.bench.table import Row

from att.appliance import facts
from att.nat.place import nat_python

RUNS = 100
TEMPLATE = Path("templates") / "chatbot" / "files"
_MIB = 2**20


def worker() -> list[Row]:
    """Return the worker's rows; the config is the chatbot template's, with the text of its package."""
    command = [str(nat_python(facts())), "-P", "-m", "att_nat.worker"]
    started = time.monotonic()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd="/"
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the worker needs pipes")
        ready = json.loads(process.stdout.readline())["ready"]
        start = time.monotonic() - started
        taken = []
        for _ in range(RUNS + 1):
            before = time.perf_counter()
            process.stdin.write(json.dumps({"id": 1, "verb": "validate", "arguments": _question()}) + "\n")
            process.stdin.flush()
            verdict = json.loads(process.stdout.readline())["result"]
            taken.append(1000 * (time.perf_counter() - before))
            if verdict["problems"]:
                raise RuntimeError(f"the template is not valid: {verdict['problems']}")
        memory = pss_bytes_of(process.pid) / _MIB
        process.stdin.close()
    how = "`python -m att_nat.worker`"
    of = f"the chatbot template, {RUNS} times after one, question to answer over the pipe"
    percentile = statistics.quantiles(taken[1:], n=20)[-1]
    return [
        Row("NAT's worker ready", f"{start:.1f} s", "", how=f"{how}, {ready['components']} components"),
        Row("NAT's worker, memory", f"{memory:.0f} MiB", "330 MB with the router", how=f"{how}, PSS after the checks"),
        Row("check of a config, warm", f"{statistics.median(taken[1:]):.1f} ms", "50 ms", how=f"{of}, median"),
        Row("check of a config, warm", f"{percentile:.1f} ms", "50 ms", how=f"{of}, 95 %"),
    ]


def _question() -> dict[str, Any]:
    sources = {str(path.relative_to(TEMPLATE)): path.read_text() for path in (TEMPLATE / "src").rglob("*.py")}
    text = (TEMPLATE / "configs" / "config.yml").read_text()
    return {
        "file": "configs/config.yml",
        "files": {"configs/config.yml": text},
        "sources": sources,
        "package": "chatbot",
    }
