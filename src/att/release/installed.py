"""Installed releases: what lies under the releases folder, whether each is complete, and whether it is still intact."""

import hashlib
import json
import stat
from dataclasses import dataclass
from pathlib import Path

from att.kernel.errors import AttError, NotFound
from att.release.metadata import parse_metadata
from att.release.schema import COMPLETE, METADATA, SIGNATURES, File, Link, Metadata

_BESIDE = (METADATA, SIGNATURES, COMPLETE)


@dataclass(frozen=True)
class Problem:
    """One way in which a release differs from its metadata; `kind` is a stable word, `path` relative to the release."""

    path: str
    kind: str
    detail: str


def is_complete(release: Path) -> bool:
    """Say whether an installation of `release` was finished: `.complete` names its metadata."""
    try:
        sealed = (release / COMPLETE).read_text(encoding="ascii").strip()
        return sealed == digest_of(release)
    except (OSError, UnicodeDecodeError):
        return False


def digest_of(release: Path) -> str:
    """Return the hex sha256 of the release's metadata.json."""
    return hashlib.sha256((release / METADATA).read_bytes()).hexdigest()


def read_metadata(release: Path) -> Metadata:
    """Return the metadata of an installed release; NotFound when it has none."""
    try:
        return parse_metadata((release / METADATA).read_bytes())
    except OSError as error:
        raise NotFound("not_found", f"cannot read the release {release.name}: {error.strerror}") from error


def version_of(release: Path) -> str:
    """Return the version in an installed release's metadata.json, without checking the rest of it."""
    return str(json.loads((release / METADATA).read_bytes())["version"])


def verify_release(release: Path) -> list[Problem]:
    """Compare every file of an installed release with its metadata; an intact release has no problem."""
    if not is_complete(release):
        return [Problem(COMPLETE, "incomplete", "the release was not installed to its end, or its metadata changed")]
    try:
        metadata = read_metadata(release)
    except AttError as error:
        return [Problem(METADATA, "unreadable", error.detail)]
    present = {path.relative_to(release).as_posix() for path in release.rglob("*") if not _is_folder(path)}
    problems = [Problem(path, "extra", "not listed") for path in sorted(present - metadata.files.keys() - set(_BESIDE))]
    for path, entry in metadata.files.items():
        problem = _compare(release / path, path, entry)
        if problem:
            problems.append(problem)
    return problems


def _compare(file: Path, path: str, entry: File | Link) -> Problem | None:
    try:
        status = file.lstat()
        if isinstance(entry, Link):
            same = stat.S_ISLNK(status.st_mode) and str(file.readlink()) == entry.link
            return None if same else Problem(path, "link", f"not a link to {entry.link}")
        if not stat.S_ISREG(status.st_mode):
            return Problem(path, "kind", "no regular file")
        if stat.S_IMODE(status.st_mode) != int(entry.mode, 8):
            return Problem(path, "mode", f"mode {stat.S_IMODE(status.st_mode):04o}, listed as {entry.mode}")
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        return None if digest == entry.sha256 else Problem(path, "content", "other content than listed")
    except FileNotFoundError:
        return Problem(path, "missing", "listed and not there")
    except OSError as error:
        return Problem(path, "unreadable", error.strerror or str(error))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
