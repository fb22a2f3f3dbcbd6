"""Judges one file or directory that holds a secret: kind, owner, mode. Standard library alone, no I/O.

The engine's verb, `attctl secrets check` and `att-check-perms` all decide here.
"""

import stat
from collections.abc import Iterator
from dataclasses import dataclass

FILE_MODES = (0o400, 0o600)


@dataclass(frozen=True)
class Rule:
    """What must hold of `path`: owned by one of `uids`; a directory at most `mode_max`, a file 0400 or 0600."""

    path: str
    uids: tuple[int, ...]
    mode_max: int = 0o600
    directory: bool = False


@dataclass(frozen=True)
class Found:
    """What lstat says of a path."""

    mode: int
    uid: int
    links: int = 1


def violations(rule: Rule, found: Found) -> Iterator[str]:
    """Yield each way in which what was found breaks the rule."""
    if stat.S_ISLNK(found.mode):
        yield "is a symbolic link"
        return
    if found.uid not in rule.uids:
        yield f"belongs to uid {found.uid}, must belong to uid {' or '.join(map(str, rule.uids))}"
    bits = stat.S_IMODE(found.mode)
    if rule.directory:
        if not stat.S_ISDIR(found.mode):
            yield "is no directory"
        elif bits & ~rule.mode_max:
            yield f"has mode {bits:04o}, at most {rule.mode_max:04o} is allowed"
        return
    if not stat.S_ISREG(found.mode):
        yield "is no regular file"
        return
    if bits not in FILE_MODES:
        yield f"has mode {bits:04o}, must have {' or '.join(f'{one:04o}' for one in FILE_MODES)}"
    if found.links > 1:
        yield f"has {found.links} hard links, must have one"
