"""A second set of names for bare git repositories, made in milliseconds: what is in it stays as it was.

Objects are never written again, so they are linked; all else is small and copied. Refs go before the objects they
name, loose objects before the packs that they may move to meanwhile.
"""

import os
import shutil
from pathlib import Path

_LOOKS_MAX = 5
# Of a push that runs: it has no ref yet.
_UNFINISHED = ("tmp_", "incoming-", "quarantine")


def copy_repositories(source: Path, target: Path) -> None:
    """Make `target` of the repositories in `source`, both on one file system; an empty folder where there are none."""
    target.mkdir(mode=0o700)
    if not source.is_dir():
        return
    for repository in sorted(path for path in source.iterdir() if path.suffix == ".git" and path.is_dir()):
        made = target / repository.name
        made.mkdir(mode=0o700)
        # A loose ref may move to packed-refs meanwhile, never back.
        names = {path.name for path in repository.iterdir()} - {"objects"}
        for name in sorted(names, key=lambda name: (name == "packed-refs", name)):
            _copy(repository / name, made / name)
        _link(repository / "objects", made / "objects")


def _copy(source: Path, target: Path) -> None:
    try:
        if source.is_dir() and not source.is_symlink():
            target.mkdir(mode=0o700)
            for path in sorted(source.iterdir()):
                _copy(path, target / path.name)
        elif source.suffix != ".lock":
            shutil.copy2(source, target, follow_symlinks=False)
    except FileNotFoundError:
        return  # a ref that was packed or deleted meanwhile


def _link(source: Path, target: Path) -> None:
    """Link a folder of objects; looked at again when something in it went away, for it may have moved."""
    target.mkdir(mode=0o700, exist_ok=True)
    for _ in range(_LOOKS_MAX):
        moved = False
        for path in sorted(source.iterdir(), key=lambda path: (path.name == "pack", path.name)):
            if path.name.startswith(_UNFINISHED):
                continue
            if path.is_dir():
                _link(path, target / path.name)
                continue
            try:
                os.link(path, target / path.name, follow_symlinks=False)
            except FileExistsError:
                continue
            except FileNotFoundError:
                moved = True
        if not moved:
            return
