"""Names the folders and files that builds read and write."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from dev.vm.step import output_of

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "artifacts"
STATE = ROOT / ".state" / "vm"


def cache() -> Path:
    """The build cache: everything in it can be made again, and may vanish at any time."""
    named = os.environ.get("ATT_CACHE")
    place = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "att"
    place.mkdir(parents=True, exist_ok=True)
    return place


def files_of(*parts: str) -> list[Path]:
    """Files and links below the given paths of the repository that git tracks or would track, sorted."""
    listed = output_of(["git", "-C", ROOT, "ls-files", "-z", "-co", "--exclude-standard", "--", *parts])
    found = {ROOT / name for name in listed.split("\0") if name}
    return sorted(file for file in found if file.is_symlink() or file.is_file())


def digest_of(files: Iterable[Path], *more: str) -> str:
    """Digest of the files' names, modes and bytes and of some further words: the key of what is built from them."""
    total = hashlib.sha256()
    for file in files:
        mode = "link" if file.is_symlink() else "program" if os.access(file, os.X_OK) else "file"
        content = os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes()
        total.update(f"{file.relative_to(ROOT)}\0{mode}\0".encode())
        total.update(hashlib.sha256(content).digest())
    for word in more:
        total.update(f"\0{word}".encode())
    return total.hexdigest()[:16]


def sha256_of(file: Path) -> str:
    """The file's sha256 in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
