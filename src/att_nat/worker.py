"""`python -m att_nat.worker`: answers the platform's questions about NAT, one JSON line for each on stdin.

    {"id": 1, "verb": "validate", "arguments": {…}}  →  {"id": 1, "result": {…}} or {"id": 1, "error": "…"}

The first line it writes says that the plugins are loaded. It runs nothing of a project and opens no file; it ends when
stdin ends, or when a question left it larger than MEMORY_BYTES_MAX, so that the next one gets a fresh worker.
"""

import json
import logging
import os
import resource
import signal
import sys
import warnings
from typing import Any, BinaryIO

LINE_BYTES_MAX = 8 * 1024 * 1024
MEMORY_BYTES_MAX = 512 * 1024 * 1024
DATA_BYTES_MAX = 1024 * 1024 * 1024
SECONDS_MAX = 20


class TooLong(Exception):
    """A question took longer than SECONDS_MAX of the processor."""


def main() -> int:
    """Answer until stdin ends; return the exit code."""
    os.environ["NAT_TELEMETRY_ENABLED"] = "false"
    os.environ["NAT_TELEMETRY_ENDPOINT"] = ""
    questions, answers = sys.stdin.buffer, _answers()
    warnings.simplefilter("ignore")
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)

    from att_nat.verbs import Verbs  # takes seconds, and prints

    verbs = Verbs()
    _limit_data()
    signal.signal(signal.SIGPROF, _too_long)
    _write(answers, {"ready": verbs.version({})})
    while question := questions.readline(LINE_BYTES_MAX):
        _write(answers, answer(verbs, question))
        if _memory() > MEMORY_BYTES_MAX:
            return 0
    return 0


def answer(verbs: Any, line: bytes) -> dict[str, Any]:
    """Return the answer to one line."""
    asked: Any = None
    signal.setitimer(signal.ITIMER_PROF, SECONDS_MAX)
    try:
        asked = json.loads(line)
        verb = verbs.TABLE[asked["verb"]]
        return {"id": asked["id"], "result": verb(verbs, asked["arguments"])}
    except Exception as error:  # the worker outlives every question
        logging.getLogger(__name__).exception("a question failed")
        number = asked.get("id") if isinstance(asked, dict) else None
        return {"id": number, "error": f"{type(error).__name__}: {error}"[:500]}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _limit_data() -> None:
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (DATA_BYTES_MAX, DATA_BYTES_MAX))
    except (OSError, ValueError) as error:
        # A hardened service may not set limits; then its own limit and the look after each question hold.
        logging.getLogger(__name__).warning("no limit of memory: %s", error)


def _answers() -> BinaryIO:
    """Return the stream of answers; whatever else prints to stdout goes to stderr from now on."""
    kept = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(kept, "wb")


def _write(answers: BinaryIO, value: dict[str, Any]) -> None:
    answers.write(json.dumps(value, separators=(",", ":"), default=str).encode() + b"\n")
    answers.flush()


def _too_long(_number: int, _frame: Any) -> None:
    raise TooLong(f"it took more than {SECONDS_MAX} s")


def _memory() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - once a question
        return int(file.read().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    raise SystemExit(main())
