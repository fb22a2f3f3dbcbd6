"""Tries what a service must not be able to do; prints one JSON object: probe → `ok`, or why it did not work.

Usage: probe.py NAME[=ARGUMENT]… Runs with the system's Python inside a unit. Nothing it manages to do lasts.
"""

import ctypes
import errno
import json
import mmap
import os
import signal
import socket
import sys
import urllib.request
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH = 16
SYS_INIT_MODULE = 175
CLONE_NEWUSER = 0x10000000
ROUTER = "http://127.0.0.1:7444/v1/models"
SECONDS_MAX = 60


def checked(result: int) -> int:
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def read(path: str) -> None:
    with Path(path).open("rb") as stream:
        if not stream.read(1):
            raise OSError(errno.ENODATA, "masked")


def write(folder: str) -> None:
    path = f"{folder}/probe-{os.getpid()}"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL))
    Path(path).unlink()


def connect(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


def abstract(name: str) -> None:
    connect(f"\0{name}")


def port(number: str) -> None:
    socket.create_connection(("127.0.0.1", int(number)), SECONDS_MAX).close()


def router(variable: str) -> None:
    """Ask for the models with the key in that variable."""
    asked = urllib.request.Request(ROUTER, headers={"Authorization": f"Bearer {os.environ[variable]}"})
    urllib.request.urlopen(asked, timeout=SECONDS_MAX).close()


def send_signal(pid: str) -> None:
    """Ask whether that process may be sent a signal."""
    os.kill(int(pid), 0)


def inet(address: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((address, 53))


def ptrace(_: str) -> None:
    child = os.fork()
    if child == 0:
        signal.pause()
    try:
        checked(LIBC.ptrace(PTRACE_ATTACH, child, 0, 0))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def mount(_: str) -> None:
    checked(LIBC.mount(b"probe", b"/mnt", b"tmpfs", 0, b""))
    LIBC.umount(b"/mnt")


def module(_: str) -> None:
    """Give the kernel something that is no module: that the call gets as far as the kernel's loader is the success.

    A kernel that was built without a loader answers ENOSYS, but only to those whom nothing stopped before.
    """
    try:
        checked(LIBC.syscall(SYS_INIT_MODULE, b"\0" * 64, ctypes.c_ulong(64), b""))
    except OSError as error:
        if error.errno not in (errno.ENOEXEC, errno.ENOSYS):
            raise


def namespace(_: str) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0 if LIBC.unshare(CLONE_NEWUSER) == 0 else ctypes.get_errno())
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise OSError(code, os.strerror(code))


def execute_memory(_: str) -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def setuid_file(folder: str) -> None:
    path = f"{folder}/probe-{os.getpid()}"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL))
    try:
        Path(path).chmod(0o4755)
    finally:
        Path(path).unlink()


def tried(given: str) -> str:
    """Try one probe; returns `ok`, or why it did not work."""
    name, _, argument = given.partition("=")
    try:
        globals()[name](argument)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "ok"


def main() -> None:
    print(json.dumps({given: tried(given) for given in sys.argv[1:]}), flush=True)


if __name__ == "__main__":
    main()
