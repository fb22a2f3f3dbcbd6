"""What the workspace agent can do inside a project's sandbox: named verbs over one worktree.

A module of this package imports the standard library and the kernel alone (the agent starts in a moment) and offers

- `VERBS`: name (`files.read`) → function of the worktree and the arguments, both ways JSON; it raises AttErrors;
- `READS`: the names among them that change nothing, `AGAIN`: those that done twice change what done once does: both
  may be asked again when the agent died over them;
- `STREAMS`: name → function that also gets the connection; it calls `accept` when it is ready, then speaks raw bytes.
  It raises AttErrors before that, and returns when the connection is over.

A verb runs in a thread with `SECONDS_MAX` to answer; one that may take longer than that belongs into a task.
"""

import importlib
import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from att.kernel.errors import InvalidInput, NotFound

Verb = Callable[[Path, Mapping[str, Any]], Any]
StreamVerb = Callable[[Path, Mapping[str, Any], socket.socket], None]

MODULES = frozenset({"archive", "configs", "diff", "files", "git", "search", "tree"})
SECONDS_MAX = 60.0
_NAME_CHARS_MAX = 64


def find(name: str) -> Verb:
    """Return the verb of that name; NotFound when there is none."""
    verb: Verb | None = _table(name, "VERBS").get(name)
    if verb is None:
        raise _unknown(name)
    return verb


def find_stream(name: str) -> StreamVerb:
    """Return the stream verb of that name; NotFound when there is none."""
    verb: StreamVerb | None = _table(name, "STREAMS").get(name)
    if verb is None:
        raise _unknown(name)
    return verb


def repeats(name: str) -> bool:
    """Whether the verb of that name may be asked again when nobody knows if it was done."""
    return name in _table(name, "READS") or name in _table(name, "AGAIN")


def accept(connection: socket.socket, **header: Any) -> None:
    """Say on the connection of a stream verb that it is ready; raw bytes follow."""
    connection.sendall(json.dumps({"ok": header}).encode() + b"\n")


def taken[T](arguments: Mapping[str, Any], name: str, kind: type[T], default: T | None = None) -> T:
    """Return one argument of the right type; InvalidInput for another, or when it is missing without a default."""
    value = arguments.get(name, default)
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise InvalidInput("invalid_input", f"cannot take {name}: it must be a {kind.__name__}", field=name)


def _table(name: str, kind: str) -> Any:
    module = name.partition(".")[0]
    if module not in MODULES:
        raise _unknown(name)
    return getattr(importlib.import_module(f"{__name__}.{module}"), kind, {})


def _unknown(name: str) -> NotFound:
    return NotFound("not_found", f"cannot do {name[:_NAME_CHARS_MAX]!r}: the agent has no such verb")
