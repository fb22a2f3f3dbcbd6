"""Starts a service as systemd does: what it listens on is handed over from descriptor 3 on."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# In the child: the test's own descriptors 3 and 4 are how a worker of pytest-xdist hears of its tests.
_RUNNER = """
import fcntl, os, sys
given = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in sys.argv[1].split(",")]
for number, fd in enumerate(given, 3):
    os.dup2(fd, number, inheritable=True)
    os.close(fd)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(given))}
os.execv(sys.executable, [sys.executable, "-m", sys.argv[2]])
"""


def activated(
    module: str, listeners: Sequence[socket.socket], *, environment: Mapping[str, str], journal: Path
) -> subprocess.Popen[bytes]:
    """Run a module with the sockets it inherits; what it says on stderr is added to `journal`."""
    numbers = [listener.fileno() for listener in listeners]
    command = [sys.executable, "-c", _RUNNER, ",".join(map(str, numbers)), module]
    with journal.open("ab") as said:
        return subprocess.Popen(command, env={**os.environ, **environment}, pass_fds=numbers, stderr=said)
