"""Starts the first process of a task."""

import fcntl
import os
import resource
import struct
import subprocess
import termios
from dataclasses import dataclass
from pathlib import Path

from att.workspace.shim.descendants import die_with_parent
from att.workspace.shim.spec import RunSpec

PIPE_BYTES = 1024 * 1024
_ROWS, _COLUMNS = 24, 80
_OOM_SCORE = "800"
"""Above that of `att-run`: where memory runs out the kernel ends the task, not the one who can say why."""


@dataclass(frozen=True)
class Child:
    """The process and where its output arrives: a pipe, or the near side of its terminal."""

    pid: int
    output: int


def start(spec: RunSpec, environment: dict[str, str], argv: list[str], inherited: tuple[int, ...]) -> Child:
    """Start it in a session of its own, to be killed by the kernel when this process ends; raises OSError."""
    ours, theirs = _terminal() if spec.pty else _pipe()
    given = _filled(spec.stdin.encode()) if spec.stdin and not spec.pty else None
    parent = os.getpid()

    def prepare() -> None:
        die_with_parent(parent)
        os.umask(0o022)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
        if spec.pty and not spec.contained:
            fcntl.ioctl(1, termios.TIOCSCTTY, 0)

    try:
        process = subprocess.Popen(
            argv,
            stdin=theirs if spec.pty else subprocess.DEVNULL if given is None else given,
            stdout=theirs,
            stderr=theirs,
            cwd=spec.cwd,
            env=environment,
            start_new_session=True,
            pass_fds=inherited,
            preexec_fn=prepare,
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
        if given is not None:
            os.close(given)
    process.returncode = 0  # it is reaped together with all other children, not through this object
    return Child(process.pid, ours)


def _pipe() -> tuple[int, int]:
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    os.set_blocking(ours, False)
    return ours, theirs


def _filled(data: bytes) -> int:
    """Return a file that holds `data`, at its beginning: in memory, with no name anywhere."""
    file = os.memfd_create("stdin", os.MFD_CLOEXEC)
    os.write(file, data)
    os.lseek(file, 0, os.SEEK_SET)
    return file


def _terminal() -> tuple[int, int]:
    ours, theirs = os.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    os.set_blocking(ours, False)
    return ours, theirs
