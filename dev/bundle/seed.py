"""The seed: ATT's own repository with its whole history, as an image carries it for project `att`."""

import os
import subprocess
import tempfile
from pathlib import Path

from dev.bundle.identity import CannotBuild

SEED = "att.bundle"
BRANCH = "refs/heads/main"


def seed(repository: Path, commit: str, output: Path) -> Path:
    """Write the git bundle of `commit` as branch main, with all that led to it and its tags, to `output`; return that.

    CannotBuild for a shallow clone, and for a commit that the repository has not.
    """
    if _git(repository, "rev-parse", "--is-shallow-repository") == "true":
        raise CannotBuild("cannot make the seed: the clone is shallow; run `git fetch --unshallow --tags`")
    objects = _git(repository, "rev-parse", "--path-format=absolute", "--git-path", "objects")
    _git(repository, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_suffix(".partial")
    with tempfile.TemporaryDirectory(prefix="seed-") as folder:
        # Whatever branch the checkout is on, and whatever its configuration says: the seed's branch is main.
        _git(Path(folder), "init", "-q", "--bare", "--template=", ".")
        (Path(folder) / "objects" / "info").mkdir(exist_ok=True)
        (Path(folder) / "objects" / "info" / "alternates").write_text(f"{objects}\n")
        _git(Path(folder), "update-ref", BRANCH, commit)
        _git(Path(folder), "symbolic-ref", "HEAD", BRANCH)
        for tag in _git(repository, "tag", "--merged", commit).splitlines():
            name = f"refs/tags/{tag}"
            _git(Path(folder), "update-ref", name, _git(repository, "rev-parse", name))
        # One thread: the same commit gives the same bytes.
        create = ("-c", "pack.threads=1", "bundle", "create", "-q", str(partial.resolve()))
        _git(Path(folder), *create, "HEAD", BRANCH, "--tags")
    partial.rename(output)
    return output


def _git(folder: Path, *words: str) -> str:
    plain = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *words], cwd=folder, env=plain, capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode:
        said = done.stderr.strip() or f"git {words[0]} ended with {done.returncode}"
        raise CannotBuild(f"cannot make the seed: {said}")
    return done.stdout.strip()
