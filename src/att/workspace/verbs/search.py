"""Searches the lines of the project's files, in a process of its own that can be killed: a pattern may never end."""

import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from att.kernel.error_json import error_from, error_object
from att.kernel.errors import AttError, InvalidInput
from att.workspace.verbs import Verb, taken
from att.workspace.verbs.beneath import folder, opened
from att.workspace.verbs.reasons import explained
from att.workspace.verbs.walk import ignored, told, walk

MATCHES_MAX = 1000
FILE_BYTES_MAX = 4 * 1024 * 1024
TEXT_CHARS_MAX = 500
PATTERN_CHARS_MAX = 2000
SECONDS_MAX = 20.0
MEMORY_BYTES_MAX = 512 * 1024 * 1024
_BINARY_LOOK_BYTES = 8192
_READING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY


def lines(root: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lines that hold `query`; raises InvalidInput for a pattern that is none, or that takes too long."""
    command = [sys.executable, "-P", "-m", __name__, str(root)]
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LC_ALL") if name in os.environ}
    try:
        done = subprocess.run(
            command,
            input=json.dumps(dict(arguments)).encode(),
            stdout=subprocess.PIPE,
            timeout=SECONDS_MAX,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        detail = f"cannot search: it takes more than {SECONDS_MAX:g} seconds"
        raise InvalidInput("search_too_slow", detail, field="query") from None
    answer = json.loads(done.stdout) if done.stdout else {}
    if "ok" not in answer:
        raise error_from(answer.get("error"), "the search")
    found: dict[str, Any] = answer["ok"]
    return found


def search(root: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Search in this process, which may take for ever."""
    pattern = _pattern(arguments)
    path, names = taken(arguments, "path", str, ""), taken(arguments, "names", str, "")
    limit = min(taken(arguments, "limit", int, MATCHES_MAX), MATCHES_MAX)
    matches: list[dict[str, Any]] = []
    searched = skipped = 0
    with folder(root) as top, explained("search", path or "the project"):
        for found in walk(top, path, hidden=taken(arguments, "hidden", bool, False), skip=ignored(root)):
            if found.kind != "file" or (names and not _named(found.path, names)):
                continue
            text = _text(top, found.path) if found.stat.st_size <= FILE_BYTES_MAX else None
            searched += text is not None
            skipped += text is None
            for match in _matches(pattern, text or ""):
                if len(matches) == limit:
                    return {"matches": matches, "files": searched, "skipped": skipped, "truncated": True}
                matches.append({"path": told(found.path), **match})
    return {"matches": matches, "files": searched, "skipped": skipped, "truncated": False}


def _pattern(arguments: Mapping[str, Any]) -> re.Pattern[str]:
    query = taken(arguments, "query", str)
    if not query or len(query) > PATTERN_CHARS_MAX or "\n" in query:
        why = f"it must be one line of 1 to {PATTERN_CHARS_MAX} characters"
        raise InvalidInput("search_pattern", f"cannot search for that: {why}", field="query")
    flags = re.NOFLAG if taken(arguments, "case", bool, True) else re.IGNORECASE
    try:
        return re.compile(query if taken(arguments, "regex", bool, False) else re.escape(query), flags)
    except (re.PatternError, RecursionError, OverflowError) as error:
        raise InvalidInput("search_pattern", f"cannot search for that pattern: {error}", field="query") from error


def _named(path: str, names: str) -> bool:
    return fnmatchcase(path if "/" in names else path.rpartition("/")[2], names)


def _text(top: int, path: str) -> str | None:
    """Return a file as text; None for one that is none, or cannot be read now."""
    try:
        with opened(top, tuple(path.split("/")), _READING, follow=False) as fd, os.fdopen(os.dup(fd), "rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError:
        return None
    if b"\0" in data[:_BINARY_LOOK_BYTES] or len(data) > FILE_BYTES_MAX:
        return None
    return data.decode("utf-8", "replace")


def _matches(pattern: re.Pattern[str], text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        match = pattern.search(line)
        if match is not None:
            start = max(0, match.start() - TEXT_CHARS_MAX // 2) if len(line) > TEXT_CHARS_MAX else 0
            yield {"line": number, "column": match.start() + 1, "text": line[start : start + TEXT_CHARS_MAX]}


def main() -> None:
    """Search as the parent says on stdin; answer on stdout as the agent would."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    answer: dict[str, Any]
    try:
        answer = {"ok": search(Path(sys.argv[1]), json.load(sys.stdin))}
    except AttError as error:
        answer = {"error": error_object(error)}
    sys.stdout.write(json.dumps(answer))


VERBS: Mapping[str, Verb] = {"search.lines": lines}
READS = frozenset(VERBS)

if __name__ == "__main__":
    main()
