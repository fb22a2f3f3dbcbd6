"""Which version a checkout builds, by git alone: the tag, else the next patch with the first-parent count behind it."""

import hashlib
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from att.release.version import parse_version

FIRST = "0.1.0"
LEAN = "ATT_LEAN"
COMMIT_CHARS = 9
INPUTS = (
    "LICENSE",
    "locks/nat.txt",
    "locks/runtime.txt",
    "appliance/appliance.toml",
    "appliance/stage0",
    "docs/guide",
    "src",
    "systemd",
    "templates",
    "upgrade",
)
"""What a bundle is made of: a change elsewhere makes no other version."""
_TAG = re.compile(r"v?(\d+\.\d+\.\d+)")


class CannotBuild(Exception):
    """The checkout cannot be built as asked; the text says why and what to do."""


@dataclass(frozen=True)
class Identity:
    """What a build is called: `time` is the commit's, in Unix seconds; `nat` says whether it carries NAT's venv."""

    version: str
    commit: str
    time: int
    dirty: bool
    nat: bool = True


def identify(repository: Path, *, release: bool) -> Identity:
    """Return the identity of the checkout; a release build demands a clean and complete one.

    With ATT_LEAN=1 a build that is no release leaves NAT's venv out: without it the release is a quarter as large and
    runs no apps, which is enough for the tests of upgrades.
    """
    nat = release or not lean()
    commit, time = _git(repository, "log", "-1", "--format=%H %ct").split()
    if release and _git(repository, "status", "--porcelain"):
        raise CannotBuild("cannot build a release: the checkout has changes; commit them first")
    if release and _git(repository, "rev-parse", "--is-shallow-repository") == "true":
        raise CannotBuild("cannot build a release: the clone is shallow; run `git fetch --unshallow --tags`")
    changes = _changes_digest(repository)
    version = version_of(*_nearest_tag(repository), commit=commit, changes=changes, nat=nat)
    parse_version(version)
    return Identity(version=version, commit=commit, time=int(time), dirty=bool(changes), nat=nat)


def lean() -> bool:
    """Whether a build that is no release leaves NAT's venv out."""
    return os.environ.get(LEAN) == "1"


def version_of(tag: str | None, behind: int, *, commit: str, changes: str, nat: bool = True) -> str:
    """Return the version `behind` first-parent commits after `tag`; `changes` is a digest of what is not committed.

    Without NAT's venv it says `.lean`, also at a tag.
    """
    if tag and not behind and not changes and nat:
        return tag
    if tag:
        major, minor, patch = tag.split(".")
        following = f"{major}.{minor}.{int(patch) + 1}"
    else:
        following = FIRST
    local = commit[:COMMIT_CHARS] + (f".d{changes[:8]}" if changes else "") + ("" if nat else ".lean")
    return f"{following}.dev{behind}+g{local}"


def input_files(repository: Path) -> list[str]:
    """Return the files of the checkout that a bundle is made of, committed or not, ignored ones left out."""
    listed = _git(repository, "ls-files", "-co", "--exclude-standard", "-z", "--", *INPUTS).split("\0")
    return sorted(name for name in set(listed) if name and (repository / name).is_file())


def _nearest_tag(repository: Path) -> tuple[str | None, int]:
    described = subprocess.run(
        ["git", "describe", "--tags", "--first-parent", "--abbrev=0", "--match", "*[0-9].[0-9]*.[0-9]*"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    ).stdout.strip()
    found = _TAG.fullmatch(described)
    since = f"{described}..HEAD" if found else "HEAD"
    return found[1] if found else None, int(_git(repository, "rev-list", "--first-parent", "--count", since))


def _changes_digest(repository: Path) -> str:
    if not _git(repository, "status", "--porcelain", "--", *INPUTS):
        return ""
    digest = hashlib.sha256()
    for name in input_files(repository):
        content = (repository / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _git(repository: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=repository, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise CannotBuild(f"cannot ask git for the version: {done.stderr.strip()}")
    return done.stdout.strip()
