"""`att-run`, the parent of one task or app.

`python -P -m att.entrypoints.run FOLDER` takes a RunSpec on stdin and the folder of the task; it returns when the task
has begun, and goes on by itself. Without an argument it is the main process of a unit of the launcher: the TaskSpec is
the unit's credential `spec`, the project that of the unit's user. Exit codes: 0 the task has begun (or had begun
before), 2 the spec is wrong, 4 it could not begin.
"""

import json
import os
import pwd
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from att.effects.systemd import notify
from att.workspace.shim.limits import own_group
from att.workspace.shim.records import EXIT, OUT, RUN, take_lock
from att.workspace.shim.spec import OWN_TEMPORARY, SPEC_BYTES_MAX, Inside, RunSpec, parsed, resolved
from att.workspace.shim.supervisor import Supervisor

BEGUN, USAGE, FAILED = 0, 2, 4
CREDENTIAL = "spec"
EGRESS_PORT = 7446
USER_PREFIX = "att-"
_BEGUN = b"begun"
_LOOK_SECONDS = 0.01


def main(arguments: list[str]) -> int:
    """Run `att-run`; returns the exit code."""
    try:
        if arguments:
            spec = parsed(sys.stdin.buffer.read(SPEC_BYTES_MAX))
            return _detached(Path(arguments[0]), spec)
        spec, folder = _of_unit()
        return _run(folder, spec, lambda: notify("READY=1"), own_group())
    except (ValueError, KeyError) as error:
        sys.stderr.write(f"att-run: {error}\n")
        return USAGE
    except OSError as error:
        sys.stderr.write(f"att-run: cannot begin: {error}\n")
        return FAILED


def _of_unit() -> tuple[RunSpec, Path]:
    """Return what the launcher gave this unit, and the task's folder."""
    from att.appliance import facts, release_root
    from att.site.kept import authorities_at

    credential = Path(os.environ["CREDENTIALS_DIRECTORY"]) / CREDENTIAL
    task = json.loads(credential.read_bytes()[:SPEC_BYTES_MAX])
    where, release = facts(), release_root()
    folder = where.paths.projects / pwd.getpwuid(os.getuid()).pw_name.removeprefix(USER_PREFIX)
    inside = Inside(
        folder=folder,
        att_python=str(release / "venv" / "bin" / "python"),
        nat_python=str(release / "nat" / "bin" / "python"),
        temporary=OWN_TEMPORARY,
        egress=(EGRESS_PORT, str(where.unit("att-egress").socket_paths[0])),
        outward=((where.ports.router, str(where.unit("att-router").socket_paths[0])),),
        authorities=authorities_at(where.root) if task["grant"] is not None else "",
    )
    return resolved(task, inside), folder / "tasks" / task["task_id"]


def _run(folder: Path, spec: RunSpec, on_begun: Callable[[], object], group: Path | None = None) -> int:
    folder.mkdir(mode=0o770, exist_ok=True)
    os.chdir(folder)
    lock = take_lock(Path())
    while lock is None and not Path(RUN).exists():
        time.sleep(_LOOK_SECONDS)  # another att-run is about to begin: whoever asks for the state next shall find one
        lock = take_lock(Path())
    if lock is None or Path(RUN).exists() or Path(EXIT).exists():
        on_begun()
        return BEGUN
    Path(OUT).mkdir(exist_ok=True)
    Supervisor(spec, group).run(on_begun)
    os.close(lock)
    return BEGUN


def _detached(folder: Path, spec: RunSpec) -> int:
    """Run it in a process of its own that outlives this one; return when it has begun, or how it failed to."""
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    if os.fork():
        os.close(theirs)
        with os.fdopen(ours, "rb") as told:
            said = told.read()
        if said == _BEGUN:
            return BEGUN
        sys.stderr.write(f"att-run: cannot begin: {said.decode(errors='replace') or 'it ended'}\n")
        return FAILED
    os.setsid()
    os.close(ours)
    _forget_standard_streams()
    try:
        _run(folder, spec, partial(_tell, theirs, _BEGUN))
    except OSError as error:
        if not (folder / RUN).exists():
            _tell(theirs, str(error).encode())
        os._exit(FAILED)
    os._exit(BEGUN)


def _tell(pipe: int, text: bytes) -> None:
    with suppress(BrokenPipeError):  # who started us listens no more
        os.write(pipe, text)
        os.close(pipe)


def _forget_standard_streams() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.close(nothing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
