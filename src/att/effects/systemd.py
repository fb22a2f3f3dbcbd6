"""Talks to the service manager that started this process: readiness, watchdog, inherited sockets. Stdlib only."""

import os
import socket
from dataclasses import dataclass

FIRST_FD = 3


def notify(*lines: str) -> bool:
    """Send e.g. `READY=1`, `STATUS=…`, `WATCHDOG=1`, `STOPPING=1`; False where nobody takes it.

    Never blocks and never raises: a full queue of the manager must not stop a service.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sender:
            sender.connect(address)
            sender.send("\n".join(lines).encode())
    except OSError:
        return False
    return True


def watchdog_seconds() -> float | None:
    """How often to send `WATCHDOG=1` (half of what the manager allows), None where it watches nothing."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    allowed = os.environ.get("WATCHDOG_USEC", "")
    return int(allowed) / 2_000_000 if allowed.isdigit() and int(allowed) else None


@dataclass(frozen=True)
class ListenFd:
    """One inherited descriptor and the name of the socket unit that holds it (`FileDescriptorName=`)."""

    fd: int
    name: str


def listen_fds() -> tuple[ListenFd, ...]:
    """The sockets this process was started with, in the order of the socket units; empty when it was not.

    Meant for this process alone: they are made close-on-exec, and the variables leave the environment.
    """
    pid, count, names = (os.environ.pop(key, "") for key in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
    if pid != str(os.getpid()) or not count.isdigit():
        return ()
    labels = names.split(":") if names else []
    found = []
    for index in range(int(count)):
        fd = FIRST_FD + index
        os.set_inheritable(fd, False)
        found.append(ListenFd(fd, labels[index] if index < len(labels) else ""))
    return tuple(found)
