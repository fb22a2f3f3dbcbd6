"""A minimal Debian root with the appliance's Python, made once and kept; commands run in it without a network.

The release's programs are built there because their interpreter, libraries and paths are those of the appliance.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from dev.vm.sources import KEYRING, RELEASE, deb822, host_mirror
from dev.vm.step import run

PACKAGES = ("python3", "python3-venv")
FORM = 1
"""Raise it when the root must be made anew."""
_HERE = Path(__file__).parent


def cache_folder() -> Path:
    """Return the folder of what builds keep: `ATT_CACHE`, else `att` in the user's cache folder."""
    named = os.environ.get("ATT_CACHE")
    folder = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "att"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(cache: Path) -> Iterator[None]:
    """Let one build at a time fill the cache; others wait."""
    with (cache / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def buildroot_key() -> str:
    """Return what a build root's content is decided by, as a short digest."""
    return hashlib.sha256(repr((RELEASE, PACKAGES, FORM)).encode()).hexdigest()[:16]


def buildroot(cache: Path, log: Path) -> Path:
    """Return the build root, made with mmdebstrap from the host's own Debian mirror where it is not there yet."""
    root = cache / f"root-{buildroot_key()}"
    if (root / ".made").exists():
        return root
    shutil.rmtree(root, ignore_errors=True)
    sources = cache / "root.sources"
    sources.write_text(deb822(host_mirror()))
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", f"--keyring={KEYRING}"]
    command += ["--aptopt=Acquire::Retries 3", RELEASE, str(root), str(sources)]
    run(command, timeout_seconds=900, log=log)
    for folder in ("opt/att/releases", "build", "mnt/tool"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / ".made").touch()
    return root


def run_inside(
    root: Path,
    command: Sequence[str],
    *,
    releases: Path,
    build: Path,
    tool: Path,
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run `command` in the root: `releases` is its /opt/att/releases, `build` its /build, `tool` its /mnt/tool.

    It has a mount, process and network namespace of its own, so nothing reaches the internet. `build` and the root
    itself are read-only.
    """
    space = ["unshare", "--mount", "--pid", "--net", "--ipc", "--fork", "--kill-child"]
    if os.geteuid():
        space += ["--user", "--map-auto", "--map-root-user"]
    given = [f"{name}={value}" for name, value in (environment or {}).items()]
    inside = [str(root), str(releases), str(build), str(tool), *given, *command]
    run([*space, "sh", str(_HERE / "inside.sh"), *inside], timeout_seconds=900, log=log)
