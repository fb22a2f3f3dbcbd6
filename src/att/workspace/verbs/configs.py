"""Collects what the check of a NAT config reads: the config, and the text of the project's own package."""

import os
import stat
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from att.kernel.errors import InvalidInput, NotFound, TooLarge
from att.workspace.verbs import Verb, taken
from att.workspace.verbs.beneath import folder, opened, parts_of
from att.workspace.verbs.reasons import explained, invalid

CONFIG_BYTES_MAX = 1024 * 1024
SOURCE_BYTES_MAX = 512 * 1024
SOURCES_BYTES_MAX = 4 * 1024 * 1024
SOURCES_MAX = 400
FOLDERS_MAX = 2000
CANDIDATES = tuple(
    f"{where}{name}" for where in ("configs/", "") for name in ("config.yml", "config.yaml", "workflow.yml")
)
"""Where a project's config is looked for, in this order, when nobody names it."""
_SKIPPED = frozenset({"__pycache__", "node_modules", "tests", "test", "build", "dist"})
_READING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY


def collect(root: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return `path` and `text` of the config (of the first of CANDIDATES without `path`; `text` is null with
    `only_sources`), the texts of the package's modules (`sources`), its name, and whether some were left out.
    """
    path, only_sources = taken(arguments, "path", str, ""), taken(arguments, "only_sources", bool, False)
    with folder(root) as top:
        found = path or _first(top) if not only_sources else ""
        text = _text(top, found, CONFIG_BYTES_MAX) if found else None
        sources, whole = _sources(top)
        return {"path": found, "text": text, "sources": sources, "whole": whole, "package": _package(top)}


def _first(top: int) -> str:
    for candidate in CANDIDATES:
        with suppress(OSError), opened(top, parts_of(candidate), _READING) as fd:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                return candidate
    raise NotFound("nat_config_missing", f"cannot find the NAT config: there is none of {', '.join(CANDIDATES)}")


def _text(top: int, path: str, bytes_max: int) -> str:
    parts = parts_of(path)
    with explained("read", path), opened(top, parts, _READING) as fd:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise invalid(path, "it is no file")
        raw = _read(fd, bytes_max)
    if raw is None:
        raise TooLarge("body_too_large", f"cannot check {path}: it is larger than {bytes_max} bytes", field="path")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"cannot check {path}: byte {error.start} is not UTF-8"
        raise InvalidInput("file_kind", message, field="path") from error


def _read(fd: int, bytes_max: int) -> bytes | None:
    """Return the whole file, None when it is larger than that."""
    with os.fdopen(os.dup(fd), "rb") as file:
        raw = file.read(bytes_max + 1)
    return raw if len(raw) <= bytes_max else None


def _sources(top: int) -> tuple[dict[str, str], bool]:
    """Return path → text of the package's modules, and whether these are all of them."""
    sources: dict[str, str] = {}
    total, whole = 0, True
    for path in _modules(top):
        if not path:
            return sources, False
        with suppress(OSError), opened(top, parts_of(path), _READING, follow=False) as fd:
            regular = stat.S_ISREG(os.fstat(fd).st_mode)
            raw = _read(fd, SOURCE_BYTES_MAX) if regular else b""
            if raw is None or len(sources) >= SOURCES_MAX or total + len(raw) > SOURCES_BYTES_MAX:
                whole = False
                continue
            total += len(raw)
            sources[path] = raw.decode("utf-8", "replace")
    return sources, whole


def _modules(top: int) -> Iterator[str]:
    """Yield the paths of Python files below `src`, else below the worktree, in a stable order; "" ends too many."""
    start = "src"
    try:
        os.close(os.open(start, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top))
    except OSError:
        start = "."
    for seen, (where, folders, names, _) in enumerate(os.fwalk(start, dir_fd=top)):
        if seen > FOLDERS_MAX:
            yield ""
            return
        folders[:] = sorted(one for one in folders if one not in _SKIPPED and not one.startswith("."))
        yield from (os.path.normpath(f"{where}/{name}") for name in sorted(names) if name.endswith(".py"))


def _package(top: int) -> str:
    """Return the name that pyproject.toml gives the package, nothing when it gives none."""
    with suppress(OSError, ValueError, AttributeError), opened(top, ("pyproject.toml",), _READING) as fd:
        name = tomllib.loads((_read(fd, CONFIG_BYTES_MAX) or b"").decode()).get("project", {}).get("name")
        return name[:200] if isinstance(name, str) else ""
    return ""


VERBS: Mapping[str, Verb] = {"configs.collect": collect}
READS = frozenset({"configs.collect"})
