"""Files of keys that seal secrets at rest: one key, or two while another takes its place.

The first seals, each opens. So a key is replaced in three steps that a kill between any two leaves whole: the new one
before the old one, everything sealed again, the old one away.
"""

import os
import secrets
from pathlib import Path

from att.appliance import Facts
from att.effects.filesystem import write_atomically

KEY_BYTES = 32
PROJECTS_FILE = "sealing-key"
"""In the folder of secrets: seals variables and credentials of projects."""
PROVIDERS_FILE = "router/sealing.key"
"""In the state: seals the keys of LLM providers."""


class NoKey(ValueError):
    """The file does not hold one key or two."""


def read(path: Path) -> tuple[bytes, ...]:
    """Return the keys of a file, the one that seals first. Raises OSError, NoKey."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        text = os.read(fd, 2 * KEY_BYTES + 1)
    finally:
        os.close(fd)
    if len(text) not in (KEY_BYTES, 2 * KEY_BYTES):
        raise NoKey(f"{path.name} is no key")
    return tuple(text[begin : begin + KEY_BYTES] for begin in range(0, len(text), KEY_BYTES))


def make(path: Path, mode: int = 0o400) -> None:
    """Make a key once, readable by its owner alone."""
    if not path.exists():
        write_atomically(path, secrets.token_bytes(KEY_BYTES), mode=mode)


def under_way(path: Path) -> bool:
    """Whether the file holds the key before the present one too."""
    return len(read(path)) > 1


def unfinished(facts: Facts) -> list[str]:
    """Return which files of an appliance hold the key before the present one too; a release may know one alone."""
    files = facts.paths.secrets / PROJECTS_FILE, facts.paths.state / PROVIDERS_FILE
    return [str(path) for path in files if path.is_file() and path.stat().st_size > KEY_BYTES]


def begin(path: Path) -> None:
    """Put a new key before the present one; what is under way already goes on with the keys it has."""
    keys = read(path)
    if len(keys) == 1:
        _write(path, secrets.token_bytes(KEY_BYTES) + keys[0])


def end(path: Path) -> None:
    """Forget the former key."""
    keys = read(path)
    if len(keys) > 1:
        _write(path, keys[0])


def _write(path: Path, text: bytes) -> None:
    found = path.stat()
    write_atomically(path, text, mode=found.st_mode & 0o777, owner=(found.st_uid, found.st_gid))
