"""Takes a pack apart with git. It runs as the building user, who has no network, no state and one file to write.

Everything here reads what strangers may have written; nothing of it is believed by who reads the result.
"""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import IO

from att.upgrade.building.job import PACK, RESULT, JobFailed
from att.upgrade.building.store import ALL_BYTES_MAX, OBJECT_BYTES_MAX, OBJECTS_MAX

PACK_BYTES_MAX = 128 << 20
_GIT_SECONDS = 150
_LISTED_BYTES_MAX = OBJECTS_MAX * 12
_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
}


def unpack(folder: Path) -> None:
    """Write every object of the pack in `folder` to its result, as `git cat-file --batch` does; JobFailed."""
    with tempfile.TemporaryDirectory() as scratch:
        _git(scratch, "init", "-q", "--bare", "--template=", ".")
        # Objects are checked one by one, not what they name: the parents of the oldest commit are not in the pack, and
        # whoever reads the result follows every id from there on.
        index = ("index-pack", "--stdin", "--fsck-objects", f"--max-input-size={PACK_BYTES_MAX}")
        with (folder / PACK).open("rb") as pack:
            _git(scratch, *index, source=pack)
        _check_sizes(scratch)
        with (folder / RESULT).open("wb") as result:
            _git(scratch, "cat-file", "--batch-all-objects", "--batch", target=result)


def _check_sizes(repository: str) -> None:
    """Refuse what is too much before it is written, with a word for it; who reads the result has the same limits."""
    with tempfile.TemporaryFile() as listed:
        _git(repository, "cat-file", "--batch-all-objects", "--batch-check=%(objectsize)", target=listed)
        if listed.tell() > _LISTED_BYTES_MAX:
            raise JobFailed(f"it holds more than {OBJECTS_MAX} objects")
        listed.seek(0)
        sizes = [int(line) for line in listed]
    if len(sizes) > OBJECTS_MAX or sum(sizes) > ALL_BYTES_MAX or max(sizes, default=0) > OBJECT_BYTES_MAX:
        raise JobFailed(f"{len(sizes)} objects of {sum(sizes)} bytes, one of {max(sizes)}, are too much")


def _git(repository: str, *words: str, source: IO[bytes] | None = None, target: IO[bytes] | None = None) -> None:
    limits = ("-c", "core.packedGitLimit=64m", "-c", "core.deltaBaseCacheLimit=32m", "-c", "pack.threads=1")
    try:
        done = subprocess.run(
            ["git", *limits, *words],
            cwd=repository,
            env=_ENVIRONMENT,
            stdin=source or subprocess.DEVNULL,
            stdout=target or subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise JobFailed(f"git {words[0]}: {type(error).__name__}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"it ended with {done.returncode}"]
        raise JobFailed(f"git {words[0]}: {said[-1]}")
    if target is not None:
        target.seek(0, os.SEEK_END)
