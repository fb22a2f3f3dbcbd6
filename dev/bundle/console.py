"""The web console of a release, built from an exported checkout; kept by the digest of what it is built from."""

import hashlib
import os
import shutil
from pathlib import Path

from dev.vm.step import run

from att.release.own import console_inputs

_FOLDER = Path("src") / "console"


def console(tree: Path, cache: Path, tools: Path, log: Path) -> Path | None:
    """Return the folder of the built console, None where the checkout has none; `tools` holds node and npm."""
    source = tree / _FOLDER
    if not (source / "package.json").exists():
        return None
    kept = cache / f"console-{_digest(tree)}"
    if kept.exists():
        return kept
    path = {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    _modules(source, cache, path, log)
    run(["npm", "run", "--silent", "build"], timeout_seconds=600, log=log, cwd=source, environment=path)
    partial = kept.with_suffix(f".{os.getpid()}")
    shutil.copytree(source / "dist", partial, ignore=shutil.ignore_patterns(".*"))
    partial.rename(kept)
    return kept


def _modules(source: Path, cache: Path, path: dict[str, str], log: Path) -> None:
    """Fill node_modules: from the cache when the lock is known, else with npm ci."""
    lock = (source / "package-lock.json").read_bytes()
    kept = cache / f"node-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not kept.exists():
        command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
        run(command, timeout_seconds=900, log=log, cwd=source, environment=path)
        partial = kept.with_suffix(f".{os.getpid()}")
        shutil.copytree(source / "node_modules", partial, symlinks=True)
        partial.rename(kept)
        return
    shutil.copytree(kept, source / "node_modules", symlinks=True, copy_function=os.link)


def _digest(tree: Path) -> str:
    digest = hashlib.sha256()
    files = [path for path in (tree / _FOLDER).rglob("*") if path.is_file() and "node_modules" not in path.parts]
    for name in console_inputs(path.relative_to(tree).as_posix() for path in files):
        content = (tree / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]
