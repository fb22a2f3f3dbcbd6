"""The sandbox of `make dev`: bubblewrap, where it works. Another project's files, and the platform's, are not there.

Processes, IPC and files are a task's own; the network is the developer's, since apps are reached and reach the router
on loopback. Limits of memory and processes hold on the appliance alone.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from att.workspace.place import Place
from att.workspace.shim.records import AUTHORITIES, OUT
from att.workspace.shim.spec import OWN_TEMPORARY, RunSpec

_PROBE_SECONDS = 10


@dataclass(frozen=True)
class Seen:
    """What a task may see beside its own: `hidden` folders are empty, `shown` ones are read-only within them."""

    hidden: tuple[Path, ...]
    shown: tuple[Path, ...]


def around(spec: RunSpec, place: Place, seen: Seen, program: str) -> RunSpec:
    """Return the task started by bubblewrap. Pure.

    Its temporary folder is made by that, so whom to trust is written where it leaves its files.
    """
    own = (place.work, place.home, place.task(spec.task_id) / OUT)
    arguments = [
        *(program, "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent"),
        *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", OWN_TEMPORARY, "--tmpfs", "/run"),
        *("--ro-bind-try", "/run/systemd/resolve", "/run/systemd/resolve"),
        *_each("--tmpfs", [path for path in seen.hidden if not _is_above(path, seen.shown)]),
        *_each("--ro-bind", seen.shown),
        *_each("--tmpfs", [path for path in seen.hidden if _is_above(path, seen.shown)]),
        *_each("--bind", own),
        *("--chdir", spec.cwd, "--"),
        *(("setsid", "--ctty") if spec.pty else ()),
    ]
    trusted = (str(own[-1] / AUTHORITIES), spec.authorities[1]) if spec.authorities else None
    return replace(spec, argv=(*arguments, *spec.argv), cwd="/", contained=True, authorities=trusted)


def _each(option: str, paths: Sequence[Path]) -> list[str]:
    doubled = option != "--tmpfs"
    return [part for path in paths for part in (option, *([str(path)] * (2 if doubled else 1)))]


def _is_above(path: Path, shown: Sequence[Path]) -> bool:
    """Whether a folder to hide lies within one that is shown, so that it has to be hidden after that."""
    return any(path.is_relative_to(one) for one in shown)


def seen(hidden: Sequence[Path], release: Path, interpreters: Sequence[str]) -> Seen:
    """Return what tasks of this machine see: the release and its interpreters, nothing else of the developer's home."""
    home = Path.home()
    needed = {release, Path(sys.base_prefix), *(Path(one).resolve().parent.parent for one in interpreters)}
    out_of_sight = [path for path in (home, *hidden) if path != Path("/") and path.is_dir()]
    return Seen(tuple(out_of_sight), tuple(sorted(path for path in needed if path.is_dir())))


@cache
def program() -> str | None:
    """Return bubblewrap's path where it works for this user, else None."""
    found = shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin")
    if found is None:
        return None
    command = [found, "--unshare-pid", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "true"]
    try:
        done = subprocess.run(
            command, env={"PATH": os.defpath}, capture_output=True, timeout=_PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found if done.returncode == 0 else None
